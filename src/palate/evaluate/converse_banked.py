"""Composed queries on the hub that ships: "a cat as set A draws it, but outlined" or "but red", with known targets.

Every drawing model drew ten things plainly and in five looks, with four seeds: those are the bank. A case begins with
one picture, says another look, and means what the same model drew of the same thing in that look, whatever the seed.
Colours are drawn for this (`converse_coloured`), and a picture is meant only where its pixels are of the colour. The
query names the set, so the candidates are that model's pictures; all pictures of the hub are asked as well.

Two things at a time are asked, two others tune, and the rest is learned from: nothing that is learned needs an icon.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.converse.changes import OPPOSITE, direction
from palate.converse.composing import arithmetic, fit_combiner, unit
from palate.converse.differences import Drawings, difference
from palate.converse.state import Change
from palate.converse.tools import DIFFERENCE, STRENGTH, WORDS_SHARE
from palate.evaluate.converse_composed import AT, Ranks, Vectors, recall_table, recalls
from palate.evaluate.converse_sets import share
from palate.evaluate.report import Metric, Report, write_run

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder
    from palate.evaluate.converse_coloured import Coloured

SCENARIO = "converse-composed-pocket"
MOST = {"train": 6000, "dev": 400, "test": 400}
"""Cases of a fold's part."""
BLOCK = 128
"""Queries that are compared with all pictures at once."""
STRENGTHS, SHARES, PENALTIES = (0.5, 1.0, 2.0), (0.0, 0.5, 1.0, 2.0, 4.0), (30.0, 300.0, 3000.0)


@dataclass(frozen=True, slots=True)
class Case:
    model: int
    thing: str
    before: str
    """The look of the picture begun with; "" where none was asked for."""
    said: str
    begun: int
    targets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Pictures:
    """(M * S, d) unit vectors, model by model; which are sound; where (thing, look)s stand within a model."""

    vectors: Vectors
    sound: NDArray[np.bool_]
    places: Mapping[tuple[str, str], tuple[int, ...]]
    models: tuple[str, ...]
    seen: Sequence[str] | None = None
    """(M * S,) the look that each has as far as its pixels tell, "" where they tell none; None where nobody looked."""
    shipped: bool = True
    """Whether the hub comes with these pictures, so that a talk can learn from them."""

    @property
    def own(self) -> int:
        return len(self.vectors) // len(self.models)

    def of(self, model: int, thing: str, look: str) -> tuple[int, ...]:
        rows = (model * self.own + at for at in self.places[thing, look])
        return tuple(row for row in rows if self.sound[row] and self.is_so(row, look))

    def is_so(self, row: int, look: str) -> bool:
        return self.seen is None or look in ("", self.seen[row])


def read_pictures(bank: Any) -> Pictures:
    """The bank's grid of things and looks; a thing drawn plainly is a specification prompt."""
    slots = [said.slots for said in bank.prompts]
    plain = {f"an icon of {slot['concept']}": slot["concept"] for slot in slots if slot.get("concept")}
    places = {}
    for at, said in enumerate(bank.prompts):
        rows = tuple(range(bank.starts[at], bank.starts[at + 1]))
        if said.slots.get("look"):
            places[said.slots["concept"], said.slots["look"]] = rows
        elif said.text in plain:
            places[plain[said.text], ""] = rows
    return Pictures(bank.vectors(range(len(bank))), ~np.asarray(bank.broken), places, tuple(bank.models))


def cases_of(pictures: Pictures, things: Sequence[str], most: int) -> list[Case]:
    """Up to so many by a hash; the picture begun with is the first that is sound."""
    found = [
        Case(model, thing, before, said, begun[0], targets)
        for model in range(len(pictures.models))
        for thing, before in pictures.places
        if thing in things and (begun := pictures.of(model, thing, before))
        for _, said in pictures.places
        if said not in ("", before) and (pictures.seen is None or pictures.seen[begun[0]] != said)
        if (targets := pictures.of(model, thing, said))
    ]
    unique = {(case.begun, case.said): case for case in found}.values()
    return sorted(unique, key=lambda case: share("banked", str(case.begun), case.said))[:most]


@dataclass(frozen=True, eq=False)
class Asked:
    """Cases with their vectors, (n, d) each: as in `converse_composed`, and `t` the targets' mean.

    `talked` are the words that a talk has by then ("a cat, thin outline"), `guessed` the talk's sentences' direction.
    """

    cases: list[Case]
    p: Vectors
    d: Vectors
    w: Vectors
    named: Vectors
    t: Vectors
    talked: Vectors
    guessed: Vectors


def encoded(pictures: Pictures, cases: list[Case], encoder: Encoder) -> Asked:
    changed = [f"{case.thing}, {case.said}" for case in cases]
    named = [f"a {case.said} icon of {case.thing}" for case in cases]
    said, things = [case.said for case in cases], [case.thing for case in cases]
    texts = list(dict.fromkeys([*changed, *named, *said, *things]))
    known = dict(zip(texts, encoder.encode_words(texts), strict=True))
    there, back, alone, whole = (np.stack([known[text] for text in part]) for part in (changed, things, said, named))
    meant = np.stack([pictures.vectors[list(case.targets)].mean(axis=0) for case in cases])
    pairs = dict.fromkeys((case.thing, case.said) for case in cases)
    ways = {pair: direction(encoder.encode_words, pair[0], _change(pair[1])) for pair in pairs}
    guessed = np.stack([ways[case.thing, case.said] for case in cases])
    begun = pictures.vectors[[case.begun for case in cases]]
    return Asked(cases, begun, unit(there - back), alone, whole, unit(meant), there, guessed)


def _change(said: str) -> Change:
    return Change(said, OPPOSITE.get(said, ""))


def as_the_talk_does(pictures: Pictures, asked: Asked, things: Sequence[str]) -> Vectors:
    """(n, d) what `Tools.like_this` asks with, if the hub had drawn these `things` alone."""
    kept: dict[tuple[int, str, str], Vectors | None] = {}
    for case in asked.cases:
        key = case.model, case.before, case.said
        if key not in kept and not pictures.shipped:
            kept[key] = None
        if key not in kept:
            rows = {place: pictures.of(case.model, *place) for place in pictures.places if place[0] in things}
            texts = [f"{look} {thing}" for (thing, look), own in rows.items() for _ in own]
            there = pictures.vectors[[row for own in rows.values() for row in own]]
            kept[key] = difference(Drawings(there, [""] * len(texts), texts), _change(case.said), before=case.before)
    moved = [kept[case.model, case.before, case.said] for case in asked.cases]
    ways = [
        STRENGTH * guess if own is None else DIFFERENCE * own for own, guess in zip(moved, asked.guessed, strict=True)
    ]
    return unit(asked.p + np.stack(ways) + WORDS_SHARE * asked.talked)


def differences(pictures: Pictures, asked: Sequence[Case], things: Sequence[str]) -> Vectors:
    """(n, d) of each case: of other `things`, how its model's drawings in the look said differ from those before."""
    kept: dict[tuple[int, str, str], Vectors] = {}
    for case in asked:
        key = case.model, case.before, case.said
        if key not in kept:
            pairs = [
                (pictures.of(case.model, thing, case.said), pictures.of(case.model, thing, case.before))
                for thing in things
                if (thing, case.before) in pictures.places and (thing, case.said) in pictures.places
            ]
            means = [
                pictures.vectors[list(there)].mean(axis=0) - pictures.vectors[list(back)].mean(axis=0)
                for there, back in pairs
                if there and back
            ]
            kept[key] = np.mean(means, axis=0) if means else np.zeros(pictures.vectors.shape[1], np.float32)
    return np.stack([kept[case.model, case.before, case.said] for case in asked]).astype(np.float32)


def ranks(pictures: Pictures, asked: Sequence[Case], queries: Vectors, *, within: bool) -> Ranks:
    """The best target's rank among its model's pictures, or all, but the one begun with; ties counted against it."""
    found = np.empty(len(asked))
    for at, case in enumerate(asked):
        if at % BLOCK == 0 and not within:
            block = queries[at : at + BLOCK] @ pictures.vectors.T
        first = case.model * pictures.own if within else 0
        part = slice(first, first + pictures.own if within else None)
        scores = pictures.vectors[part] @ queries[at] if within else block[at % BLOCK]
        scores = np.where(pictures.sound[part], scores, -np.inf)
        targets = np.array(case.targets) - first
        best = scores[targets].max()
        scores[[*targets, case.begun - first]] = -np.inf
        found[at] = 1 + (scores >= best).sum()
    return found


Way = Callable[[Asked], Vectors]


def ways(pictures: Pictures, train: Asked, dev: Asked, things: Sequence[str]) -> tuple[dict[str, Way], dict[str, Any]]:
    """Each method as a function of what is asked, tuned on dev; and what was chosen. `things` are learned from."""

    def good(way: Way) -> float:
        own = ranks(pictures, dev.cases, way(dev), within=True)
        return float((own <= AT).mean() + 0.01 * (1 / own).mean())

    def moved(strength: float, own: float) -> Way:
        return lambda a: arithmetic(a.p, a.d, a.named, strength=strength, share=own)

    def differing(strength: float, own: float) -> Way:
        return lambda a: unit(a.p + strength * differences(pictures, a.cases, things) + own * a.named)

    def combined(penalty: float) -> Way:
        fitted = fit_combiner(train.p, train.d, train.named, train.t, penalty=penalty)
        return lambda a: fitted(a.p, a.d, a.named)

    strengths = max(product(STRENGTHS, SHARES), key=lambda one: good(moved(*one)))
    own = max(product(STRENGTHS, SHARES), key=lambda one: good(differing(*one)))
    learned = {penalty: combined(penalty) for penalty in PENALTIES}
    penalty = max(PENALTIES, key=lambda one: good(learned[one]))
    methods: dict[str, Way] = {
        "picture only": lambda a: a.p,
        "words only": lambda a: a.w,
        "all in words": lambda a: a.named,
        "as the talk does": lambda a: as_the_talk_does(pictures, a, things),
        "arithmetic and words": moved(*strengths),
        "the hub's differences and words": differing(*own),
        "combiner": learned[penalty],
    }
    return methods, {"arithmetic": list(strengths), "differences": list(own), "penalty": penalty}


@dataclass(frozen=True, eq=False)
class Answers:
    """Cases that were asked, the sets that they are of, and every method's ranks: within the set, and of all."""

    cases: list[Case]
    sets: list[str]
    ranks: Mapping[bool, Mapping[str, Ranks]]
    tuned: list[dict[str, Any]]


def answers_of(pictures: Pictures, encoder: Encoder) -> Answers:
    """Two things asked at a time, each with what was learned from and tuned on others."""
    things = list(dict.fromkeys(thing for thing, _ in pictures.places))
    parts = [things[at : at + 2] for at in range(0, len(things), 2)]
    found: dict[bool, dict[str, list[Ranks]]] = {True: {}, False: {}}
    asked: list[Case] = []
    tuned = []
    for fold, own in enumerate(parts):
        dev = parts[(fold + 1) % len(parts)]
        rest = [thing for thing in things if thing not in own and thing not in dev]
        split = {"train": rest, "dev": dev, "test": own}
        made = {part: encoded(pictures, cases_of(pictures, of, MOST[part]), encoder) for part, of in split.items()}
        methods, chosen = ways(pictures, made["train"], made["dev"], rest)
        tuned.append({"asked": ", ".join(own), **{name: str(value) for name, value in chosen.items()}})
        asked += made["test"].cases
        for name, way in methods.items():
            queries = way(made["test"])
            for within, by_name in found.items():
                by_name.setdefault(name, []).append(ranks(pictures, made["test"].cases, queries, within=within))
    whole = {within: {name: np.concatenate(own) for name, own in by.items()} for within, by in found.items()}
    return Answers(asked, [pictures.models[case.model] for case in asked], whole, tuned)


def together(one: Answers, other: Answers) -> Answers:
    both = {
        within: {name: np.concatenate([own, other.ranks[within][name]]) for name, own in by_name.items()}
        for within, by_name in one.ranks.items()
    }
    return Answers(one.cases + other.cases, one.sets + other.sets, both, one.tuned + other.tuned)


def evaluate_banked(
    bank: Any, encoder: Encoder, *, coloured: Coloured | None = None, seed: int = 0, out: Path | None = None
) -> Report:
    """The bank's looks and, where they were drawn, colours and winter beside."""
    began = time.perf_counter()
    pictures = read_pictures(bank)
    found = answers_of(pictures, encoder)
    tables = {}
    if coloured is not None:
        found = together(found, answers_of(coloured.pictures, encoder))
        tables = coloured.tables
    said = np.array([case.said for case in found.cases])
    report = Report(
        scenario=SCENARIO,
        metrics=_metrics(found.ranks, [case.thing for case in found.cases], seed),
        cases=len(found.cases),
        unscored=0,
        took_s=time.perf_counter() - began,
        run=None if out is None else str(out),
        tables={
            f"recall@{AT} of the pictures of the set, {len(said)} cases": recall_table(found.ranks[True], said),
            f"recall@{AT} of all pictures": recall_table(found.ranks[False], said),
            **tables,
            "Tuned on other things": found.tuned,
        },
    )
    if out is not None:
        specification = {"scenario": SCENARIO, "seed": seed, "encoder": encoder.id, "cases": MOST, "tuned": found.tuned}
        rows = [
            {"thing": case.thing, "model": model, "before": case.before, "said": case.said}
            | {name: int(own[at]) for name, own in found.ranks[True].items()}
            for at, (case, model) in enumerate(zip(found.cases, found.sets, strict=True))
        ]
        write_run(out, specification, rows, (), report)
    return report


def _metrics(whole: Mapping[bool, Mapping[str, Ranks]], things: Sequence[str], seed: int) -> dict[str, Metric]:
    return {
        f"{'' if within else 'of all/'}{name}": metric
        for within, by_name in whole.items()
        for name, metric in recalls(by_name, things, seed).items()
    }
