"""Worlds to steer in: a bank of pictures, the people who truly live there, and what is known of them from records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from palate.errors import PalateError
from palate.evaluate.steering_stages import Arrays, Stages
from palate.steer.bank import Bank, MadeBank
from palate.steer.drawn_bank import drawn_bank
from palate.steer.foreseeing import foresight
from palate.steer.recording import learned, nothing_known, record
from palate.steer.redrawing import Draw
from palate.steer.simulating import Known, exploring, greedy, retold, unranked
from palate.steer.transitions import Transitions, transitions
from palate.taste.evidence import Floats
from palate.taste.simulated import Habits, crowd_of, people
from palate.taste.space import Vectors
from palate.taste.utilities import Heads

Progress = Callable[[str, int, int], None]
EVERYTHING_ANEW = Stages()

TYPES = 8
APART = 2.0
"""How long a type's head is, features being of about unit variance."""
OWN_SPREAD = 0.8
"""How far a person's head is from their type's."""
RECORDED_SEED = 20_000_000


@dataclass(frozen=True, slots=True)
class World:
    """`truth` is the law that people are drawn from and judge by; policies know `known`, learned from `recorded`."""

    bank: Bank
    truth: Known
    known: Known
    recorded: Transitions
    """The turns that people are known from, as a value learns from them."""

    @property
    def sight(self) -> Floats:
        """What the recorded pictures say of the next ones: B of `palate.steer.foreseeing`."""
        return self.recorded.sight


def bank_named(name: str, seed: int) -> Bank:
    """`made`, or `pocket` where the package of the pocket hub has a bank."""
    if name == "made":
        return MadeBank(seed=seed)
    if name != "pocket":
        raise PalateError("unknown_bank", f"there is no bank {name!r}", hint="made or pocket")
    try:
        import palate_pocket

        return drawn_bank(palate_pocket.bank())
    except (ImportError, LookupError) as missing:
        raise PalateError("no_bank", "this build has no bank of drawn pictures", hint="--bank made") from missing


def pocket_drawing() -> Draw:
    """Draws with the pocket hub's models and looks with its encoder, a model at a time."""
    from palate.encoders.opening import open_encoder
    from palate.generators.opening import open_generator
    from palate.generators.protocol import Order
    from palate.importers.pocket import drawing_models, shipped

    pocket = shipped()
    base, models = drawing_models(pocket)
    encoder = open_encoder("pocket", fit="squash")
    made = pocket.bank().made

    def draw(model: str, orders: Sequence[tuple[str, int]]) -> Vectors:
        generator = open_generator(models[model], base=base)
        steps, guidance = made["steps"], made["guidance"]
        try:
            pictures = generator.draw([Order(text, seed, steps=steps, cfg=guidance) for text, seed in orders])
        finally:
            generator.close()
        return encoder.encode_pictures(pictures)

    return draw


def true_people(bank: Bank, seed: int) -> Known:
    """Types whose heads point anywhere, and people around them."""
    heads = np.random.default_rng([seed, 5]).standard_normal((TYPES, bank.wide))
    heads *= APART / np.linalg.norm(heads, axis=1, keepdims=True)
    within = np.eye(bank.wide) * OWN_SPREAD**2 / bank.wide
    return Known(Heads(heads, np.zeros(TYPES), np.full(TYPES, 1 / TYPES)), within)


def world(
    bank: Bank, recorded: int, habits: Habits, seed: int, progress: Progress, stages: Stages = EVERYTHING_ANEW
) -> World:
    """People are led by chance, by greed and by curiosity through conversations; that is all that is known of them."""
    truth = true_people(bank, seed)

    def known_by() -> Arrays:
        crowd = crowd_of(people(truth.heads, truth.within, recorded, habits, np.random.default_rng([seed, 3])))
        nothing, leading = nothing_known(bank.wide), (unranked, greedy, exploring)
        told = list(record(bank, crowd, leading, nothing, first=RECORDED_SEED, progress=progress))
        known = learned(told, TYPES, seed=seed)
        turns = transitions([retold(part, known) for part in told], foresight(told)).arrays()
        return {**turns, "weights": known.heads.weights, "shares": known.heads.shares, "within": known.within}

    kept = stages.arrays("recorded", known_by)
    heads = Heads(kept["weights"], np.zeros(len(kept["weights"])), kept["shares"])
    return World(bank, truth, Known(heads, kept["within"]), Transitions.of(kept))
