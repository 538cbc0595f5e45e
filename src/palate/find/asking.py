"""`find`, `identify`, `similar` and `weights learn`: from what was asked to a ranking with reasons."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.catalogue import pictures as picture_rows
from palate.catalogue import vectors
from palate.catalogue.home import CELLS, Home
from palate.errors import PalateError
from palate.find import reasons
from palate.find.evidence import Source, combine
from palate.find.filters import Filters
from palate.find.hub import Hub
from palate.find.many import ManyStyles
from palate.find.requirement import Asked, Reader, Requirement, space_of_home
from palate.find.scores import Weights, parse_weights
from palate.find.style import StyleIndex
from palate.find.weights import Selection
from palate.find.weights import learn_weights as learn
from palate.find.words import WordsScores, words_scores
from palate.ranking import Ranked, Ranking, Reason
from palate.settings import Settings

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

Floats = NDArray[np.float64]
FIND_BY = ("gre", "clip", "mcos", "popularity", "style")
IDENTIFY_BY = ("style", "pmi", "mms", "rkme", "popularity")
SHOWN = 200
SPARE = 20
"""Asked of an index beyond what is to be shown: the picture itself, and what was removed since the index was told."""
MOST_LIKED_COUNT = 3.0
"""A person's likings count as at most so many example pictures, however many there are."""


@dataclass(frozen=True, eq=False)
class Question:
    """A requirement and the hub it is put to."""

    hub: Hub
    requirement: Requirement
    filters: Filters
    started: float
    explained: int = SHOWN
    """Reasons are worked out for so many rows."""

    def ranking(
        self, by: str, scores: Floats, why: Callable[[int], tuple[Reason, ...]], warnings: Sequence[str] = ()
    ) -> Ranking:
        """Models that pass the filters and have a score, best first; equal scores stand in the order of their ids."""
        allowed = self.filters.mask(self.hub.models) & ~np.isnan(scores)
        order = [int(m) for m in np.argsort(-np.nan_to_num(scores), kind="stable") if allowed[m]]
        rows = tuple(
            Ranked(model.id, model.name, float(scores[m]), why(m) if place < self.explained else ())
            for place, (m, model) in enumerate((m, self.hub.models[m]) for m in order)
        )
        said = (*self.requirement.warnings, *warnings)
        return Ranking(by, rows, (time.perf_counter() - self.started) * 1000, said)


def put(
    home: Home,
    settings: Settings,
    encoder: Callable[[], Encoder],
    asked: Asked,
    filters: Filters,
    *,
    by: str = "",
    top: int = SHOWN,
) -> Question:
    """Read what was asked into the home's space, and load the hub; of it a short list, where there is an index."""
    started = time.perf_counter()
    space = space_of_home(home, settings.encoder)
    requirement = Reader(home, space, encoder).read(asked)
    if by == "style" and home.places.index == CELLS:
        return put_to_many(ManyStyles.open(home, space), requirement, filters, started, top)
    return Question(Hub.load(home, space), requirement, filters, started)


def put_to_many(
    styles: ManyStyles, requirement: Requirement, filters: Filters, started: float, top: int, explained: int = SHOWN
) -> Question:
    """The hub of the question's short list: the `top` models by style, and a few more."""
    _require_pictures(requirement)
    query = style_queries(requirement, styles.style)[0].sum(axis=0)
    return Question(styles.hub(query, filters, top), requirement, filters, started, explained)


def find(question: Question, *, by: str, weights: Weights) -> Ranking:
    """Models for words, example pictures and a person's likings, from all that was given."""
    if by not in FIND_BY:
        raise PalateError("unknown_method", f"'{by}' is none of {', '.join(FIND_BY)}", about="by")
    asked = question.requirement
    if asked.words is None and asked.pictures is None and asked.liked is None and by != "popularity":
        raise PalateError("nothing_asked", "there is nothing to rank by", hint="give a prompt, --picture, or --person")
    if by == "popularity":
        return _by_popularity(question)
    words = None
    if asked.words is not None:
        words = words_scores(question.hub.words, asked.words, asked.prompt_id)
    if by == "style" or (words is not None and asked.pictures is None and asked.liked is None):
        return _by_style(question) if words is None or by == "style" else _by_words(question, words, by, weights)
    return _by_everything(question, words, by, weights)


def _by_popularity(question: Question) -> Ranking:
    counts = question.hub.specifications.downloads
    return question.ranking("popularity", counts, lambda m: (reasons.downloads(counts[m], counts[m]),))


def _words_part(words: WordsScores, by: str, weights: Weights) -> Floats:
    return {"gre": words.gre(weights), "clip": words.clip, "mcos": words.mcos}[by]


def _by_words(question: Question, words: WordsScores, by: str, weights: Weights) -> Ranking:
    scores = _words_part(words, by, weights)
    return question.ranking(
        by, scores, lambda m: reasons.of_words(question.hub, question.requirement, words, by, weights, m)
    )


def _by_style(question: Question) -> Ranking:
    _require_pictures(question.requirement)
    scores, why = style_scores(question)
    return question.ranking("style", scores, why)


def _require_pictures(asked: Requirement) -> None:
    if asked.pictures is None and asked.liked is None:
        raise PalateError("no_pictures", "style is read from pictures", about="by", hint="give --picture or --person")


def style_queries(asked: Requirement, index: StyleIndex) -> tuple[NDArray[np.float32], list[str]]:
    """(n, k + 2) what each example, and all likings together, ask of the index, and what to call them."""
    parts, names = [], []
    if asked.pictures is not None:
        parts.append(index.queries(asked.pictures, asked.captions))
        names += [reasons.example(number, len(asked.pictures)) for number in range(len(asked.pictures))]
    if asked.liked is not None:
        share = np.float32(min(1.0, MOST_LIKED_COUNT / len(asked.liked)))
        parts.append(share * index.queries(asked.liked).sum(axis=0, keepdims=True))
        names.append(reasons.likings(len(asked.liked)))
    return np.concatenate(parts), names


def style_scores(question: Question) -> tuple[Floats, Callable[[int], tuple[Reason, ...]]]:
    """Each example is a summand, so what it is worth to a model is what the score falls by without it."""
    asked, index = question.requirement, question.hub.style
    queries, names = style_queries(asked, index)
    rows = index.scores(queries).astype(np.float64)
    return rows.sum(axis=0), lambda m: reasons.of_style(question.hub, asked, rows[:, m], names, m)


def _by_everything(question: Question, words: WordsScores | None, by: str, weights: Weights) -> Ranking:
    hub, sources, warnings = question.hub, [], []
    if words is not None:
        scale = hub.words_scale(weights)
        if scale == 0:
            warnings.append("the hub drew too little to tell from words which model fits; only the pictures count")
        sources.append(Source("words", _words_part(words, by, weights), scale))
    told: Callable[[int], tuple[Reason, ...]] = lambda _: ()  # noqa: E731
    if question.requirement.pictures is not None or question.requirement.liked is not None:
        scores, told = style_scores(question)
        sources.append(Source("style", scores, hub.style_scale))
    evidence = combine(sources)

    def why(m: int) -> tuple[Reason, ...]:
        return reasons.of_evidence(hub, question.requirement, evidence, words, told, m)

    return question.ranking("all evidence", evidence.scores, why, warnings)


def identify(question: Question, *, by: str) -> Ranking:
    """Models that draw like the example pictures, by one method."""
    if by not in IDENTIFY_BY:
        raise PalateError("unknown_method", f"'{by}' is none of {', '.join(IDENTIFY_BY)}", about="by")
    asked = question.requirement
    if asked.pictures is None:
        raise PalateError("no_pictures", "give at least one example picture")
    if by == "style":
        return _by_style(question)
    if by == "popularity":
        return _by_popularity(question)
    from palate.find.matching import matching_scores

    scores, warnings = matching_scores(question.hub, asked, by)
    return question.ranking(by, scores, lambda m: reasons.of_matching(question.hub, asked, by, scores, m), warnings)


def similar(home: Home, settings: Settings, encoder: Callable[[], Encoder], picture: str | Path, top: int) -> Ranking:
    """Pictures by cosine to one picture, whatever model drew them; the picture itself is left out."""
    started = time.perf_counter()
    space = space_of_home(home, settings.encoder)
    ids, asked = Reader(home, space, encoder).pictures([picture])
    index = home.nearest(space)
    near = None if index is None else [id for id, _ in index.search(asked[0], top + SPARE)]
    with home.read() as connection:
        known, rows = vectors.load(connection, space, "picture", near)  # what an index still has and we have not is out
        scores = rows @ asked[0]
        order = [int(row) for row in np.argsort(-scores, kind="stable") if known[row] != ids[0]][:top]
        makers = picture_rows.makers(connection, [known[row] for row in order])
    found = tuple(
        Ranked(
            known[row],
            makers.get(known[row], "unknown model"),
            float(scores[row]),
            (_alike(float(scores[row]), known[row]),),
        )
        for row in order
    )
    return Ranking("similar", found, (time.perf_counter() - started) * 1000)


def _alike(cosine: float, picture: str) -> Reason:
    text = f"its picture is like yours: {reasons.of_a_hundred(cosine)}"
    return Reason(text, cosine, (picture,), measure=f"cosine {cosine:.4f}")


def learn_weights(home: Home, settings: Settings, selected: Path, by: str) -> dict[str, Any]:
    """The GRE weights under which the pictures that were selected stand highest among those of their prompt."""
    try:
        ids = [line.split(",")[0].strip() for line in selected.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise PalateError("selection_unreadable", f"cannot be read: {error}", about=str(selected)) from error
    wanted = {id for id in ids if id and id not in ("picture", "id")}
    return learn_from(Hub.load(home, space_of_home(home, settings.encoder)), wanted, by)


def learn_from(hub: Hub, wanted: Set[str], by: str) -> dict[str, Any]:
    """The GRE weights under which these pictures stand highest among those of their prompt."""
    drawn, popularity = hub.words.drawn, hub.words.popularity
    shown = np.array([hub.specifications.picture_ids[row] for row in drawn.row])
    chosen = np.isin(shown, sorted(wanted))
    unknown = sorted(wanted - set(shown[chosen]))
    selections = []
    for prompt in np.unique(drawn.prompt[chosen]):
        cells = np.flatnonzero(drawn.prompt == prompt)
        parts = np.stack([drawn.norm_clip[cells], drawn.norm_mcos[cells], popularity[drawn.model[cells]]], axis=1)
        selections.append(Selection(parts, tuple(int(row) for row in np.flatnonzero(chosen[cells]))))
    if not selections:
        raise PalateError("nothing_selected", "none of the selected pictures was drawn for a known prompt here")
    learned = learn(selections, by)
    return {
        "by": by,
        "weight_clip": learned.clip,
        "weight_mcos": learned.mcos,
        "weight_popularity": learned.popularity,
        "selected": int(chosen.sum()),
        "prompts": len(selections),
        "unknown": unknown,
    }


def weights_of(settings: Settings, given: str | Sequence[float] | None) -> Weights:
    return Weights(*settings.weights) if given is None else parse_weights(given)
