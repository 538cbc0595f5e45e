"""One person's taste from all that they chose: likes, ratings, battles, sorts, and columns picked from slates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.catalogue.choices import Choice
from palate.taste.offset import Belief, battle, chosen, rated, worth

Floats = NDArray[np.float64]
Known = Mapping[str, Floats]
"""Features (d,) of pictures by id."""

MIDDLE_RATING = 3.0
RATING_SPREAD = 1.0
NONE_WEIGHT = 0.5
"""A slate of which nothing was picked says of each of its columns that the average is better, a little."""
STATED_WEIGHT = 4.0
"""What a person says of their taste counts as much as so many battles."""


@dataclass(frozen=True, slots=True)
class Taste:
    """What is believed of a person, and from how many choices; choices about unknown pictures taught nothing."""

    belief: Belief
    learned: int = 0
    unknown: int = 0


def pictures_in(made: Iterable[Choice]) -> list[str]:
    """Every picture that these choices are about."""
    found: dict[str, None] = {}
    for choice in made:
        for part in _pictures(choice.payload):
            found[part] = None
    return list(found)


def _pictures(value: object) -> Iterable[str]:
    if isinstance(value, Mapping):
        for name in ("picture", "winner", "loser", "pictures", "columns", "order"):
            yield from _pictures(value.get(name))
    elif isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _pictures(part)


def taste_of(first: Belief, made: Iterable[Choice], known: Known, *, temperature: float = 1.0) -> Taste:
    """The belief after every choice, in their order."""
    taste = Taste(first)
    for choice in made:
        moved = after(taste.belief, choice, known, temperature=temperature)
        if moved is None:
            taste = Taste(taste.belief, taste.learned, taste.unknown + 1)
        else:
            taste = Taste(moved, taste.learned + 1, taste.unknown)
    return taste


def after(belief: Belief, choice: Choice, known: Known, *, temperature: float = 1.0) -> Belief | None:
    """After one choice; None where it is about pictures that have no features. Milliseconds."""
    said: Mapping[str, Any] = choice.payload
    if said.get("columns"):
        columns = [_middle(column, known) for column in said["columns"]]
        if any(column is None for column in columns):
            return None
        return _slate(belief, np.stack([c for c in columns if c is not None]), choice, temperature)
    if choice.kind == "battle":
        return _battle(belief, said, known)
    if choice.kind in ("sort", "pick"):
        return _sorted(belief, [known[id] for id in _pictures(said.get("pictures")) if id in known])
    features = known.get(str(said.get("picture")))
    if features is None:
        return None
    if choice.kind in ("like", "select"):
        return battle(belief, features)
    if choice.kind == "dislike":
        return battle(belief, -features)
    if choice.kind == "rate":
        value = float(said.get("value", MIDDLE_RATING)) - MIDDLE_RATING
        return rated(belief, features, value, spread=RATING_SPREAD)
    return belief


def _middle(column: object, known: Known) -> Floats | None:
    features = [known[id] for id in _pictures(column) if id in known]
    return np.mean(features, axis=0) if features else None


def _slate(belief: Belief, columns: Floats, choice: Choice, temperature: float) -> Belief:
    picked = choice.payload.get("column")
    if isinstance(picked, int) and 0 <= picked < len(columns):
        return chosen(belief, columns, picked, temperature=temperature)
    for column in columns:
        belief = battle(belief, -column, weight=NONE_WEIGHT / len(columns))
    return belief


def _battle(belief: Belief, said: Mapping[str, Any], known: Known) -> Belief | None:
    winner = said.get("winner")
    losers = [id for id in [*_pictures(said.get("pictures")), *_pictures(said.get("loser"))] if id != winner]
    if said.get("tie"):
        return belief
    if winner not in known or not losers or losers[0] not in known:
        return None
    return battle(belief, known[str(winner)] - known[losers[0]])


def _sorted(belief: Belief, features: Sequence[Floats]) -> Belief | None:
    """Plackett and Luce: the first is chosen of all, the next of the rest."""
    if len(features) < 2:
        return battle(belief, features[0]) if features else None
    rest = np.stack(features)
    while len(rest) > 1:
        belief, rest = chosen(belief, rest, 0), rest[1:]
    return belief


def with_stated(belief: Belief, words: Sequence[tuple[Floats, float]]) -> Belief:
    """After what a person said: features (d,) of words and how much they are wanted, -1 to 1."""
    for features, wanted in words:
        belief = battle(belief, features * np.sign(wanted), weight=STATED_WEIGHT * abs(wanted))
    return belief


def nearest_terms(belief: Belief, terms: Sequence[str], features: Floats, count: int) -> list[tuple[str, float, float]]:
    """Terms by how sure it is that they are liked: (term, worth, doubt), most liked first, then the disliked."""
    mean, doubt = worth(belief, features)
    sure = mean / np.maximum(doubt, 1e-9)
    order = np.argsort(-sure)
    ends = [*order[:count], *order[::-1][:count][::-1]]
    return [(terms[at], float(mean[at]), float(doubt[at])) for at in dict.fromkeys(int(at) for at in ends)]
