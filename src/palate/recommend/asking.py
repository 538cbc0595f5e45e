"""`recommend`: from what people here chose to things that are here, those that nobody chose yet included."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from palate.catalogue import choices, vectors
from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.find.requirement import space_of_home
from palate.ranking import Ranked, Ranking, Reason
from palate.recommend.blurred import BlurredKNN
from palate.recommend.content import content_of
from palate.recommend.histories import Histories, Scores, State, counts_of
from palate.recommend.influence import guarded
from palate.recommend.methods import METHODS, Content, Method
from palate.recommend.protocol import Recommender

KINDS = ("pictures", "models")
ALIKE = 10
"""A thing that nobody chose is scored as so many things that look most like it."""
LATEST = 30
"""Reasons are sought among so many of a person's latest choices."""
FEW_PEOPLE = 2000
CROWD = 20
"""People from which on it can be told who is more alike than people are; fewer know one another."""
BLUR = 300
"""People from which on blurred counts say more than their noise."""
MOST_BLURRED = 4000
"""Chosen things that all pairs of can be blurred."""
SECRET = secrets.randbits(63)
"""Of the noise, as long as this process lives: one blur for all who ask, and nobody can work it out."""
BY_LOOKS = "it goes by what looks like your own choices: what others chose is told to nobody"
BY_BLUR = "what others chose counts blurred, so that nobody can be told from it"
REASONS = 2
NOTHING: Content = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Things:
    """What can be recommended; the first `len(chosen)` of them were chosen by somebody."""

    ids: tuple[str, ...]
    names: Mapping[str, str]
    look: NDArray[np.float32]
    """(n, d) unit vectors."""
    people: tuple[str, ...]
    histories: Histories
    """One a person, of positions in `ids`."""
    chosen: int
    content: Content = field(default_factory=dict)
    """What methods read of the things themselves, in the order of `ids`."""

    @cached_property
    def place(self) -> dict[str, int]:
        """The position of each thing."""
        return {id: at for at, id in enumerate(self.ids)}

    def history_of(self, person: str) -> NDArray[np.int64]:
        if person not in self.people:
            return np.empty(0, np.int64)
        return self.histories[self.people.index(person)]


def recommend(home: Home, *, encoder: str, person: str, by: str, of: str, top: int, whole: bool = False) -> Ranking:
    """Things that the person did not choose yet, best first, each with the choices that speak for it.

    `whole`: learned from everybody's choices as they are, for whoever may read them all; else as others may ask it.
    """
    began = time.perf_counter()
    if by not in METHODS:
        raise PalateError("unknown_method", f"'{by}' is none of {', '.join(METHODS)}", about="by")
    if of not in KINDS:
        raise PalateError("unknown_kind", f"'{of}' is none of {', '.join(KINDS)}", about="of")
    space = space_of_home(home, encoder)
    with home.read() as connection:
        found, liked = likeness(connection, space, of), choices.likings(connection)
        disliked = choices.disliked_pictures(connection, person)
    scorer = learned_whole(found, liked, by) if whole else learned(found, liked, by)
    answer = ranked(scorer, person, by=by, hidden=disliked, top=top)
    return replace(answer, took_ms=(time.perf_counter() - began) * 1000)


def learned_whole(found: Likeness, liked: Mapping[str, Sequence[str]], by: str) -> Scorer:
    """A method that has learned from what everybody chose."""
    return _whole(_things(found, liked), by)


def learned(found: Likeness, liked: Mapping[str, Sequence[str]], by: str) -> Scorer:
    """What others may ask (THREATS T26): nobody is told who chose what, unless so few are here that they know it.

    From `CROWD` people on others' choices teach nothing, and things go by how they look beside one's own; from `BLUR`
    people on they teach through blurred counts, whatever the method that was asked for.
    """
    things = _things(found, liked)
    people = len(things.people)
    if people < CROWD:
        return _whole(things, by)
    if people < BLUR or things.chosen > MOST_BLURRED:
        return Scorer(Looks(things.look), things, reads=True, counts=np.zeros(things.chosen), note=BY_LOOKS)
    recommender = BlurredKNN(seed=SECRET).fit(taught(things, things.chosen), things.chosen)
    return Scorer(recommender, things, counts=recommender.counts, note=BY_BLUR)


def _things(found: Likeness, liked: Mapping[str, Sequence[str]]) -> Things:
    return arranged(found.ids, found.names, found.look, found.chose(liked), found.content)


def _whole(things: Things, by: str) -> Scorer:
    return Scorer(fitted(METHODS[by], things), things, reads=bool(METHODS[by].content))


@dataclass
class Looks:
    """Things that look like the history's: learned from nobody."""

    look: NDArray[np.float32]
    """(n, d) unit vectors."""

    def fit(self, histories: Histories, items: int) -> Self:
        del histories, items
        return self

    def score(self, histories: Histories) -> Scores:
        """(m, n) the mean cosine to a history's things, what is unlike counting nothing."""
        means = [self.look[one].mean(axis=0) if len(one) else np.zeros(self.look.shape[1]) for one in histories]
        scores: Scores = np.maximum(np.asarray(means, np.float32) @ self.look.T, 0.0)
        return scores

    def state(self) -> State:
        return {"look": self.look}

    def restore(self, state: State) -> Self:
        self.look = state["look"]
        return self


def ranked(scorer: Scorer, person: str, *, by: str, hidden: Sequence[str], top: int) -> Ranking:
    """What the person did not choose yet and is not hidden, best first."""
    things = scorer.things
    history = things.history_of(person)
    if not len(history) and not scorer.counts.any():
        hint = "`palate choose PICTURE --as like`, or ask with words: `palate find`"
        raise PalateError("nothing_chosen", f"nothing is known of {person} yet", hint=hint)
    scores = scorer.scores(history)[0]
    new = np.ones(len(scores), dtype=bool)
    new[history] = False
    new[[things.place[id] for id in hidden if id in things.place]] = False
    best = np.argsort(-scores, kind="stable")
    order = best[new[best]][:top].tolist()
    why = reasons(scorer, history, order)
    rows = tuple(
        Ranked(things.ids[at], things.names[things.ids[at]], float(scores[at]), why[place])
        for place, at in enumerate(order)
    )
    warnings = () if len(history) else (f"nothing is known of {person} yet: this is what most people chose",)
    return Ranking(by, rows, warnings=(*warnings, scorer.note) if scorer.note else warnings)


@dataclass(frozen=True, eq=False)
class Likeness:
    """What can be recommended and how it looks, whoever chooses."""

    ids: tuple[str, ...]
    names: Mapping[str, str]
    look: NDArray[np.float32]
    drew: Mapping[str, Sequence[str]] | None
    """Of models: which ones a picture speaks for."""
    content: Content = field(default_factory=dict)

    def chose(self, liked: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """Who chose these things, from who chose which pictures."""
        if self.drew is None:
            return liked
        return {person: [model for id in own for model in self.drew.get(id, ())] for person, own in liked.items()}


def likeness(connection: Connection, space: Space, of: str) -> Likeness:
    """Of pictures that are everybody's and have a vector, or of their models."""
    evidence = picture_rows.evidence(connection)
    drew: dict[str, list[str]] = {}
    for row in evidence:
        drew.setdefault(row.picture_id, []).append(row.model_id)
    ids, look = vectors.load(connection, space, "picture", sorted(drew))
    if of == "pictures":
        names = picture_rows.makers(connection, ids)
        content = content_of(connection, space, evidence, {id: [id] for id in ids}, look)
        return Likeness(tuple(ids), {id: f"by {names.get(id, 'unknown')}" for id in ids}, look, None, content)
    by_model: dict[str, list[int]] = {}
    for at, id in enumerate(ids):
        for model in drew[id]:
            by_model.setdefault(model, []).append(at)
    names = {model.id: model.name for model in model_rows.listed(connection)}
    means = np.array([look[rows].mean(axis=0) for rows in by_model.values()], np.float32)
    own = {model: [ids[at] for at in rows] for model, rows in by_model.items()}
    content = content_of(connection, space, evidence, own, means)
    return Likeness(tuple(by_model), names, means, drew, content)


def arranged(
    ids: Sequence[str],
    names: Mapping[str, str],
    look: NDArray[np.float32],
    liked: Mapping[str, Sequence[str]],
    content: Content = NOTHING,
) -> Things:
    """Chosen things first, so that methods number only those."""
    here = {id: at for at, id in enumerate(ids)}
    chosen = list(dict.fromkeys(id for own in liked.values() for id in own if id in here))
    if not chosen:
        raise PalateError(
            "nothing_chosen",
            "nobody has chosen anything yet, so there is nothing to go by",
            hint="`palate choose PICTURE --as like`, or ask with words: `palate find`",
        )
    taken = set(chosen)
    order = [*chosen, *(id for id in ids if id not in taken)]
    place = {id: at for at, id in enumerate(order)}
    at = [here[id] for id in order]
    rows = look[at]
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    people = tuple(person for person, own in liked.items() if any(id in here for id in own))
    histories = [np.array([place[id] for id in liked[person] if id in here], np.int64) for person in people]
    unit = rows / np.maximum(length, 1e-9)
    known = {name: values[at] for name, values in content.items()}
    return Things(tuple(order), names, unit, people, histories, len(chosen), known)


def fitted(method: Method, things: Things) -> Recommender:
    """What reads the things themselves learns to score all of them; the others know only what somebody chose."""
    settings = method.small if len(things.people) < FEW_PEOPLE else {}
    if method.content:
        return method.made(settings, things.content).fit(taught(things, len(things.ids)), len(things.ids))
    chosen = {name: values[: things.chosen] for name, values in things.content.items()}
    return method.made(settings, chosen).fit(taught(things, things.chosen), things.chosen)


def taught(things: Things, items: int) -> Histories:
    """Whose choices others are shown things for: from `CROWD` people on no copies, and nobody counts for many."""
    return guarded(things.histories, items) if len(things.people) >= CROWD else things.histories


class Scorer:
    """A method's scores of what was chosen by anybody, and from these the scores of what looks alike.

    Methods that read the things themselves score all of them. Somebody without choices gets what most people chose.
    """

    def __init__(
        self,
        recommender: Recommender,
        things: Things,
        *,
        reads: bool = False,
        counts: NDArray[np.float64] | None = None,
        note: str = "",
    ) -> None:
        self.recommender, self.things = recommender, things
        self.reads = reads
        """Whether the method reads the things themselves."""
        self.counts = counts_of(things.histories, things.chosen) if counts is None else counts
        """(chosen,) how many people chose each, so far as this may say it."""
        self.note = note
        warm, cold = things.look[: things.chosen], things.look[things.chosen :]
        alike = np.maximum(cold @ warm.T, 0.0)
        if things.chosen > ALIKE:
            least = np.partition(alike, things.chosen - ALIKE, axis=1)[:, things.chosen - ALIKE]
            alike = np.where(alike >= least[:, None], alike, 0.0)
        # Looking alike is worth no more than being the same: weights sum to the greatest likeness, at most 1.
        total = alike.sum(axis=1, keepdims=True)
        self.passed: Scores = (alike / np.maximum(total, 1e-9) * alike.max(axis=1, initial=0.0, keepdims=True)).T

    def scores(self, history: NDArray[np.int64], instead: Histories = ()) -> Scores:
        """(1 + others, things): a person's scores from 0 to 1, and on the same scale those of other histories."""
        if not len(history) and not len(instead):
            warm = self.counts[None].astype(np.float32)
        else:
            warm = self.recommender.score([history, *instead])
        low, high = warm[0].min(), warm[0].max()
        warm = (warm - low) / max(float(high - low), 1e-9)
        if warm.shape[1] == len(self.things.ids):
            whole: Scores = warm
            return whole
        return np.concatenate([warm, warm @ self.passed], axis=1)


def reasons(scorer: Scorer, history: NDArray[np.int64], order: Sequence[int]) -> list[tuple[Reason, ...]]:
    """For each row the choices without which its score is lowest, by leaving each of the latest out in turn."""
    things = scorer.things
    cold = [at >= things.chosen for at in order]
    if not len(history):
        return [(_usual(scorer, at),) for at in order]
    latest = list(dict.fromkeys(history[::-1].tolist()))[:LATEST]
    without = [history[history != item] for item in latest]
    scores = scorer.scores(history, without)[:, order]
    falls = scores[0] - scores[1:]
    found = []
    for column, new in zip(falls.T, cold, strict=True):
        best = [int(at) for at in np.argsort(-column, kind="stable")[:REASONS] if column[at] > 0]
        link = "looks like what goes with" if new else "goes with"
        if new and scorer.reads:
            link = "nobody chose it yet; by what it is it goes with"
        found.append(tuple(_reason(things, latest[at], float(column[at]), link) for at in best))
    return found


def _usual(scorer: Scorer, at: int) -> Reason:
    """Why somebody of whom nothing is known is shown it."""
    if at >= scorer.things.chosen:
        return Reason("nobody chose it yet, but it looks like what people chose", 0.0)
    if scorer.note:
        return Reason("many people chose it", 0.0)
    count, people = int(scorer.counts[at]), len(scorer.things.people)
    return Reason(f"{count} of {people} {'person' if people == 1 else 'people'} chose it", 0.0)


def _reason(things: Things, item: int, worth: float, link: str) -> Reason:
    id = things.ids[item]
    name = things.names[id]
    picture = (id,) if name.startswith("by ") else ()
    return Reason(
        f"{link} {f'{id[:12]} {name}' if picture else name}, which you chose", worth, pictures=picture, kind="choices"
    )
