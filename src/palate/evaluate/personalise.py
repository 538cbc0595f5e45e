"""The `personalise` scenario: drawn pictures and existing ones under the same measures, intervals over people.

Against the true next item and against the history; four pictures a person, their mean and their best. What wins by
blur or copy is a loss: a drawn picture nearer to a training or history picture than 99 % of real next pictures are, or
less sharp than 99 % of real ones, is worth no more than a random poster (`-honest`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.evaluate import personalise_methods as methods
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.personalise_methods import (
    CHOSEN,
    DRAWING,
    SHOWN,
    Drawers,
    Shop,
    Shown,
    drawn_by,
    open_drawers,
    shop_of,
)
from palate.evaluate.report import Metric, Report, write_run
from palate.metrics.likeness import mean_pairwise, sharpness
from palate.personalise.histories import Window, Windows, split_by_time
from palate.personalise.opening import Cabinet, Networks, taught_items
from palate.personalise.plain_look import PlainLook
from palate.personalise.reading import read_collection
from palate.personalise.rewards import Floats, Reward, scored
from palate.personalise.scorers import Relevance, Space, pixels_of
from palate.personalise.shelf import Shelf

SCENARIO = "personalise"
SIDE = 64
MEASURES = (
    *("cts-target", "cis-target", "dis-target", "lpips-target", "ssim-target"),
    *("cts-history", "cis-history", "dis-history", "lpips-history", "ssim-history", "profile", "aesthetics"),
)
UNSEEN = "history-unseen"
RARE = 0.99
NEARLY_THE_SAME = 0.999
SHARP_ENOUGH = 0.7

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class PersonaliseDesign:
    """On whom, by which networks."""

    people: int = 200
    janus: str = "pocket"
    networks: Networks = field(default_factory=Networks)
    unseen: tuple[str, ...] = ()
    """Encoders that no reward used; `plain-look` where none is named."""
    measures: tuple[str, ...] = MEASURES
    retrieval: tuple[str, ...] = methods.RETRIEVAL
    drawing: tuple[str, ...] = DRAWING
    of: int = SHOWN
    """Pictures that are drawn, of which CIS' and DIS' encoders also choose four (`-chosen`); all there is as well."""
    length: int = 5
    seed: int = 0
    intervals: int = 0
    """The seed of the intervals."""


@dataclass
class Answers:
    """What every method showed, and what each picture is worth: a measure to (windows, 4)."""

    shown: dict[str, Shown] = field(default_factory=dict)
    scores: dict[str, dict[str, Floats]] = field(default_factory=dict)
    seen: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """In the first space that no reward used: (windows, 4, d)."""
    drawing: tuple[str, ...] = ()
    """Those of them that draw, the home's before what was trained elsewhere."""
    notes: list[str] = field(default_factory=list)


def evaluate_personalise(
    data: Path,
    design: PersonaliseDesign,
    *,
    home: Path | None = None,
    pictures: Path | None = None,
    out: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Report:
    """Every method on the same windows of the last tenth of time."""
    began = time.perf_counter()
    collection = read_collection(data, pictures=pictures)
    parts = split_by_time(collection, length=design.length)
    windows = people_first(parts.test, design.people)
    answers = Answers()
    drawers = open_drawers(home, design.janus, design.networks.device, answers.notes, design.drawing)
    side = next((janus.network.config.vision_config.image_size for janus, _ in drawers.values()), SIDE)
    shop = shop_of(collection, int(side))
    cabinet = Cabinet(shop, design.networks)
    show_all(answers, shop, drawers, parts, windows, cabinet, design, progress)
    measures = measures_of(cabinet, design.measures, taught_items(parts.train), answers.notes)
    unseen = cabinet.unseen(design.unseen or (PlainLook.name,), measures)
    score_all(answers, windows, measures, unseen, progress)
    limits = Limits.of(shop, parts, windows, unseen[0].space)
    metrics = all_metrics(answers, windows, limits, unseen[0].space, design.intervals)
    report = Report(
        SCENARIO,
        metrics,
        cases=len(windows) * len(answers.shown),
        unscored=unscored(answers),
        took_s=time.perf_counter() - began,
        run=None if out is None else str(out),
        tables=tables_of(metrics, answers, len({window.person for window in windows}), collection.name)
        | drawn_by(drawers),
    )
    if out is not None:
        write_run(
            out,
            {"scenario": SCENARIO, "data": collection.name, **_plain(design), "notes": answers.notes},
            (asdict(window) for window in windows),
            case_rows(answers),
            report,
        )
    return report


def people_first(windows: Sequence[Window], most: int) -> list[Window]:
    """Windows of as many people as there are: one of each before a second of any."""
    turns: dict[int, int] = {}
    numbered: list[tuple[int, int, Window]] = []
    for window in windows:
        turns[window.person] = turns.get(window.person, -1) + 1
        numbered.append((turns[window.person], len(numbered), window))
    return [window for _, _, window in sorted(numbered, key=lambda row: row[:2])[:most]]


# -- what is shown -------------------------------------------------------------------------------------------------


def show_all(
    answers: Answers,
    shop: Shop,
    drawers: Drawers,
    parts: Windows,
    windows: Sequence[Window],
    cabinet: Cabinet,
    design: PersonaliseDesign,
    progress: Progress,
) -> None:
    """Fills `answers.shown`, method by method."""
    for place, name in enumerate(design.retrieval):
        progress("retrieving", place, len(design.retrieval))
        chosen = methods.retrieved(shop, windows, name, parts.test_from)
        answers.shown[f"retrieve-{name}"] = shop.pictures(chosen)
    visual = cabinet.space(PlainLook.name)
    try:
        visual = cabinet.space(design.networks.clip)
    except PalateError as error:
        answers.notes.append(f"retrieve-visual sees colours and edges only: {error}")
    answers.shown["retrieve-visual"] = shop.pictures(methods.alike(visual, windows))
    answers.shown["random"] = shop.pictures(methods.random_items(shop, windows, design.seed))
    answers.shown["pixel-mean"] = methods.pixel_means(shop, windows)
    answers.shown["copy-history"] = shop.pictures(methods.copied(windows))
    choosers, answers.drawing = choosers_of(cabinet, design, answers.notes), tuple(drawers)
    if choosers:
        answers.shown[f"retrieve{CHOSEN}"] = shop.pictures(methods.existing_chosen(choosers, windows))
    for place, (name, (janus, seen)) in enumerate(drawers.items()):
        progress("drawing", place, len(drawers))
        made = methods.drawn(Shelf(janus, shop, seen), windows, seed=design.seed, count=max(design.of, SHOWN))
        answers.shown[name] = [pictures[:SHOWN] for pictures in made]
        if choosers:
            answers.shown[f"{name}{CHOSEN}"] = methods.chosen(made, choosers, windows)
    if drawers:  # by the latest of them: its codes may have been taught to hold such pictures
        own = [name for name in drawers if name in DRAWING] or [*drawers]
        answers.shown["ceiling"] = methods.ceiling(drawers[own[-1]][0], shop, windows)


def choosers_of(cabinet: Cabinet, design: PersonaliseDesign, notes: list[str]) -> list[Space]:
    """The encoders of CIS and DIS, where more is drawn than shown; what looks on as unseen may not choose."""
    found = []
    for name in (design.networks.clip, design.networks.dino) if design.of > SHOWN else ():
        if name in design.unseen:
            raise PalateError("not_unseen", "it may not choose what it judges", about=name)
        try:
            found.append(cabinet.space(name))
        except PalateError as error:
            notes.append(f"{name} chooses nothing: {error}")
    return found


# -- what it is worth ----------------------------------------------------------------------------------------------


def known_measures(names: Sequence[str] | None) -> tuple[str, ...]:
    """By their names; all where none is named."""
    for name in names or ():
        if name not in MEASURES:
            said = f"there is no measure '{name}'"
            raise PalateError("unknown_measure", said, hint=f"one of {', '.join(MEASURES)}")
    return tuple(names or MEASURES)


def measures_of(cabinet: Cabinet, names: Sequence[str], taught: Sequence[int], notes: list[str]) -> list[Reward]:
    found = []
    for name in names:
        try:
            found.append(cabinet.reward(name, taught=taught))
        except PalateError as error:
            notes.append(f"{name} is not measured: {error}")
    return found


def score_all(
    answers: Answers,
    windows: Sequence[Window],
    measures: Sequence[Reward],
    unseen: Sequence[Relevance],
    progress: Progress,
) -> None:
    """Each measure against one's own history, and the unseen ones against somebody else's as well."""
    others = somebody_elses(windows)
    for place, (name, shown) in enumerate(answers.shown.items()):
        progress("measuring", place, len(answers.shown))
        flat = [picture for pictures in shown for picture in pictures]
        own = [window for window in windows for _ in range(SHOWN)]
        found = scored([*measures, *unseen], flat, own)
        swapped = scored(unseen, flat, [other for other in others for _ in range(SHOWN)])
        found |= {f"{name}-shuffled": values for name, values in swapped.items()}
        first = unseen[0].name
        found |= {UNSEEN: found[first], f"{UNSEEN}-shuffled": swapped[first]}
        found["sharpness"] = np.array([sharpness(pixels_of(picture)) for picture in flat])
        answers.scores[name] = {measure: values.reshape(-1, SHOWN) for measure, values in found.items()}
        answers.seen[name] = unseen[0].space.drawn(flat).reshape(len(windows), SHOWN, -1)


def somebody_elses(windows: Sequence[Window]) -> list[Window]:
    """For each window one of another person: the next in order, by a turn that is the same every time."""
    count = len(windows)
    found = []
    for place, window in enumerate(windows):
        steps = (windows[(place + step) % count] for step in range(count // 2, count // 2 + count))
        found.append(next((other for other in steps if other.person != window.person), window))
    return found


@dataclass(frozen=True)
class Limits:
    """What real pictures keep to: beyond it a drawn picture is a copy, or blurred."""

    taught: NDArray[np.float32]
    nearest: float
    """99 % of real next pictures that training has not seen are less like their nearest training picture."""
    to_history: float
    """99 % of real next pictures are less like the nearest of their history."""
    sharp: float
    """99 % of real pictures are sharper."""
    real_sharpness: float
    same: float
    """99.9 % of pairs of real pictures are less alike."""

    @classmethod
    def of(cls, shop: Shop, parts: Windows, windows: Sequence[Window], space: Space) -> Limits:
        items = taught_items(parts.train)
        known = set(items)
        new = [item for item in taught_items([*parts.valid, *parts.test]) if item not in known]
        taught = space.pictures(items)
        if len(new) >= 20:
            real = space.pictures(new)
            nearest = (real @ taught.T).max(axis=1)
        else:
            pairs = taught @ taught.T
            np.fill_diagonal(pairs, -1.0)
            nearest = pairs.max(axis=1)
        own = [space.pictures(window.history) @ space.pictures([window.target])[0] for window in windows]
        sharp = np.array([sharpness(pixels_of(shop.picture(item))) for item in items])
        return cls(
            taught,
            float(np.quantile(nearest, RARE)),
            float(np.quantile([row.max() for row in own], RARE)),
            float(np.quantile(sharp, 1 - RARE)),
            float(sharp.mean()),
            nearly_the_same(taught),
        )


def nearly_the_same(real: NDArray[np.float32]) -> float:
    """99.9 % of pairs of real pictures are less alike. (n, d)"""
    one, two = np.random.default_rng(0).integers(0, len(real), (2, 20_000))
    return float(np.quantile((real[one] * real[two]).sum(axis=1)[one != two], NEARLY_THE_SAME))


def lost(
    seen: NDArray[np.float32], scores: Mapping[str, Floats], windows: Sequence[Window], limits: Limits, space: Space
) -> Floats:
    """(windows, 4): 1 where a picture is a copy of a training or history picture, or blurred. seen: (windows, 4, d)"""
    near = (seen @ limits.taught.T).max(axis=2) > limits.nearest
    own = [(rows @ space.pictures(window.history).T).max(axis=1) for window, rows in zip(windows, seen, strict=True)]
    blurred = scores["sharpness"] < limits.sharp
    found: Floats = (near | (np.array(own) > limits.to_history) | blurred).astype(np.float64)
    return found


# -- the report ----------------------------------------------------------------------------------------------------


def all_metrics(
    answers: Answers, windows: Sequence[Window], limits: Limits, space: Space, seed: int
) -> dict[str, Metric]:
    """`<method>/<measure>` the mean of the four, `-best` the best of them; differences are paired over people."""
    people = [window.person for window in windows]
    found: dict[str, Metric] = {}
    spaces = spaces_of(answers)
    for name, scores in answers.scores.items():
        for measure, values in scores.items():
            least = measure.startswith("lpips")
            found |= _of(f"{name}/{measure}", mean_of(values), people, seed)
            if measure in MEASURES or measure == UNSEEN:
                best = -np.fmax.reduce(-values, axis=1) if least else np.fmax.reduce(values, axis=1)
                found |= _of(f"{name}/{measure}-best", best, people, seed)
        found |= _of(f"{name}/sharpness", scores["sharpness"].mean(axis=1) / limits.real_sharpness, people, seed)
        if name.removesuffix(CHOSEN) in answers.drawing:
            losses = lost(answers.seen[name], scores, windows, limits, space)
            found |= _of(f"{name}/losses", losses.mean(axis=1), people, seed)
            for space_name in spaces:
                floor = answers.scores["random"][space_name].mean(axis=1, keepdims=True)
                worth = np.where(losses > 0, np.minimum(scores[space_name], floor), scores[space_name])
                scores[f"{space_name}-honest"] = worth
                found |= _of(f"{name}/{space_name}-honest", worth.mean(axis=1), people, seed)
        found |= collapse_of(name, answers.seen[name], limits.same, people, seed)
        for space_name in spaces:
            own, other = scores[space_name].mean(axis=1), scores[f"{space_name}-shuffled"].mean(axis=1)
            found[f"{name}-shuffled/{space_name}"] = paired(own, other, clusters=people, seed=seed)
    return {**found, **differences(answers, people, seed)}


def differences(answers: Answers, people: Sequence[int], seed: int) -> dict[str, Metric]:
    """GRPO against SFT, each drawing method against what came before it, and against the best honest retrieval.

    The best retrieval is chosen on the very windows that it is compared on: to its advantage, not to ours.
    """
    scores, found = answers.scores, dict[str, Metric]()
    shops = [name for name in scores if name.startswith("retrieve-")]
    for space in spaces_of(answers):
        best = max(shops, key=lambda name: float(scores[name][space].mean()), default=None)
        pairs = [("sft", "untrained"), ("grpo", "sft"), ("grpo", "untrained")]
        more = [f"{name}{CHOSEN}" for name in answers.drawing]
        pairs += [*zip(more, answers.drawing, strict=True)]
        pairs += [(f"{name}{CHOSEN}", f"{other}{CHOSEN}") for name, other in pairs[:2]]
        pairs += [(name, other) for name in answers.drawing if name not in DRAWING for other in ("sft", "untrained")]
        pairs += [
            (name, other) for name in (*answers.drawing, *more) for other in (best, "random") if other is not None
        ]
        for name, other in pairs:
            if name not in scores or other not in scores:
                continue
            label = "best-retrieval" if other == best else other
            mine, theirs = scores[name], scores[other]
            found[f"{name}-{label}/{space}"] = paired(
                mine[f"{space}-honest"].mean(axis=1),
                theirs.get(f"{space}-honest", theirs[space]).mean(axis=1),
                clusters=people,
                seed=seed,
            )
    return found


def spaces_of(answers: Answers) -> list[str]:
    """`history-unseen`, which is the first encoder that no reward used, and the others under their own names."""
    first = next(iter(answers.scores.values()))
    names = [name for name in first if name.startswith(f"{UNSEEN}/") and not name.endswith(("-shuffled", "-honest"))]
    return [UNSEEN, *names[1:]]


def collapse_of(
    name: str, seen: NDArray[np.float32], same: float, people: Sequence[int], seed: int
) -> dict[str, Metric]:
    """How alike a person's four are, and the share of pairs of people whose first pictures are nearly the same."""
    alike = np.array([mean_pairwise(four) for four in seen])
    firsts = seen[:, 0]
    pairs = firsts @ firsts.T > same
    np.fill_diagonal(pairs, False)
    shares = pairs.sum(axis=1) / max(len(firsts) - 1, 1)
    found = _of(f"{name}/pairwise", alike, people, seed)
    return {**found, **_of(f"{name}/near-identical", shares, people, seed)}


def mean_of(values: Floats) -> Floats:
    """The mean of what was scored of each row, nan where nothing was. (n, 4) -> (n,)"""
    there = np.isfinite(values)
    total = np.where(there, values, 0.0).sum(axis=1)
    found: Floats = np.where(there.any(axis=1), total / np.maximum(there.sum(axis=1), 1), np.nan)
    return found


def _of(name: str, values: Floats, people: Sequence[int], seed: int) -> dict[str, Metric]:
    """A metric over the windows that were scored; none where nothing was."""
    there = np.isfinite(values)
    if not there.any():
        return {}
    clusters = [person for person, known in zip(people, there, strict=True) if known]
    return {name: bootstrap(values[there], clusters=clusters, seed=seed)}


def unscored(answers: Answers) -> int:
    return sum(int((~np.isfinite(values)).sum()) for scores in answers.scores.values() for values in scores.values())


def tables_of(
    metrics: Mapping[str, Metric], answers: Answers, people: int, data: str
) -> dict[str, list[dict[str, Any]]]:
    """One table of all methods, one of what else they do, one of differences; what was not measured in words."""
    columns = [name for name in MEASURES if any(f"{method}/{name}" in metrics for method in answers.shown)]
    titles = {
        f"{data}: {people} people, the mean of four pictures": [*columns, UNSEEN],
        "the best of the four": [f"{name}-best" for name in (*columns, UNSEEN)],
        "blur, copies, collapse": ["sharpness", "losses", f"{UNSEEN}-honest", "pairwise", "near-identical"],
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for title, names in titles.items():
        found[title] = [
            {"method": method, **{name: _shown(metrics.get(f"{method}/{name}")) for name in names}}
            for method in answers.shown
        ]
    pairs = [name for name in metrics if f"/{UNSEEN}" in name and _is_pair(name, answers)]
    rows = [{"difference": name, f"{UNSEEN} [95 %]": _interval(metrics[name])} for name in pairs]
    found[f"paired differences ({UNSEEN}, -shuffled: one's own history against somebody else's)"] = rows
    if answers.notes:
        found["not measured"] = [{"why": note} for note in dict.fromkeys(answers.notes)]
    return found


def _is_pair(name: str, answers: Answers) -> bool:
    head = name.split("/")[0]
    if head in answers.shown:
        return False
    return head.endswith("-shuffled") or any(head.startswith(f"{method}-") for method in answers.drawing)


def _shown(metric: Metric | None) -> str:
    return "" if metric is None else f"{metric.value:.3g}"


def _interval(metric: Metric) -> str:
    return f"{metric.value:+.3g} [{metric.ci95[0]:.3g}, {metric.ci95[1]:.3g}]"


def case_rows(answers: Answers) -> list[dict[str, Any]]:
    """Every measure by window and picture, from which any interval can be made again; nan is left out."""
    return [
        {
            "method": name,
            "measure": measure,
            "values": [[round(float(v), 5) if np.isfinite(v) else None for v in row] for row in values],
        }
        for name, scores in answers.scores.items()
        for measure, values in scores.items()
    ]


def _plain(design: PersonaliseDesign) -> dict[str, Any]:
    values = asdict(design)
    values["networks"] = {name: None if value is None else str(value) for name, value in values["networks"].items()}
    return {
        **values,
        "unseen": list(design.unseen),
        "measures": list(design.measures),
        "retrieval": list(design.retrieval),
        "drawing": list(design.drawing),
    }
