"""Talks in which films were recommended, as published: INSPIRED (Hayati et al. 2020), ReDial (Li et al. 2018)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from palate.errors import PalateError

NEEDED = ("dialog_id", "speaker", "text", "movies", "genres", "people_names")
_MENTION = re.compile(r"@(\d+)")
_YEAR = re.compile(r"\((\d{4})\)\s*$")
LARGEST_FIELD = 1_000_000


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing said; `films`, `genres` and `names` are what its annotators found in it."""

    recommender: bool
    text: str
    films: tuple[str, ...]
    genres: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialogue:
    id: str
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True, slots=True)
class Film:
    """What is known of a film apart from dialogues; its id is its title with the year, as everywhere here."""

    title: str
    genres: tuple[str, ...] = ()
    plot: str = ""

    @property
    def year(self) -> int | None:
        found = _YEAR.search(self.title)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A moment at which a film was recommended that nobody had named before: what was said by then, and the film."""

    dialogue: str
    before: tuple[Utterance, ...]
    named: frozenset[str] = field(default_factory=frozenset)
    film: str = ""
    said: str = ""
    """The recommender's words with the film in them."""


def read_inspired(path: Path) -> list[Dialogue]:
    """`inspired_dev.tsv`, `inspired_test.tsv` and their like."""
    csv.field_size_limit(LARGEST_FIELD)
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, delimiter="\t")
            missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise PalateError("dialogues_unreadable", f"it has no column {', '.join(missing)}", about=str(path))
            said: dict[str, list[Utterance]] = {}
            for row in reader:
                said.setdefault(row["dialog_id"] or "", []).append(_utterance(row))
    except FileNotFoundError:
        raise PalateError("file_missing", "it is not there", about=str(path)) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise PalateError("dialogues_unreadable", f"not tab-separated text: {error}", about=str(path)) from None
    return [Dialogue(id, tuple(utterances)) for id, utterances in said.items()]


def read_redial(path: Path) -> list[Dialogue]:
    """ReDial as published (Li et al. 2018): a conversation a line; a film in a text is `@` and its number.

    The respondent recommends. Numbers are replaced by titles, and what a conversation does not name stays a number.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise PalateError("file_missing", "it is not there", about=str(path)) from None
    except UnicodeDecodeError:
        raise PalateError("dialogues_unreadable", "it is not text", about=str(path)) from None
    return [_redial(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _redial(line: str, about: str) -> Dialogue:
    try:
        row = json.loads(line)
        mentions = dict(row["movieMentions"] or {})
        titles = {str(id): str(title).strip() for id, title in mentions.items() if title}
        said = [_redial_utterance(message, row["respondentWorkerId"], titles) for message in row["messages"]]
        return Dialogue(str(row["conversationId"]), tuple(said))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"not a conversation of ReDial: {type(error).__name__} {error}"[:200]
        raise PalateError("dialogues_unreadable", reason, about=about) from None


def _redial_utterance(message: Mapping[str, Any], respondent: object, titles: Mapping[str, str]) -> Utterance:
    text = str(message["text"])
    found = [titles[id] for id in _MENTION.findall(text) if id in titles]
    plain = _MENTION.sub(lambda mention: titles.get(mention[1], mention[0]), text)
    return Utterance(message["senderWorkerId"] == respondent, plain, tuple(dict.fromkeys(found)))


def read_films(path: Path) -> dict[str, Film]:
    """MovieLens 100K's `items.csv`: genres are columns of 0 and 1, plots under `overview`."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    plain = {"movie_id", "title", "year", "overview", "original_language", "runtime", "vote_average", "vote_count"}
    films = {}
    for row in rows:
        genres = tuple(_spaced(name) for name, value in row.items() if name not in plain and value == "1")
        title = _article_first(row["title"])
        films[title] = Film(title, genres, row.get("overview") or "")
    return films


def suggestions(dialogues: list[Dialogue]) -> list[Suggestion]:
    """Every film that a recommender is the first to name, with all that was said before."""
    found = []
    for dialogue in dialogues:
        named: set[str] = set()
        for at, utterance in enumerate(dialogue.utterances):
            if utterance.recommender:
                before = dialogue.utterances[:at]
                new = [film for film in dict.fromkeys(utterance.films) if film not in named]
                found += [Suggestion(dialogue.id, before, frozenset(named), film, utterance.text) for film in new]
            named.update(utterance.films)
    return found


def _utterance(row: Mapping[str, str | None]) -> Utterance:
    return Utterance(
        row["speaker"] == "RECOMMENDER",
        row["text"] or "",
        _parts(row["movies"]),
        _parts(row["genres"]),
        _parts(row["people_names"]),
    )


def _parts(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(";") if part.strip())


def _spaced(name: str) -> str:
    """FilmNoir -> film noir."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _article_first(title: str) -> str:
    """`Usual Suspects, The (1995)` -> `The Usual Suspects (1995)`."""
    return re.sub(r"^(.*), (The|A|An)( \(\d{4}\))$", r"\2 \1\3", title)
