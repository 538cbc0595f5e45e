"""How fast and how surely style is found among a million models, against scoring every one of them.

    python benchmarks/style_search.py [--models 1000000] [--questions 1024] [--pictures 6 3 1] [--data DIR]

The models' vectors are drawn from the mean and covariance of the real ones: the style index of the GEMRec models. The
questions are real: pictures of prompts that the index was not fitted on, `--pictures` of one model to each. Prints a
table and one JSON line; `ratio` is exact time over the index's for a question, both in batches; `p50` and `p99` are
milliseconds by the clock of questions asked one at a time (a busy machine lengthens them), `cpu` a processor's mean of
those. Exact search multiplies all rows in blocks that stay in the cache and keeps each block's best. A single picture
is the hardest question: most of it is noise, far from every model. Without GEMRec's features a made-up hub takes their
place, and the line says so.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.catalogue.cells import CellConfig
from palate.catalogue.index import exact_search
from palate.find.specification import Specifications
from palate.find.style import StyleIndex, fit_style, style_cells

TOP = 10
ROUNDS = 3
ALONE = 300
"""Questions asked one at a time."""


def hub(data: Path) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """(P, M, d) pictures and (P, d) words."""
    if (data / "clip_vit_l14.npz").exists():
        with np.load(data / "clip_vit_l14.npz", allow_pickle=False) as file:
            return file["images"].astype(np.float32), file["prompts"].astype(np.float32), "GEMRec"
    rng = np.random.default_rng(0)
    style = rng.standard_normal((120, 256)) * np.linspace(1.0, 0.05, 256)
    words = rng.standard_normal((60, 256))
    pictures = words[:, None] + style[None] + rng.standard_normal((60, 120, 256))
    return pictures.astype(np.float32), words.astype(np.float32), "made up"


def fit(pictures: NDArray[np.float32], words: NDArray[np.float32]) -> StyleIndex:
    prompts, models, dim = pictures.shape
    known = Specifications.build(
        [str(model) for model in range(models)],
        np.tile(np.arange(models), prompts),
        pictures.reshape(-1, dim),
        prompts=np.repeat(words, models, axis=0),
    )
    return fit_style(known)


def sampled(index: StyleIndex, count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """`count` vectors with the real ones' mean and covariance, and the penalties that go with them."""
    real = index.vectors[:, :-2].astype(np.float64)
    values, U = np.linalg.eigh(np.cov(real.T))
    root = (U * np.sqrt(np.maximum(values, 0.0))).T.astype(np.float32)
    vectors = np.empty((count, real.shape[1]), dtype=np.float32)
    for start in range(0, count, 65536):
        some = vectors[start : start + 65536]
        some[:] = rng.standard_normal(some.shape, dtype=np.float32) @ root + real.mean(axis=0)
    return vectors, -0.5 * np.einsum("nk,nk->n", vectors, vectors)


def questions(
    index: StyleIndex, pictures: NDArray[np.float32], words: NDArray[np.float32], count: int, each: int
) -> tuple[Any, Any]:
    """(count, k) and how many pictures stand behind each."""
    rng = np.random.default_rng(each)
    asked = []
    for number in range(count):
        model = number % pictures.shape[1]
        prompts = rng.choice(len(words), min(each, len(words)), replace=False)
        asked.append(index.query(pictures[prompts, model], words[prompts]))
    table = np.array(asked)
    return np.ascontiguousarray(table[:, :-2]), np.ascontiguousarray(table[:, -2])


def best_of(rounds: int, work: Any) -> tuple[float, Any]:
    """The least time of some rounds, and the last answer."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = work()
        times.append(time.perf_counter() - began)
    return min(times), answer


def one_at_a_time(work: Any, questions: int) -> dict[str, float]:
    """Milliseconds of each question alone: the middle one, the ninety-ninth of a hundred, and a processor's mean."""
    taken, busy = [], time.process_time()
    for number in range(questions):
        began = time.perf_counter()
        work(number)
        taken.append((time.perf_counter() - began) * 1e3)
    cpu = (time.process_time() - busy) * 1e3 / questions
    p50, p99 = np.percentile(taken, [50, 99])
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2), "cpu_ms": round(cpu, 2)}


def measure(
    style: StyleIndex, held_out: tuple[Any, Any], args: argparse.Namespace
) -> tuple[float, list[dict[str, Any]]]:
    """Seconds of building, and one row for each number of pictures and each doubt."""
    vectors, bias = sampled(style, args.models, np.random.default_rng(0))
    many = dataclasses.replace(style, vectors=np.column_stack([vectors, bias, bias]))
    began = time.perf_counter()
    cells = style_cells(many)
    build_s = time.perf_counter() - began
    print(f"{args.models} models, {vectors.shape[1]} dimensions; built in {build_s:.1f} s", flush=True)
    print(f"{'pictures':>8} {'doubt':>6} {'recall@10':>9} {'exact ms':>9} {'cells ms':>9} {'ratio':>6}")
    rows = []
    for each in args.pictures:
        q, w = questions(style, *held_out, args.questions, each)
        exact_s, (truth, _) = best_of(ROUNDS, lambda q=q, w=w: exact_search(vectors, bias, q, w, TOP))
        for doubt in args.doubt:
            cells_s, (found, _) = best_of(
                ROUNDS, lambda q=q, w=w, doubt=doubt: cells.search(q, TOP, weights=w, doubt=doubt)
            )
            recall = float(np.mean([len(set(a) & set(b)) / TOP for a, b in zip(truth, found, strict=True)]))
            exact_ms, cells_ms = exact_s / len(q) * 1e3, cells_s / len(q) * 1e3
            ratio = exact_s / cells_s
            alone = one_at_a_time(
                lambda n, q=q, w=w, doubt=doubt: cells.search(q[n : n + 1], TOP, weights=w[n : n + 1], doubt=doubt),
                min(ALONE, len(q)),
            )
            print(
                f"{each:8} {doubt:6.2f} {recall:9.4f} {exact_ms:9.3f} {cells_ms:9.3f} {ratio:6.1f}", alone, flush=True
            )
            rows.append(
                {
                    "pictures": each,
                    "doubt": doubt,
                    "recall@10": round(recall, 4),
                    "exact_ms": round(exact_ms, 3),
                    "cells_ms": round(cells_ms, 4),
                    "ratio": round(ratio, 1),
                    **alone,
                }
            )
    return build_s, rows


def main() -> None:
    parser = argparse.ArgumentParser(description="style search against exact search")
    parser.add_argument("--models", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=1024)
    parser.add_argument("--pictures", type=int, nargs="+", default=[6, 3, 1])
    parser.add_argument("--doubt", type=float, nargs="+", default=[CellConfig().doubt])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "gemrec")
    args = parser.parse_args()
    pictures, words, source = hub(args.data)
    unseen = min(14, len(words) // 4)
    style = fit(pictures[:-unseen], words[:-unseen])
    build_s, rows = measure(style, (pictures[-unseen:], words[-unseen:]), args)
    line = {"benchmark": "style_search", "models": args.models, "source": source, "build_s": round(build_s, 1)}
    print(json.dumps(line | {"rows": rows}))


if __name__ == "__main__":
    main()
