"""Planted tastes: is what is drawn of the taste that the history has? A separate classifier says, on an unseen encoder.

People's items are kept from training. The classifier learned from items that nobody's history here holds; its own
accuracy is reported beside what it says. Every number is asked for histories of 5 items, and of 0, 1 and 2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.catalogue.records import digest
from palate.encoders.protocol import Encoder
from palate.errors import PalateError
from palate.evaluate import personalise_methods as methods
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.personalise import RARE, SCENARIO, SIDE, collapse_of, nearly_the_same
from palate.evaluate.personalise_hub import EXISTING, METHOD, ByHub, Draw
from palate.evaluate.personalise_methods import (
    CHOSEN,
    DRAWING,
    SHOWN,
    Shop,
    Shown,
    drawn_by,
    open_drawers,
    shop_of,
)
from palate.evaluate.report import Metric, Report, write_run
from palate.personalise.choosing import DRAWN
from palate.personalise.histories import Collection, Window
from palate.personalise.opening import onlooker
from palate.personalise.plain_look import PlainLook
from palate.personalise.planted import KINDS, Pool, Taste, planted_people
from palate.personalise.rewards import Floats
from palate.personalise.scorers import Space
from palate.personalise.shelf import Shelf

LENGTHS = (5, 2, 1, 0)
FOLDS = 5
RETRIEVED = ("retrieve-visual", f"retrieve{CHOSEN}", EXISTING)
SWAPPED = "-for-another"
"""What was shown to somebody of another taste of the same kind, judged by one's own: `-shuffled` is the difference."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class PlantedDesign:
    people: int = 200
    janus: str = "pocket"
    judge: str = PlainLook.name
    """The encoder that the classifier sees with; no reward may have used it."""
    device: str | None = None
    seed: int = 0
    choosers: tuple[str, ...] = ("pocket", "pocket:dino")
    """Encoders that choose among what was drawn; never the judge."""
    drawing: tuple[str, ...] = DRAWING
    of: int = DRAWN
    """Pictures that they choose from, with the whole history; `SHOWN` leaves nothing to choose."""


@dataclass(frozen=True)
class Classifier:
    """From vectors to the names of values by ridge regression onto their indicators: `FOLDS` of them a kind.

    Each has left out another part of what is known. Retrieval shows pictures that a judge could have learned from, and
    then finds of their taste far more often than new ones: whoever learned from a picture does not judge it.
    """

    encoder: Encoder
    names: dict[str, list[str]]
    weights: dict[str, Floats]
    """A kind's (folds, d + 1, values)."""
    left_out: dict[bytes, int]
    """A known picture's vector to the one fold that did not learn from it."""

    @classmethod
    def learned(cls, encoder: Encoder, pool: Pool, shop: Shop, penalty: float = 1e-2) -> Classifier:
        seen = encoder.encode_pictures([shop.picture(item) for item in range(len(pool.items))])
        fold = np.array([int(digest("fold", item.id)[:8], 16) % FOLDS for item in pool.items])
        names, weights = {}, {}
        for kind in KINDS:
            values = pool.values(kind)
            if len(values) < 2:
                continue
            rows = np.array([item for items in values.values() for item in items])
            which = np.repeat(np.arange(len(values)), [len(items) for items in values.values()])
            names[kind] = list(values)
            kept = [fold[rows] != out for out in range(FOLDS)]
            weights[kind] = np.array(
                [ridge(with_one(seen[rows[one]]), which[one], len(values), penalty) for one in kept]
            )
        return cls(encoder, names, weights, {row.tobytes(): int(at) for row, at in zip(seen, fold, strict=True)})

    def found(self, vectors: NDArray[np.float32], kind: str, values: Sequence[str]) -> Floats:
        """(n,): the share of judges, of those that did not learn from it, to whom a picture is of its value. (n, d)"""
        said = np.einsum("nd,fdk->fnk", with_one(vectors), self.weights[kind]).argmax(axis=2)
        right = said == np.array([self.names[kind].index(value) for value in values])[None]
        folds = [self.left_out.get(row.tobytes()) for row in vectors]
        return np.array([right[:, at].mean() if fold is None else right[fold, at] for at, fold in enumerate(folds)])


def ridge(X: Floats, which: NDArray[np.int64], values: int, penalty: float) -> Floats:
    """(n, d), (n,) -> (d, values): onto indicators, every value weighing alike however many pictures it has."""
    share = np.asarray(1.0 / np.maximum(np.bincount(which, minlength=values), 1)[which][:, None], np.float64)
    inner = X.T @ (share * X) + penalty * np.eye(X.shape[1])
    return np.asarray(np.linalg.solve(inner, X.T @ (share * np.eye(values)[which])), np.float64)


def with_one(vectors: NDArray[np.float32]) -> Floats:
    return np.hstack([vectors.astype(np.float64), np.ones((len(vectors), 1))])


def evaluate_planted(
    pool: Pool,
    design: PlantedDesign,
    *,
    home: Path | None = None,
    draw: Draw | None = None,
    out: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Report:
    """The share of four pictures that are of the person's taste, by method and length of history.

    `draw` asks the models that the pool's pictures are of, where they are at hand.
    """
    if design.of > SHOWN and design.judge in design.choosers:
        raise PalateError("not_unseen", "the judge may not choose what it judges", about=design.judge)
    began, notes = time.perf_counter(), list[str]()
    drawers = open_drawers(home, design.janus, design.device, notes, design.drawing)
    side = int(next((janus.network.config.vision_config.image_size for janus, _ in drawers.values()), SIDE))
    known, new = pool.part(held=False), pool.part(held=True)
    collection, tastes = planted_people(new, people=design.people, each=LENGTHS[0] + 1, seed=design.seed + 1)
    taught, _ = planted_people(known, people=2)
    shop = shop_of(collection, side)
    encoder = onlooker(design.judge, design.device)
    classifier = Classifier.learned(encoder, known, shop_of(taught, side))
    own = [tastes[person] for person in collection.people]
    asked = [at for at, taste in enumerate(own) if taste.value in classifier.names.get(taste.kind, ())]
    if len(asked) < 10:
        raise PalateError(
            "too_few_cases", f"only {len(asked)} people have a taste that training knows", about=pool.name
        )
    whole = shop_of(planted_people(pool, people=2)[0], side)
    eyes = Eyes.opened(design, encoder, shop, whole, notes)
    hub = ByHub.learned(known, eyes.pool, eyes.own, draw, design.of) if draw is not None and eyes.pool else None
    tastes_asked = [own[at] for at in asked]
    shares, shown = all_shares(classifier, shop, eyes, drawers, hub, asked, tastes_asked, design, progress)
    metrics = metrics_of(shares, own, asked, tuple(drawers), design.seed)
    metrics |= collapse(shown, eyes, shop, known, asked, design.seed)
    metrics |= accuracies(classifier, new, shop, design.seed)
    report = Report(
        f"{SCENARIO}-planted",
        metrics,
        cases=len(asked) * len(shares),
        unscored=len(own) - len(asked),
        took_s=time.perf_counter() - began,
        run=None if out is None else str(out),
        tables=tables_of(metrics, list(shares), notes) | drawn_by(drawers),
    )
    if out is not None:
        rows = [
            {"method": name, "length": n, "shares": v.tolist()} for name, by in shares.items() for n, v in by.items()
        ]
        people = [{"person": collection.people[at], **asdict(own[at])} for at in asked]
        write_run(out, {"scenario": report.scenario, "data": pool.name, **asdict(design)}, people, rows, report)
    return report


def all_shares(
    classifier: Classifier,
    shop: Shop,
    eyes: Eyes,
    drawers: Any,
    hub: ByHub | None,
    asked: Sequence[int],
    tastes: Sequence[Taste],
    design: PlantedDesign,
    progress: Progress,
) -> tuple[dict[str, dict[int, Floats]], dict[str, Shown]]:
    """(people,) by method and length of history, and what was shown to whom after a whole history."""
    shares: dict[str, dict[int, Floats]] = {}
    whole: dict[str, Shown] = {}
    for length in LENGTHS:
        windows = windows_of_length(shop, asked, length)
        shown = all_shown(windows, shop, eyes, drawers, design, progress)
        if hub is not None:
            progress("drawing by the hub", len(drawers), len(drawers) + 1)
            shown |= hub.shown(windows, among(shop, eyes.judge.collection, windows), design.seed)
        for name, pictures in shown.items():
            shares.setdefault(name, {})[length] = shares_of(classifier, pictures, tastes)
        whole = shown if length == LENGTHS[0] else whole
    others = others_of(tastes)
    for name in [name for name in whole if name != "random"]:
        swapped = [whole[name][at] for at in others]
        shares[f"{name}{SWAPPED}"] = {LENGTHS[0]: shares_of(classifier, swapped, tastes)}
    return shares, whole


def collapse(
    shown: dict[str, Shown], eyes: Eyes, shop: Shop, known: Pool, asked: Sequence[int], seed: int
) -> dict[str, Metric]:
    """How alike a person's four are, whether people get the same, and copies of training's pictures.

    `copies` is the share that is nearer to a picture of training than 99 % of people's own pictures are.
    """
    space, whole = eyes.judge, eyes.judge.collection
    place = {item.id: at for at, item in enumerate(whole.items)}
    taught = space.pictures([place[item.id] for item in known.items])
    own = space.pictures([place[item.id] for item in shop.items])
    limit, same = float(np.quantile((own @ taught.T).max(axis=1), RARE)), nearly_the_same(taught)
    found: dict[str, Metric] = {}
    for name, pictures in shown.items():
        seen = space.drawn([picture for four in pictures for picture in four]).reshape(len(pictures), SHOWN, -1)
        found |= collapse_of(name, seen, same, asked, seed)
        copied = ((seen @ taught.T).max(axis=2) > limit).mean(axis=1)
        found[f"{name}/copies"] = bootstrap(copied, clusters=list(asked), seed=seed)
    return found


def windows_of_length(shop: Shop, people: Sequence[int], length: int) -> list[Window]:
    """The latest `length` items of each, and the one after them as what came next."""
    found = []
    own = shop.sequences()
    for person in people:
        items = own[person][0].tolist()
        found.append(
            Window(person, tuple(items[-1 - length : -1]), items[-1], (items[-1],), 0.0, tuple(items[-1 - length : -1]))
        )
    return found


def among(shop: Shop, whole: Collection, windows: Sequence[Window]) -> list[Window]:
    """The same windows, by the items' places in the whole collection."""
    place = {item.id: at for at, item in enumerate(whole.items)}
    own = [place[item.id] for item in shop.items]

    def moved(items: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(own[item] for item in items)

    return [
        replace(
            window,
            history=moved(window.history),
            target=own[window.target],
            future=moved(window.future),
            past=moved(window.past),
        )
        for window in windows
    ]


@dataclass(frozen=True)
class Eyes:
    """The judge's encoder over the whole pool, and those that choose, over the pool and over people's own pictures."""

    judge: Space
    pool: tuple[Space, ...]
    own: tuple[Space, ...]

    @classmethod
    def opened(cls, design: PlantedDesign, judge: Encoder, shop: Shop, whole: Shop, notes: list[str]) -> Eyes:
        encoders: list[Encoder] = []
        for name in design.choosers if design.of > SHOWN else ():
            try:
                encoders.append(onlooker(name, design.device))
            except PalateError as error:
                notes.append(f"{name} chooses nothing: {error}")
        pool, own = (tuple(Space(encoder, place) for encoder in encoders) for place in (whole, shop))
        return cls(Space(judge, whole), pool, own)


def all_shown(
    windows: Sequence[Window], shop: Shop, eyes: Eyes, drawers: Any, design: PlantedDesign, progress: Progress
) -> dict[str, Shown]:
    """Retrieval is from the whole pool, seen as the classifier sees: of a small shop little of a taste is left."""
    whole, there = eyes.judge.collection, among(shop, eyes.judge.collection, windows)
    assert isinstance(whole, Shop)
    shown = {"random": whole.pictures(methods.random_items(whole, there, design.seed))}
    told = len(windows[0].history)
    shown["retrieve-visual"] = whole.pictures(methods.alike(eyes.judge, there)) if told else shown["random"]
    choosing = told == LENGTHS[0] and eyes.own
    if choosing:
        shown[f"retrieve{CHOSEN}"] = whole.pictures(methods.existing_chosen(eyes.pool, there))
    for place, (name, (janus, seen)) in enumerate(drawers.items()):
        progress("drawing", place, len(drawers))
        count = design.of if choosing else SHOWN
        made = methods.drawn(Shelf(janus, shop, seen), windows, seed=design.seed, count=count)
        shown[name] = [pictures[:SHOWN] for pictures in made]
        if choosing:
            shown[f"{name}{CHOSEN}"] = methods.chosen(made, eyes.own, windows)
    return shown


def shares_of(classifier: Classifier, shown: Shown, tastes: Sequence[Taste]) -> Floats:
    """(people,): of each person's four pictures, the share judged to be of their taste."""
    seen = classifier.encoder.encode_pictures([picture for pictures in shown for picture in pictures])
    found = np.zeros(len(tastes))
    for kind in classifier.names:
        own = [at for at, taste in enumerate(tastes) if taste.kind == kind]
        rows = [at * SHOWN + turn for at in own for turn in range(SHOWN)]
        if rows:
            values = [tastes[at].value for at in own for _ in range(SHOWN)]
            found[own] = classifier.found(seen[rows], kind, values).reshape(-1, SHOWN).mean(axis=1)
    return found


def others_of(tastes: Sequence[Taste]) -> list[int]:
    """For each person the next one of the same kind and another value; oneself where there is none."""
    count = len(tastes)
    found = []
    for at, taste in enumerate(tastes):
        later = ((at + step) % count for step in range(1, count))
        same = (o for o in later if tastes[o].kind == taste.kind and tastes[o].value != taste.value)
        found.append(next(same, at))
    return found


def metrics_of(
    shares: Any, own: Sequence[Taste], asked: Sequence[int], drawing: Sequence[str], seed: int
) -> dict[str, Metric]:
    """People are cases; those of one taste are a cluster.

    The better of the two retrievals is found on the very people that it is compared on: to its advantage, not to ours.
    """
    clusters = [f"{own[at].kind}={own[at].value}" for at in asked]
    kinds = np.array([own[at].kind for at in asked])
    found: dict[str, Metric] = {}
    for name, by_length in shares.items():
        for length, values in by_length.items():
            label = "share" if length == LENGTHS[0] else f"share-of-{length}"
            found[f"{name}/{label}"] = bootstrap(values, clusters=clusters, seed=seed)
        for kind in sorted(set(kinds)):
            found[f"{name}/share-{kind}"] = bootstrap(by_length[LENGTHS[0]][kinds == kind], seed=seed)
    best = max((name for name in RETRIEVED if name in shares), key=lambda name: float(shares[name][LENGTHS[0]].mean()))
    for name in (METHOD, *drawing, *(f"{name}{CHOSEN}" for name in drawing)):
        for other in (best, RETRIEVED[0], f"{name}{SWAPPED}", *DRAWING[:2], name.removesuffix(CHOSEN)):
            if name in shares and other in shares and other != name:
                a, b = shares[name][LENGTHS[0]], shares[other][LENGTHS[0]]
                label = "shuffled" if other.endswith(SWAPPED) else "best-retrieval" if other == best else other
                found[f"{name}-{label}/share"] = paired(a, b, clusters=clusters, seed=seed)
    return found


def accuracies(classifier: Classifier, pool: Pool, shop: Shop, seed: int) -> dict[str, Metric]:
    """How often the classifier names the value of items that it has not seen."""
    seen = classifier.encoder.encode_pictures([shop.picture(item) for item in range(len(pool.items))])
    found = {}
    for kind, names in classifier.names.items():
        rows = [at for at, labels in enumerate(pool.labels) if labels.get(kind) in names]
        if rows:
            right = classifier.found(seen[rows], kind, [pool.labels[at][kind] for at in rows])
            found[f"classifier/accuracy-{kind}"] = bootstrap(right, seed=seed)
    return found


def tables_of(
    metrics: dict[str, Metric], names: Sequence[str], notes: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    columns = ["share", *(f"share-of-{length}" for length in LENGTHS[1:]), *(f"share-{kind}" for kind in KINDS)]
    rows = [
        {"method": name, **{column: _shown(metrics.get(f"{name}/{column}")) for column in columns}} for name in names
    ]
    found: dict[str, list[dict[str, Any]]] = {"share of pictures of the planted taste (5 items, then 2, 1, 0)": rows}
    titles = ("pairwise", "near-identical", "copies")
    found["how alike a person's four are, whether people get the same, copies of what was learned from"] = [
        {"method": name, **{title: _shown(metrics.get(f"{name}/{title}")) for title in titles}}
        for name in names
        if f"{name}/copies" in metrics
    ]
    pairs = [name for name in metrics if name.endswith("/share") and name.partition("/")[0] not in names]
    found["paired differences"] = [{"difference": name, "share [95 %]": _shown(metrics[name])} for name in pairs]
    found["the classifier on items it has not seen"] = [
        {"kind": name.rpartition("-")[2], "accuracy": _shown(metrics[name])}
        for name in metrics
        if name.startswith("classifier/")
    ]
    if notes:
        found["not measured"] = [{"why": note} for note in notes]
    return found


def _shown(metric: Metric | None) -> str:
    return "" if metric is None else f"{metric.value:.1%} [{metric.ci95[0]:.1%}, {metric.ci95[1]:.1%}]"
