"""A conversation with a made person, whose taste is known: what a demonstration shows, drawn picture by picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from palate.catalogue import vectors
from palate.catalogue.conversations import Turn
from palate.catalogue.home import Home
from palate.errors import PalateError
from palate.steer.steering import Grounds, Steering
from palate.taste.evidence import Floats
from palate.taste.simulated import SimulatedPerson

SPREAD = 2.0
"""How long the head of a made person is."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A turn as it was answered, the sheet that was shown, and what each column was truly worth to the person."""

    turn: Turn
    sheet: Path
    worth: tuple[float, ...]

    @property
    def held(self) -> float | None:
        """The worth of the pick."""
        return None if self.turn.picked is None else self.worth[self.turn.picked]


def who_likes(grounds: Grounds, model: str) -> SimulatedPerson:
    """Somebody who wants pictures to look as this model draws, whatever they show; sure of it, and patient."""
    share = grounds.drawers.share(model)
    length = float(np.linalg.norm(share))
    if not length:
        raise PalateError("not_specified", "nothing is known of how this model draws", about=model)
    return SimulatedPerson(0, SPREAD * share / length, 0.05, -np.inf, 0.0, np.zeros(4))


def rehearse(
    home: Home,
    steering: Steering,
    draw: Callable[[Steering], Path],
    person: SimulatedPerson,
    turns: int,
    *,
    seed: int = 0,
) -> list[Rehearsed]:
    """Slates drawn by `draw` and answered by the person, `turns` of them."""
    luck, told = np.random.default_rng(seed), []
    for _ in range(turns):
        steering.next_turn()
        sheet = draw(steering)
        turn = steering.current
        assert turn is not None
        columns = [seen(home, steering.grounds, column.pictures) for column in turn.slate]
        worth = tuple(float(person.worth(column[None])[0]) for column in columns)
        fewest = min(len(column) for column in columns)
        picked = person.pick(np.stack([column[:fewest] for column in columns]), luck)
        told.append(Rehearsed(steering.choose(picked), sheet, worth))
    return told


def seen(home: Home, grounds: Grounds, pictures: tuple[str, ...]) -> Floats:
    """Features (n, d) of pictures that were drawn and encoded."""
    with home.read() as connection:
        ids, found = vectors.load(connection, grounds.space, "picture", pictures)
    if not ids:
        raise PalateError("nothing_encoded", "what was drawn has not been encoded")
    return grounds.taste.of_pictures(found)
