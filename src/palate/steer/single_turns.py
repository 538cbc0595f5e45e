"""Choices outside conversations, and published preferences: what kinds of people are learned from first.

As PASTA does: its user model is trained on single turns (Pick-a-Pic and others), of which there are many, and then
fine-tuned on conversations, of which there are few. Both are kept apart until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from palate.catalogue.choices import Choice
from palate.errors import PalateError
from palate.importers.preferences import Preference
from palate.taste.evidence import Evidence, Floats, Pairs, Scores

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder
    from palate.steer.steering import Grounds

AVERAGE = ""
"""In place of a picture: who likes a picture prefers it to the average one, whose features are zero."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
AT_ONCE = 64


def as_preferences(made: Iterable[Choice]) -> list[Preference]:
    """Battles, sorts, likes, dislikes and ratings; what a slate was answered with is no single turn."""
    found = []
    for choice in made:
        said = choice.payload
        if said.get("columns") or said.get("tie"):
            continue
        pictures: Sequence[str] = ()
        picture, rating = str(said.get("picture", AVERAGE)), None
        if choice.kind == "battle":
            pair = [*map(str, said.get("pictures") or ()), str(said.get("loser", AVERAGE))]
            losers = [one for one in pair if one not in (AVERAGE, said.get("winner"))]
            pictures = (str(said.get("winner", AVERAGE)), *losers[:1])
        elif choice.kind in ("sort", "pick"):
            pictures = [str(one) for one in said.get("pictures") or ()]
        elif choice.kind in ("like", "select"):
            pictures = (picture, AVERAGE)
        elif choice.kind == "dislike":
            pictures = (AVERAGE, picture)
        elif choice.kind == "rate" and isinstance(said.get("value"), int | float):
            pictures, rating = (picture,), float(said["value"])
        if len(pictures) > 1 or rating is not None:
            found.append(Preference(choice.person, "", tuple(pictures), rating))
    return found


def evidence_of_preferences(preferences: Iterable[Preference], known: Mapping[str, Floats], wide: int) -> Evidence:
    """Of a ranking each neighbour beats the next; ratings are measured from their own mean, in their own spread.

    Pictures that have no features (`known`: (d,) by id) are left out.
    """
    rows = {AVERAGE: 0, **{id: row for row, id in enumerate(known, 1)}}
    features = np.vstack([np.zeros((1, wide)), *(vector[None] for vector in known.values())])
    people: dict[str, int] = {}
    pairs: list[tuple[int, int, int]] = []
    scores: list[tuple[int, int, float]] = []
    for one in preferences:
        seen = [rows[id] for id in one.pictures if id in rows]
        person = people.setdefault(one.person, len(people))
        if one.rating is None:
            pairs += [(person, better, worse) for better, worse in pairwise(seen)]
        elif seen and seen[0]:
            scores.append((person, seen[0], one.rating))
    who, better, worse = np.array(pairs, dtype=np.intp).reshape(-1, 3).T
    rater, row, value = np.array(scores, dtype=np.float64).reshape(-1, 3).T
    if len(value):
        value = (value - value.mean()) / max(float(value.std()), 1e-9)
    rated = Scores(rater.astype(np.intp), row.astype(np.intp), value)
    return Evidence(features, len(people), Pairs(who, better, worse), rated)


def published(
    preferences: Iterable[Preference], folder: Path, grounds: Grounds, encoder: Encoder
) -> tuple[list[Preference], dict[str, Floats]]:
    """Published preferences whose pictures lie in `folder`, and those pictures' features; the rest are left out."""
    kept: list[Preference] = []
    files: dict[str, Path] = {}
    for one in preferences:
        for name in one.pictures:
            if name not in files and (file := _file_of(folder, name)):
                files[name] = file
        if all(name in files for name in one.pictures):
            kept.append(one)
    if not kept:
        raise PalateError("pictures_missing", "no preference has all of its pictures here", about=str(folder))
    return kept, _features(files, grounds, encoder)


def _features(files: Mapping[str, Path], grounds: Grounds, encoder: Encoder) -> dict[str, Floats]:
    from palate.safety.pictures import open_picture

    found: dict[str, Floats] = {}
    names = list(files)
    for begin in range(0, len(names), AT_ONCE):
        part = names[begin : begin + AT_ONCE]
        vectors = encoder.encode_pictures([open_picture(files[name]) for name in part])
        found |= dict(zip(part, grounds.taste.of_pictures(vectors), strict=True))
    return found


def _file_of(folder: Path, name: str) -> Path | None:
    """The picture of this name or path; never one outside of the folder."""
    for file in (folder / name, *(folder / f"{name}{suffix}" for suffix in SUFFIXES)):
        try:
            inside = file.resolve()
            if inside.is_relative_to(folder.resolve()) and inside.is_file():
                return inside
        except (OSError, ValueError):  # no name that a file can have
            continue
    return None
