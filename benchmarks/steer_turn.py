"""A turn of `palate steer` without the drawing: 25 candidates written, encoded and valued, the slate, the choice kept.

    python benchmarks/steer_turn.py [--turns 30] [--encoder NAME] [--value]

The bar: a median of at most 50 ms. Without --encoder it is a tiny CLIP made on the spot; a large one takes
what it takes to read 25 prompts.
With --value a network values the candidates, as after `palate train steering`. `cpu_ms` is the processor's time, which
neighbours on the machine do not lengthen.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from palate.catalogue import vectors
from palate.catalogue.home import Home
from palate.encoders.opening import open_encoder
from palate.specify.encoding import space_of
from palate.steer.bank import MadeBank
from palate.steer.foreseeing import words_alone
from palate.steer.learned import Learned
from palate.steer.simulating import Known, converse, unranked
from palate.steer.steering import Grounds, Steering, begin, beginning, grounds_of
from palate.steer.transitions import transitions
from palate.steer.value import Training, ValueLearning
from palate.taste.simulated import Habits, crowd_of, people
from palate.taste.utilities import Heads
from palate.testing.worlds import build_tiny_clip
from palate.writers.offline import OfflineWriter

PICTURES = 2000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--encoder", default=None)
    parser.add_argument("--value", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        name = given.encoder or str(build_tiny_clip(Path(folder) / "clip"))
        encoder = open_encoder(name)
        home = Home.create(Path(folder) / "home")
        space = space_of(encoder)
        made = np.random.default_rng(0).standard_normal((PICTURES, space.dim)).astype(np.float32)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        ids = [f"{n:032x}" for n in range(PICTURES)]
        with home.write() as connection:
            vectors.put_space(connection, space)
            vectors.put(connection, space, "picture", ids, made)
        began = time.perf_counter()
        grounds = grounds_of(home, space, encoder)
        if given.value:
            grounds = with_value(grounds)
        opening = time.perf_counter() - began
        times: dict[str, list[float]] = {"next_turn": [], "choose": []}
        cpu: list[float] = []
        for start in range(0, given.turns, 5):
            prompt = f"a cosy house in the mountains, number {start}"
            conversation = begin(home, "ada", prompt, model_id=None, seed=start)
            steering = Steering(home, grounds, encoder, OfflineWriter(), conversation, beginning(grounds))
            for turn in range(5):
                worked = time.process_time()
                began = time.perf_counter()
                steering.next_turn()
                times["next_turn"].append(1000 * (time.perf_counter() - began))
                paused = time.process_time()
                steering.show([ids[4 * (4 * turn + n) : 4 * (4 * turn + n) + 4] for n in range(4)])
                worked += time.process_time() - paused
                began = time.perf_counter()
                steering.choose(turn % 4)
                times["choose"].append(1000 * (time.perf_counter() - began))
                cpu.append(1000 * (time.process_time() - worked))
        home.close()
    medians = {f"{what}_ms": round(statistics.median(each), 1) for what, each in times.items()}
    whole = statistics.median(a + b for a, b in zip(*times.values(), strict=True))
    told = {"turn_ms": round(whole, 1), "cpu_ms": round(statistics.median(cpu), 1), "opening_s": round(opening, 2)}
    print(json.dumps({"benchmark": "steer turn", **medians, **told}))


def with_value(grounds: Grounds) -> Grounds:
    """A value that learned nothing takes as long as one that did."""
    wide = grounds.taste.wide
    known = Known(Heads(np.zeros((8, wide)), np.zeros(8), np.full(8, 1 / 8)), grounds.taste.prior)
    crowd = crowd_of(people(known.heads, known.within, 20, Habits(), np.random.default_rng(0)))
    told = converse(MadeBank(dim=wide), crowd, unranked, known, 0)
    value = Training(transitions([told], words_alone(wide)), ValueLearning(hidden=64)).value
    return replace(grounds, learned=Learned(grounds.space.id, grounds.taste, known, value))


if __name__ == "__main__":
    main()
