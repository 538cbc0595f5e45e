"""The `cost` scenario: what an answer and a training run cost here, in time, memory, operations and assumed energy.

On made data of GEMRec's size (200 models of 76 pictures, 768 dimensions; smaller for few answers), so that it needs
nothing; latencies are of single answers, one after another, in one process. Energy is CPU seconds at 15 W a core: an
assumption, not a reading.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.crowds import crowd_of
from palate.evaluate.poisoning import METHODS
from palate.evaluate.report import Metric, Report, write_run
from palate.metrics.cost import costing, megabytes, parameters, watt_hours

Floats = NDArray[np.float64]
SCENARIO = "cost"
MODELS, PROMPTS, WIDE = 200, 76, 768
FEW, SMALL = 30, (60, 30, 256)
"""So few answers are of a hub so small: learning PMI on all of GEMRec takes longer than all the rest."""
PICTURES = 8


def latencies(answer: Callable[[], object], times: int) -> tuple[Floats, float]:
    """(times,) milliseconds of single answers by the clock, the CPU seconds of all; the first does not count."""
    answer()
    taken, worked = np.empty(times), time.process_time()
    for at in range(times):
        began = time.perf_counter()
        answer()
        taken[at] = 1000 * (time.perf_counter() - began)
    return taken, time.process_time() - worked


def percentiles(taken: Floats, seed: int = 0) -> dict[str, Metric]:
    """Median, 95 and 99 %, and answers a second, with intervals over answers."""
    rng = np.random.default_rng(seed)
    again = taken[rng.integers(len(taken), size=(300, len(taken)))]
    found = {}
    for share in (50, 95, 99):
        low, high = np.quantile(np.percentile(again, share, axis=1), [0.025, 0.975])
        found[f"p{share}_ms"] = Metric(float(np.percentile(taken, share)), (float(low), float(high)), len(taken))
    rates = 1000 / again.mean(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    found["per_second"] = Metric(float(1000 / taken.mean()), (float(low), float(high)), len(taken))
    return found


def exactly(value: float, n: int = 1) -> Metric:
    return Metric(value, (value, value), n)


def of_identify(times: int, seed: int, size: tuple[int, int, int]) -> dict[str, Metric]:
    """One picture against all models, by style and by PMI, and what making the indexes costs. `size`: (M, P, d)."""
    from palate.find.pmi import fit_pmi
    from palate.find.specification import Specifications
    from palate.find.style import fit_style

    rng, (models, prompts, wide) = np.random.default_rng(seed), size
    words = rng.normal(size=(prompts, wide)).astype(np.float32)
    own = rng.normal(size=(models, 1, wide)).astype(np.float32)
    pictures = words[None] + own + rng.normal(size=(models, prompts, wide)).astype(np.float32)
    known = Specifications.build(
        [f"model {m}" for m in range(models)],
        np.repeat(np.arange(models), prompts),
        pictures.reshape(-1, wide),
        prompts=np.tile(words, (models, 1)),
        prompt_ids=[f"prompt {p}" for p in range(prompts)] * models,
        downloads=[1.0] * models,
    )
    picture, said = known.pictures[:1], known.prompts[:1]
    metrics: dict[str, Metric] = {}
    with costing() as cost:
        style = fit_style(known)
    metrics |= {"style/train-cpu-s": exactly(cost.cpu_seconds), "style/train-wh": exactly(cost.watt_hours)}
    with costing() as cost:
        pmi = fit_pmi(known)
    metrics |= {"pmi/train-cpu-s": exactly(cost.cpu_seconds), "pmi/train-wh": exactly(cost.watt_hours)}
    answers: dict[str, Callable[[], object]] = {
        "style": lambda: style.scores(style.queries(picture, said)),
        "pmi": lambda: pmi.distances(picture, said),
    }
    for name, answer in answers.items():
        taken, worked = latencies(answer, times)
        metrics |= {f"{name}/{kind}": metric for kind, metric in percentiles(taken, seed).items()}
        metrics[f"{name}/wh"] = exactly(watt_hours(worked / times), times)
    return metrics


def of_recommenders(data: Path | None, times: int, seed: int) -> dict[str, Metric]:
    """One person's scores of everything, what learning costs, and what is kept."""
    crowd = crowd_of(data, seed)
    metrics: dict[str, Metric] = {}
    for name, make in METHODS.items():
        with costing() as cost:
            recommender = make().fit(crowd.histories, crowd.items)
        state = recommender.state()
        metrics |= {
            f"{name}/train-cpu-s": exactly(cost.cpu_seconds),
            f"{name}/train-wh": exactly(cost.watt_hours),
            f"{name}/parameters": exactly(float(parameters(state))),
            f"{name}/kept-mb": exactly(megabytes(state)),
        }
        taken, worked = latencies(lambda one=recommender: one.score(crowd.histories[:1]), times)  # type: ignore[misc]
        metrics |= {f"{name}/{kind}": metric for kind, metric in percentiles(taken, seed).items()}
        metrics[f"{name}/wh"] = exactly(watt_hours(worked / times), times)
    return metrics


def of_encoder(name: str, times: int, seed: int) -> dict[str, Metric]:
    """A batch of eight pictures: time, operations as torch counts them, energy a picture."""
    from PIL import Image
    from torch.utils.flop_counter import FlopCounterMode

    from palate.encoders.opening import open_encoder

    encoder = open_encoder(name, device="cpu")
    rng = np.random.default_rng(seed)
    pictures = [Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)) for _ in range(PICTURES)]
    with FlopCounterMode(display=False) as counter:
        encoder.encode_pictures(pictures)
    taken, worked = latencies(lambda: encoder.encode_pictures(pictures), times)
    title = f"encoder {name}, {PICTURES} pictures"
    metrics = {f"{title}/{kind}": metric for kind, metric in percentiles(taken, seed).items()}
    metrics[f"{title}/gflops"] = exactly(counter.get_total_flops() / 1e9)
    metrics[f"{title}/wh"] = exactly(watt_hours(worked / times), times)
    return metrics


def evaluate_cost(
    data: Path | None, *, times: int, encoder: str = "pocket", seed: int = 0, out: Path | None = None
) -> Report:
    """Every answer `times` times; `encoder` empty leaves it out."""
    from palate.evaluate.suite import peak_megabytes

    began = time.perf_counter()
    size = (MODELS, PROMPTS, WIDE) if times > FEW else SMALL
    metrics = of_identify(times, seed, size) | of_recommenders(data, times, seed)
    left_out: dict[str, Any] = {"drawing": "what a picture costs is measured by `palate specify` and benchmarks/"}
    if encoder:
        try:
            metrics |= of_encoder(encoder, max(times // 10, 5), seed)
        except (LookupError, ImportError) as missing:
            left_out["the encoder"] = str(missing)
    metrics["all of it/peak_mb"] = exactly(peak_megabytes())
    where = None if out is None else str(out)
    rows = [
        {
            "answer": name.rpartition("/")[0],
            "median ms": metric.value,
            "95 %": metrics[name.replace("p50", "p95")].value,
        }
        for name, metric in metrics.items()
        if name.endswith("/p50_ms")
    ]
    tables = {f"One answer after another; {size[0]} models of {size[1]} pictures, {size[2]} dimensions": rows}
    report = Report(SCENARIO, metrics, times, 0, time.perf_counter() - began, where, tables, left_out)
    if out is not None:
        write_run(out, {"scenario": SCENARIO, "times": times, "encoder": encoder, "seed": seed}, [], [], report)
    return report
