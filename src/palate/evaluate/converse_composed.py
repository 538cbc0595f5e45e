"""Composed queries: "X in set A, but filled / red / with rain", where the picture that is meant is known.

Each case has one picture to begin with, what is said, and the target: the picture of the same set that its name says is
the same but for that. Every picture of all sets is a candidate, but the one that was begun with. Things are split by
their first word: the combiner learns on some, strengths are tuned on others, and the rest are asked once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.converse.composing import Combiner, arithmetic, fit_combiner, unit
from palate.evaluate.converse_sets import COLOURS, DEFAULT_SETS, Sets, load_sets, part_of, share
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric, Report, write_run

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

Vectors = NDArray[np.float32]
Ranks = NDArray[np.float64]
SCENARIO = "converse-composed"
MOST = {"train": 2000, "dev": 300, "test": 400}
"""Cases of a kind and a part."""
STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.5)
SHARES = (0.0, 0.25, 0.5, 1.0)
PENALTIES = (0.3, 3.0, 30.0, 300.0)
BLOCK = 128
"""Queries that are compared with all pictures at once."""
AT = 5
BASELINES = ("picture only", "words only", "all in words")


@dataclass(frozen=True, slots=True)
class Case:
    """`begun` and `target` are rows; `said` is what is to be otherwise, `named` the whole in words."""

    kind: str
    begun: int
    target: int
    thing: tuple[str, ...]
    said: str
    named: str


def cases_of(sets: Sets, kind: str) -> list[Case]:
    """Every pair that the names tell of one kind of change, where exactly one picture is meant."""
    ways = {"look": _other_looks, "colour": _other_colours, "thing": _one_thing_more}
    places = sets.places
    found = []
    for (name, thing), here in places.items():
        for there, said, may_look in ways[kind](name, thing, places):
            for begun in here:
                for target in there:
                    same = sets.rows[begun].look == sets.rows[target].look
                    words = said or " ".join(sorted(sets.rows[target].look))
                    if words and same != may_look:
                        pair = (target, begun) if kind == "thing" else (begun, target)
                        found.append(_case(sets, kind, *pair, words))
    return _only_one_target(found)


Places = Mapping[tuple[str, tuple[str, ...]], list[int]]
Pairs = Iterator[tuple[list[int], str, bool]]
"""Where the targets are, what is said ("" for the target's look), and whether the look is what differs."""


def _other_looks(name: str, thing: tuple[str, ...], places: Places) -> Pairs:
    yield places[name, thing], "", True


def _other_colours(name: str, thing: tuple[str, ...], places: Places) -> Pairs:
    own = [at for at, word in enumerate(thing) if word in COLOURS]
    for colour in sorted(COLOURS) if len(own) == 1 else ():
        other = (*thing[: own[0]], colour, *thing[own[0] + 1 :])
        if other != thing and (name, other) in places:
            yield places[name, other], colour, False


def _one_thing_more(name: str, thing: tuple[str, ...], places: Places) -> Pairs:
    """From "cloud" to "cloud rain": looked for from the longer, since a name says what it lacks in no place."""
    for at, word in enumerate(thing) if len(thing) > 1 else ():
        fewer = (*thing[:at], *thing[at + 1 :])
        if len(word) > 2 and word.isalpha() and word not in COLOURS and (name, fewer) in places:
            yield places[name, fewer], f"with {word}", False


def _case(sets: Sets, kind: str, begun: int, target: int, said: str) -> Case:
    goal = sets.rows[target]
    named = " ".join((*sorted(goal.look), *goal.thing))
    return Case(kind, begun, target, sets.rows[begun].thing, said, named)


def _only_one_target(found: Sequence[Case]) -> list[Case]:
    targets: dict[tuple[int, str], set[int]] = {}
    for case in found:
        targets.setdefault((case.begun, case.said), set()).add(case.target)
    kept = {(case.begun, case.said): case for case in found if len(targets[case.begun, case.said]) == 1}
    return list(kept.values())


def chosen(cases: Sequence[Case], part: str) -> list[Case]:
    """Up to so many of a part, by a hash: no two begin with the same picture."""
    own = [case for case in cases if part_of(case.thing) == part]
    own.sort(key=lambda case: share("case", str(case.begun), case.said))
    once = {case.begun: case for case in reversed(own)}
    kept = sorted(once.values(), key=lambda case: share("case", str(case.begun), case.said))
    return kept[: MOST[part]]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Cases with their vectors, all (n, d): `d` is the direction of the change, `w` the words said alone."""

    cases: list[Case]
    p: Vectors
    d: Vectors
    w: Vectors
    named: Vectors
    t: Vectors


def encoded(sets: Sets, cases: list[Case], encoder: Encoder) -> Asked:
    things = [" ".join(case.thing) for case in cases]
    to = [f"{thing}, {case.said}" for thing, case in zip(things, cases, strict=True)]
    texts = list(dict.fromkeys([*things, *to, *(case.said for case in cases), *(case.named for case in cases)]))
    known = dict(zip(texts, encoder.encode_words(texts), strict=True))
    there, back = (np.stack([known[text] for text in part]) for part in (to, things))
    begun = np.array([case.begun for case in cases])
    target = np.array([case.target for case in cases])
    return Asked(
        cases,
        sets.vectors[begun],
        unit(there - back),
        np.stack([known[case.said] for case in cases]),
        np.stack([known[case.named] for case in cases]),
        sets.vectors[target],
    )


def ranks(sets: Sets, asked: Asked, queries: Vectors) -> Ranks:
    """The target's rank among all pictures but the one begun with, ties counted against it."""
    target = np.array([case.target for case in asked.cases])
    begun = np.array([case.begun for case in asked.cases])
    found = np.empty(len(queries))
    for start in range(0, len(queries), BLOCK):
        part = slice(start, start + BLOCK)
        scores = queries[part] @ sets.vectors.T
        rows = np.arange(len(scores))
        own = scores[rows, target[part], None]
        found[part] = (scores >= own).sum(axis=1) - (scores[rows, begun[part]] >= own[:, 0])
    return found


def methods(sets: Sets, train: Asked, dev: Asked) -> tuple[dict[str, Any], dict[str, Any]]:
    """Each method as a function of what is asked, tuned on dev; and what was chosen."""

    def good(queries: Vectors) -> float:
        own = ranks(sets, dev, queries)
        return float((own <= 5).mean() + 0.01 * (1 / own).mean())

    alone = max(STRENGTHS, key=lambda s: good(arithmetic(dev.p, dev.d, strength=s)))
    both = max(
        product((0.0, *STRENGTHS), SHARES),
        key=lambda s: good(arithmetic(dev.p, dev.d, dev.named, strength=s[0], share=s[1])),
    )
    learned: dict[float, Combiner] = {
        penalty: fit_combiner(train.p, train.d, train.named, train.t, penalty=penalty) for penalty in PENALTIES
    }
    penalty = max(PENALTIES, key=lambda one: good(learned[one](dev.p, dev.d, dev.named)))
    ways = {
        "picture only": lambda a: a.p,
        "words only": lambda a: a.w,
        "all in words": lambda a: a.named,
        "arithmetic": lambda a: arithmetic(a.p, a.d, strength=alone),
        "arithmetic and words": lambda a: arithmetic(a.p, a.d, a.named, strength=both[0], share=both[1]),
        "combiner": lambda a: learned[penalty](a.p, a.d, a.named),
    }
    tuned = {"strength alone": alone, "strength": both[0], "words' share": both[1], "penalty": penalty}
    return ways, tuned


def evaluate_composed(
    folder: Path,
    encoder: Encoder,
    *,
    sets: Sequence[str] = DEFAULT_SETS,
    cache: Path | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> Report:
    began = time.perf_counter()
    loaded = load_sets(folder, sets, encoder, cache or (out or folder) / "vectors")
    every = {kind: cases_of(loaded, kind) for kind in ("look", "colour", "thing")}
    parts = {
        part: encoded(loaded, [case for cases in every.values() for case in chosen(cases, part)], encoder)
        for part in MOST
    }
    ways, tuned = methods(loaded, parts["train"], parts["dev"])
    test = parts["test"]
    found = {name: ranks(loaded, test, way(test)) for name, way in ways.items()}
    things = [case.thing[0] for case in test.cases]
    kinds = np.array([case.kind for case in test.cases])
    report = Report(
        scenario=SCENARIO,
        metrics=_metrics(found, things, kinds, seed),
        cases=len(test.cases),
        unscored=0,
        took_s=time.perf_counter() - began,
        run=None if out is None else str(out),
        tables={
            f"recall@{AT} of {len(loaded.rows)} pictures, {len(test.cases)} cases": recall_table(found, kinds),
            "Tuned on dev": [{"what": name, "chosen": value} for name, value in tuned.items()],
        },
    )
    if out is not None:
        sizes = {part: len(asked.cases) for part, asked in parts.items()}
        specification = {"scenario": SCENARIO, "seed": seed, "sets": list(sets), "encoder": encoder.id, "cases": sizes}
        rows = [
            {"kind": case.kind, "said": case.said, "named": case.named, **{n: int(r[at]) for n, r in found.items()}}
            for at, case in enumerate(test.cases)
        ]
        write_run(out, {**specification, "tuned": tuned}, rows, (), report)
    return report


def _metrics(found: Mapping[str, Ranks], things: Sequence[str], kinds: NDArray[Any], seed: int) -> dict[str, Metric]:
    metrics = recalls(found, things, seed)
    for name, own in found.items():
        for kind in sorted(set(kinds.tolist())):
            at = kinds == kind
            clusters = [thing for thing, here in zip(things, at, strict=True) if here]
            metrics[f"{name}/{kind}/recall@{AT}"] = bootstrap(own[at] <= AT, clusters=clusters, seed=seed)
    return metrics


def recalls(found: Mapping[str, Ranks], things: Sequence[str], seed: int) -> dict[str, Metric]:
    """Each method's recall, and each of ours minus each baseline's; cases of one thing are no two cases."""
    metrics: dict[str, Metric] = {}
    for name, own in found.items():
        metrics[f"{name}/recall@{AT}"] = bootstrap(own <= AT, clusters=things, seed=seed)
        for baseline in BASELINES if name not in BASELINES else ():
            pair = own <= AT, found[baseline] <= AT
            metrics[f"{name}-{baseline}/recall@{AT}"] = paired(*pair, clusters=things, seed=seed)
    return metrics


def recall_table(found: Mapping[str, Ranks], kinds: NDArray[Any]) -> list[dict[str, Any]]:
    """A row a method: recall of all cases and of each kind, and the mean reciprocal rank."""
    return [
        {
            "method": name,
            "all": f"{(own <= AT).mean():.1%}",
            **{kind: f"{(own[kinds == kind] <= AT).mean():.1%}" for kind in sorted(set(kinds.tolist()))},
            "MRR": f"{(1 / own).mean():.3f}",
        }
        for name, own in found.items()
    ]
