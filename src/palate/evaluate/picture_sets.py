"""The `pictures` scenario: what each model drew beside what the others drew for the same prompts.

A model's set is compared with a set of equal size, one picture of another model for each of its prompts; `floor` is two
such mixed sets beside each other, what sets of this size differ by when nothing is different. Values are means over
models, intervals over models. Features are the home's, or GEMRec's CLIP ViT-L/14.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric, Report, write_run
from palate.metrics.picture_sets import clip_score, cmmd, copied, kid, neighbours, vendi
from palate.metrics.pictures import frechet_distance

if TYPE_CHECKING:
    from palate.catalogue.home import Home
    from palate.settings import Settings

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
SCENARIO = "pictures"
FEWEST = 8
NEAR = 5
SHOWN = 8
SAFE = re.compile(r"[^\w]+")


@dataclass(frozen=True, eq=False)
class PictureSet:
    """R pictures: who drew each, for which prompt, its features (R, d) and its words' (R, d; zero where unknown)."""

    name: str
    models: tuple[str, ...]
    model: Indices
    prompt: Indices
    pictures: Floats
    words: Floats
    ids: tuple[str, ...] = ()


def of_gemrec(folder: Path) -> PictureSet:
    from palate.importers.gemrec import read_gemrec

    features = read_gemrec(folder).features
    if features is None:
        raise PalateError("features_missing", "this needs ready CLIP features", about=str(folder))
    prompts, models, wide = features.pictures.shape
    return PictureSet(
        "gemrec",
        features.model_ids,
        np.tile(np.arange(models), prompts),
        np.repeat(np.arange(prompts), models),
        features.pictures.reshape(-1, wide).astype(np.float64),
        np.repeat(features.words, models, axis=0).astype(np.float64),
    )


def of_home(home: Home, encoder: str) -> PictureSet:
    from palate.find.loading import load_specifications
    from palate.find.requirement import space_of_home

    space = space_of_home(home, encoder)
    with home.read() as connection:
        known, models = load_specifications(connection, space)
    prompt = np.unique(np.array([str(id) for id in known.prompt_ids]), return_inverse=True)[1]
    return PictureSet(
        "hub",
        tuple(model.name for model in models),
        known.model_index,
        prompt.astype(np.intp),
        known.pictures.astype(np.float64),
        known.prompts.astype(np.float64),
        tuple(known.picture_ids or ()),
    )


def compared(drawn: PictureSet, most: int, seed: int) -> tuple[dict[str, Metric], list[dict[str, Any]]]:
    """Metrics over at most `most` models, by chance, and a row a model."""
    rng = np.random.default_rng(seed)
    able = [m for m in range(len(drawn.models)) if (drawn.model == m).sum() >= FEWEST]
    if len(able) < 2:
        raise PalateError("too_few_pictures", f"no two models have {FEWEST} pictures each")
    chosen = sorted(rng.permutation(able)[:most].tolist())
    values: dict[str, list[float]] = {}
    rows = []
    for m in chosen:
        own = np.flatnonzero(drawn.model == m)
        others, again = (_others(drawn, own, rng) for _ in range(2))
        found = {f"models/{name}": value for name, value in apart(drawn, others, own).items()}
        found |= {f"floor/{name}": value for name, value in apart(drawn, others, again).items()}
        found |= {f"models/{name}": value for name, value in alone(drawn, own).items()}
        found |= {f"mixed/{name}": value for name, value in alone(drawn, others).items()}
        for name, value in found.items():
            values.setdefault(name, []).append(value)
        rows.append({"model": drawn.models[m], "pictures": len(own), **_short(found)})
    return {name: bootstrap(each, seed=seed) for name, each in values.items()}, rows


def _others(drawn: PictureSet, own: Indices, rng: np.random.Generator) -> Indices:
    """For each picture, one of another model for the same prompt; of any prompt where nobody else drew it."""
    model = drawn.model[own[0]]
    found = []
    for row in own:
        same = np.flatnonzero((drawn.prompt == drawn.prompt[row]) & (drawn.model != model))
        found.append(int(rng.choice(same if len(same) else np.flatnonzero(drawn.model != model))))
    return np.array(found, dtype=np.intp)


def apart(drawn: PictureSet, real: Indices, made: Indices) -> dict[str, float]:
    """How far the pictures `made` are from those taken as `real`."""
    x, y = drawn.pictures[real], drawn.pictures[made]
    near = neighbours(x, y, min(NEAR, len(x) - 1, len(y) - 1))
    return {
        "fid": frechet_distance(x, y),
        "kid": kid(x, y),
        "cmmd": cmmd(x, y),
        "set_precision": near.precision,
        "set_recall": near.recall,
        "density": near.density,
        "coverage_of_set": near.coverage,
    }


def alone(drawn: PictureSet, rows: Indices) -> dict[str, float]:
    """What a set of pictures is by itself."""
    said = np.abs(drawn.words[rows]).sum(axis=1) > 0
    found = {"vendi": vendi(drawn.pictures[rows])}
    if said.any():
        found["clip_score"] = float(clip_score(drawn.pictures[rows][said], drawn.words[rows][said]).mean())
    return found


def save_pictures(home: Home, settings: Settings, drawn: PictureSet, out: Path) -> int:
    """Small copies of one picture of each of some models, for the report; those without a file are drawn again."""
    from palate.safety.pictures import open_picture
    from palate.specify.again import look

    first = [int(np.flatnonzero(drawn.model == m)[0]) for m in range(len(drawn.models)) if (drawn.model == m).any()]
    some = {drawn.ids[row]: drawn.models[int(drawn.model[row])] for row in first[:SHOWN]}
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        files = look(home, settings, list(some))
    except PalateError:  # a model that is gone draws nothing, and the numbers stand without its picture
        return 0
    for number, (id, file) in enumerate(files.items()):
        picture = open_picture(file)
        picture.thumbnail((128, 128))
        picture.save(folder / f"{number:02d}-{SAFE.sub('-', some[id])[:40]}.png")
    return len(files)


def memorised(drawn: PictureSet, training: Floats, held_out: Floats, seed: int) -> dict[str, Metric]:
    """Copies among what was drawn, beside those that pictures nobody trained on would seem to be."""
    return {
        "drawn/copied": bootstrap(copied(drawn.pictures, training).astype(float), seed=seed),
        "held-out/copied": bootstrap(copied(held_out, training).astype(float), seed=seed),
    }


def read_training(folder: Path | None, wide: int) -> Floats | None:
    """`training.npz`: `seen` pictures' vectors and as many `unseen` ones', by the encoder that the drawn ones have."""
    path = None if folder is None else folder / "training.npz"
    if path is None or not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            seen, unseen = (np.asarray(arrays[name], dtype=np.float64) for name in ("seen", "unseen"))
    except (OSError, ValueError, KeyError) as error:
        raise PalateError("training_unreadable", "the arrays seen and unseen are needed", about=str(path)) from error
    if seen.ndim != 2 or seen.shape != unseen.shape or seen.shape[1] != wide:
        said = f"seen and unseen are two tables of one shape, {wide} numbers a row as the drawn pictures have"
        raise PalateError("training_unreadable", said, about=str(path))
    return np.concatenate([seen, unseen])


def _short(found: Mapping[str, float]) -> dict[str, float]:
    kept = ("models/fid", "models/kid", "models/coverage_of_set", "models/vendi", "models/clip_score")
    return {name.partition("/")[2]: round(found[name], 4) for name in kept if name in found}


def evaluate_pictures(
    drawn: PictureSet, *, models: int, seed: int = 0, out: Path | None = None, training: Floats | None = None
) -> Report:
    """`training`: vectors, half of them of what the models were trained on, then of as many that they were not."""
    began = time.perf_counter()
    metrics, rows = compared(drawn, models, seed)
    left_out = {}
    if training is None:
        left_out["memorisation"] = "no vectors of training pictures are at hand (training.npz in --data-dir)"
    else:
        seen, unseen = np.array_split(training, 2)
        metrics |= memorised(drawn, seen, unseen, seed)
    left_out["aesthetics"] = "no aesthetic scorer ships; see `palate train personalise`"
    report = Report(
        SCENARIO,
        metrics,
        len(rows),
        0,
        time.perf_counter() - began,
        None if out is None else str(out),
        {f"Each model beside the others ({drawn.name})": sorted(rows, key=lambda row: float(row["fid"]))},
        left_out,
    )
    if out is not None:
        specification = {"scenario": SCENARIO, "of": drawn.name, "models": models, "seed": seed}
        write_run(out, specification, [], rows, report)
    return report
