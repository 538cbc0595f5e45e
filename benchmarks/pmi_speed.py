"""How fast Eq. 9 is for the paper's benchmark: 65 models, 9,100 tasks, 61 specification pictures, 512 dimensions.

    python benchmarks/pmi_speed.py [--models 65] [--tasks 9100] [--sample 20]

Two hubs: `default` (all models drew the same prompts) and `own` (every model its own). The straightforward loop
goes over tasks and models in Python and evaluates the formula with numpy as it is written
(`palate.find.pmi.distance`); it is timed on a sample of tasks and its time multiplied up. `kept` is a kinder loop
that computes each model's kernel among its own pictures once for all tasks. The ranks of all models are compared on
the sampled tasks. Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.find.pmi import PromptMatching, distance, fit_pmi
from palate.find.specification import Specifications

GAMMA = 5.0
DIM = 512
PICTURES = 61
ROUNDS = 3
Rows = NDArray[np.floating[Any]]


def unit(rows: Rows) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def made_up(models: int, tasks: int, *, own_prompts: bool) -> tuple[Specifications, Rows, Rows, Any]:
    """CLIP-like vectors: content shared by pictures of a prompt, style by pictures of a model, noise; a wide cone."""
    rng = np.random.default_rng(0)
    cone = rng.standard_normal(DIM) * 1.2
    style = rng.standard_normal((models, DIM)) * 0.1
    words = rng.standard_normal((models, PICTURES, DIM)) * 0.6 + cone
    if not own_prompts:
        words[:] = words[0]
    pictures = unit(words + style[:, None] + rng.standard_normal(words.shape) * 0.5)
    model = np.repeat(np.arange(models), PICTURES)
    known = Specifications.build(
        [str(m) for m in range(models)], model, pictures.reshape(-1, DIM), prompts=words.reshape(-1, DIM)
    )
    true = np.arange(tasks) % models
    asked = rng.standard_normal((tasks, DIM)) * 0.6 + cone
    shown = asked + style[true] + rng.standard_normal((tasks, DIM)) * 0.5
    return known, unit(shown), unit(asked), true


def kept_kernels(Z: Rows, Q: Rows, z: Rows, q: Rows) -> Rows:
    """The kinder loop: (n, M) with every model's own kernel computed once."""
    among = [np.exp(-GAMMA * ((a[:, None] - a[None]) ** 2).sum(axis=2)) for a in Z]
    found = np.empty((len(z), len(Z)))
    for task, (picture, caption) in enumerate(zip(z, q, strict=True)):
        for model, (a, words) in enumerate(zip(Z, Q, strict=True)):
            w = (words @ caption) / (np.linalg.norm(words, axis=1) * np.linalg.norm(caption))
            across = np.exp(-GAMMA * ((a - picture) ** 2).sum(axis=1))
            found[task, model] = w @ among[model] @ w / len(a) ** 2 - 2.0 * w @ across / len(a) + 1.0
    return found


def ranks(costs: Rows, true: Any) -> Any:
    return (costs <= costs[np.arange(len(true)), true][:, None]).sum(axis=1)


def timed(matching: PromptMatching, z: Rows, q: Rows) -> tuple[float, Rows]:
    """The least of some rounds, specification side prepared."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        costs = matching.distances(z, q)
        times.append(time.perf_counter() - began)
    return min(times), costs


def measure(models: int, tasks: int, sample: int, *, own_prompts: bool) -> dict[str, Any]:
    known, z, q, true = made_up(models, tasks, own_prompts=own_prompts)
    name = "own" if own_prompts else "default"
    began = time.perf_counter()
    matching = fit_pmi(known, gamma=GAMMA)
    prepare_s = time.perf_counter() - began
    batched_s, costs = timed(matching, z, q)
    some = np.linspace(0, tasks - 1, min(sample, tasks)).astype(int)
    Z = known.pictures.reshape(models, PICTURES, DIM).astype(np.float64)
    Q = known.prompts.reshape(models, PICTURES, DIM).astype(np.float64)
    zs, qs = z[some].astype(np.float64), q[some].astype(np.float64)
    began = time.perf_counter()
    plain = np.array(
        [[distance(Z[m], Q[m], a[None], b[None], GAMMA) for m in range(models)] for a, b in zip(zs, qs, strict=True)]
    )
    loop_s = (time.perf_counter() - began) * tasks / len(some)
    began = time.perf_counter()
    kept_kernels(Z, Q, zs, qs)
    kinder_s = (time.perf_counter() - began) * tasks / len(some)
    return {
        "prompts": name,
        "prepare_s": round(prepare_s, 3),
        "batched_s": round(batched_s, 3),
        "loop_s": round(loop_s, 1),
        "loop_kernels_kept_s": round(kinder_s, 1),
        "times_faster": round(loop_s / (batched_s + prepare_s), 1),
        "times_faster_than_kept": round(kinder_s / (batched_s + prepare_s), 1),
        "largest_difference": float(np.abs(plain - costs[some]).max()),
        "same_ranks": bool((plain.argsort(axis=1) == costs[some].argsort(axis=1)).all()),
        "top1": round(float((ranks(costs, true) == 1).mean()), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="batched Eq. 9 against a loop over the formula")
    parser.add_argument("--models", type=int, default=65)
    parser.add_argument("--tasks", type=int, default=9100)
    parser.add_argument("--sample", type=int, default=20, help="tasks the loops are timed on")
    args = parser.parse_args()
    rows = [measure(args.models, args.tasks, args.sample, own_prompts=own) for own in (False, True)]
    print(f"{args.models} models, {args.tasks} tasks; the loops' times are multiplied up from {args.sample} tasks")
    print(f"{'prompts':>8} {'batched s':>10} {'loop s':>9} {'kept s':>9} {'faster':>7} {'same ranks':>10}")
    for row in rows:
        print(
            f"{row['prompts']:>8} {row['batched_s'] + row['prepare_s']:10.2f} {row['loop_s']:9.1f} "
            f"{row['loop_kernels_kept_s']:9.1f} {row['times_faster']:7.1f} {row['same_ranks']!s:>10}"
        )
    print(json.dumps({"benchmark": "pmi_speed", "models": args.models, "tasks": args.tasks, "rows": rows}))


if __name__ == "__main__":
    main()
