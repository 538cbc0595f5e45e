"""Training time to the same NDCG: Mult-VAE, SASRec and DiffRec, ours and RecBole's by turns on one machine in one run.

    python benchmarks/recommend_training.py --data FILE [--methods multvae,diffrec] [--env DIR] [--out DIR]

Both learn from `train` with as many settings tried (RecBole's own defaults among theirs) and are looked at, untimed,
many times on the way. The goal is what RecBole reaches on `valid` at its best, and 99 % of it, which it reaches far
sooner; the time is that of the setting that gets there first. The bar: at most half. `test` at that moment is told
beside it. Processor seconds count; by the clock both wait for whoever else computes. One thread each. The same command
goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from palate.evaluate.recommending import lists_of
from palate.importers.interactions import Split, read_interactions
from palate.metrics import recommending as measures
from palate.recommend.learned import Learned
from palate.recommend.methods import METHODS
from palate.recommend.stopping import FIRST
from recommend_compare import environment, told

LOOKS = 50
PATIENCE = 6
ROWS: dict[str, Any] = {"epochs": 150, "looks": LOOKS, "patience": PATIENCE, "train_batch_size": 256}
SEQUENCES: dict[str, Any] = {"epochs": 6, "train_batch_size": 256, "MAX_ITEM_LIST_LENGTH": 20}
"""An epoch of RecBole's takes a minute or more: one setting each, and both read the last 20 choices."""
THEIRS: dict[str, list[dict[str, Any]]] = {
    "multvae": [
        {**ROWS, "learning_rate": 3e-3},
        ROWS,
        {**ROWS, "train_batch_size": 2048, "epochs": 300},
        {**ROWS, "mlp_hidden_size": [300], "latent_dimension": 64, "learning_rate": 2e-3, "train_batch_size": 64},
    ],
    "diffrec": [
        {**ROWS, "learning_rate": 3e-3},
        ROWS,
        {**ROWS, "train_batch_size": 2048, "epochs": 300},
        {**ROWS, "dims_dnn": [150], "learning_rate": 2e-3, "train_batch_size": 64},
    ],
    "sasrec": [{"hidden_dropout_prob": 0.2, "attn_dropout_prob": 0.2, **SEQUENCES}],
}
"""Of rows the third is RecBole's default, and the last is what ours does best with."""
QUICK: dict[str, Any] = {"epochs": 150, "hidden": 300, "latent": 64}
OURS: dict[str, list[dict[str, Any]]] = {
    "multvae": [
        {**QUICK, "rate": 3e-3, "most": 0.1, "batch": 256},
        {**QUICK, "rate": 3e-3, "most": 0.02, "batch": 256},
        {**QUICK, "rate": 3e-3, "most": 0.1, "batch": 128},
        {**QUICK, "rate": 2e-3, "most": 0.1, "batch": 64},
    ],
    "diffrec": [
        {"epochs": 150, "scale": 1e-3, "least": 0.01, "hidden": width, "rate": rate, "batch": batch}
        for width, rate, batch in ((300, 3e-3, 256), (300, 2e-3, 128), (150, 3e-3, 128), (150, 2e-3, 64))
    ],
    "sasrec": [{"epochs": 50, "longest": 20, "dropped": 0.2}],
}
"""Rows: layers as wide as RecBole's, or half of that."""

Trace = list[dict[str, float]]


def ours(method: str, settings: dict[str, Any], split: Split, seed: int) -> Trace:
    """Epochs, seconds and NDCG@10 at each look."""
    recommender = METHODS[method].make(**settings, seed=seed)
    assert isinstance(recommender, Learned)
    trace: Trace = []
    # What the first training of a process imports is no training; theirs has done so before it is timed.
    METHODS[method].make(**{**settings, "epochs": 1}).fit(split.train[:8], split.items)
    clock = {"cpu_s": 0.0, "wall_s": 0.0, "worked": time.process_time(), "began": time.perf_counter()}

    def quality(given: Any, known: Any, wanted: Any) -> float:
        _, hits, sizes = lists_of(recommender, given, known, wanted)
        return float(measures.ndcg(hits, sizes, 10).mean())

    def looked(epoch: int) -> bool:
        clock["cpu_s"] += time.process_time() - clock["worked"]
        clock["wall_s"] += time.perf_counter() - clock["began"]
        if epoch <= FIRST or epoch % max(1, recommender.epochs // LOOKS) == 0:
            reached = {
                "valid": quality(split.train, split.train, split.valid),
                "test": quality(split.given, split.known, split.test),
            }
            trace.append({"epoch": epoch, "cpu_s": clock["cpu_s"], "wall_s": clock["wall_s"], **reached})
        clock["worked"], clock["began"] = time.process_time(), time.perf_counter()
        best = max(range(len(trace)), key=lambda at: trace[at]["valid"])
        return len(trace) - best > PATIENCE and epoch - trace[best]["epoch"] >= recommender.epochs / 10

    recommender.after = looked
    recommender.fit(split.train, split.items)
    return trace


def theirs(method: str, settings: dict[str, Any], split: Path, python: Path, out: Path) -> Trace:
    asked = [str(python), str(Path(__file__).with_name("recommend_theirs.py")), "recbole", method, json.dumps(settings)]
    scores = out / "scores.npz"
    said = subprocess.run(
        [*asked, str(split), str(scores)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    scores.unlink()
    trace: Trace = json.loads(said.stdout.strip().splitlines()[-1])["trace"]
    return trace


def kept(path: Path, settings: dict[str, Any], split: str, learn: Callable[[], Trace]) -> Trace:
    """What was learned before with these settings from this split, or now."""
    asked = {"settings": settings, "split": split}
    if not path.exists() or not asked.items() <= json.loads(path.read_text()).items():
        path.write_text(json.dumps({**asked, "trace": learn()}))
    trace: Trace = json.loads(path.read_text())["trace"]
    print(json.dumps({"tried": path.stem, **settings, "best": max(trace, key=lambda look: look["valid"])}), flush=True)
    return trace


def first_to(goal: float, traces: list[Trace]) -> dict[str, float] | None:
    """The look that reached the goal with the least processor time."""
    there = [next((look for look in trace if look["valid"] >= goal), None) for trace in traces]
    return min((look for look in there if look is not None), key=lambda look: look["cpu_s"], default=None)


def compared(method: str, mine: list[Trace], other: list[Trace], share: float) -> dict[str, Any]:
    goal = share * max(look["valid"] for trace in other for look in trace)
    a, b = first_to(goal, mine), first_to(goal, other)
    assert b is not None
    line: dict[str, Any] = {"method": method, "share of RecBole's best": share, "valid ndcg@10": round(goal, 4)}
    if a is None:
        best = max(look["valid"] for trace in mine for look in trace)
        return {**line, "ours": "not reached", "our best": round(best, 4), "theirs cpu s": round(b["cpu_s"], 1)}
    for key in ("cpu_s", "wall_s", "test"):
        line[f"ours {key}"], line[f"theirs {key}"] = round(a[key], 4), round(b[key], 4)
    return {**line, "cpu ratio": round(a["cpu_s"] / b["cpu_s"], 3), "wall ratio": round(a["wall_s"] / b["wall_s"], 3)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--methods", default="multvae,diffrec,sasrec")
    parser.add_argument("--out", type=Path, default=Path(".cache/recommend-training"))
    parser.add_argument("--env", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.data is None:
        print(json.dumps({"benchmark": "recommend training", "skipped": "needs --data and RecBole's environment"}))
        return
    import torch

    torch.set_num_threads(1)
    split = read_interactions(given.data)
    out = given.out / split.name
    out.mkdir(parents=True, exist_ok=True)
    digest = told(split, out / "split.npz")
    python = environment("recbole", given.env or given.out / "recbole-env")

    for method in given.methods.split(","):
        if METHODS[method].sequential and not split.ordered:
            continue
        mine, other = [], []
        for turn, (own, of_them) in enumerate(zip(OURS[method], THEIRS[method], strict=True)):
            asked = {**of_them, "seed": given.seed}
            learn = partial(theirs, method, asked, out / "split.npz", python, out)
            other.append(kept(out / f"recbole-{method}-{turn}-{given.seed}.json", asked, digest, learn))
            learn = partial(ours, method, own, split, given.seed)
            mine.append(kept(out / f"ours-{method}-{turn}-{given.seed}.json", own, digest, learn))
            for share in (0.99, 1.0):
                facts = compared(method, mine, other, share)
                line = {"benchmark": "recommend training", "data": split.name, "settings each": turn + 1, **facts}
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
