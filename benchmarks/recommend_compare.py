"""Ours beside cornac's and RecBole's own, on the same split, with as many settings tried and the same metric code.

    python benchmarks/recommend_compare.py --data FILE [--methods ease,itemknn] [--library cornac] [--out DIR]

Each library gets an environment of its own in DIR (made with pip where it is not there). It only learns and scores
(`recommend_theirs.py` runs in it); what a score is worth is measured here. Every trial is kept, so the same command
goes on where it was stopped. Learning is timed in processor seconds, of all threads together.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.recommended_trials import kept_in
from palate.evaluate.recommending import new_wishes, trial_of
from palate.evaluate.report import Metric
from palate.importers.interactions import Split, read_interactions
from palate.metrics import recommending as measures
from palate.recommend.methods import Method, chosen, shortened

PACKAGES = {
    "cornac": ["cornac==3.0.1", "torch==2.13.0"],
    "recbole": ["recbole", "torch==2.13.0", "numpy<2", "pandas<3", "setuptools<81", "scikit-learn<1.8"],
}
HUNDRED: dict[str, Any] = {"epochs": 100, "train_batch_size": 256}
"""Rows of people: RecBole's own batch of 2,048 would be three steps an epoch."""
PREFIXES: dict[str, Any] = {"epochs": 6, "train_batch_size": 256}
"""Rows are all beginnings of all sequences: fifty times the work of an epoch of ours, and as many more steps."""
THEIRS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "cornac": {
        "popularity": [{}],
        "ease": [{"lamb": lamb} for lamb in (50.0, 200.0, 500.0, 1000.0, 2000.0, 4000.0)],
        "als": [
            {"k": k, "b": b, "lambda_u": p, "lambda_v": p} for k in (64, 128) for b in (0.01, 0.1) for p in (0.01, 0.1)
        ],
        "multvae": [{"beta": beta, "n_epochs": epochs} for beta in (0.1, 0.2, 0.5) for epochs in (50, 100)],
    },
    "recbole": {
        "popularity": [{}],
        "ease": [{"reg_weight": weight} for weight in (50.0, 200.0, 500.0, 1000.0, 2000.0, 4000.0)],
        "itemknn": [{"k": k, "shrink": shrink} for k in (50, 200, 1000) for shrink in (0.0, 20.0, 100.0)],
        "multvae": [{"anneal_cap": cap, **HUNDRED} for cap in (0.1, 0.2, 0.5)],
        "multdae": [{"dropout_prob": share, **HUNDRED} for share in (0.5, 0.3)],
        "diffrec": [{"noise_scale": scale, **HUNDRED} for scale in (0.01, 0.1)],
        "ldiffrec": [{"n_cate": count, **HUNDRED} for count in (1, 2)],
        "gru4rec": [{"dropout_prob": share, **PREFIXES} for share in (0.2, 0.5)],
        "sasrec": [{"hidden_dropout_prob": share, "attn_dropout_prob": share, **PREFIXES} for share in (0.2, 0.5)],
        "bert4rec": [{"hidden_dropout_prob": share, "attn_dropout_prob": share, **PREFIXES} for share in (0.2, 0.5)],
    },
}
"""The settings that each library's tuning tries: as many as ours tries of the same method, for as many epochs at most,
each ended where the choices held out for tuning gain no more. Cornac's item-kNN predicts ratings: of choices alone all
its scores tie."""


def environment(library: str, folder: Path) -> Path:
    """The Python of the library's own environment, made where it is not there."""
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES[library]], check=True)
        (folder / "ready").touch()
    return python


def told(split: Split, path: Path) -> str:
    """Writes the split in the one form that both sides read: items of all people in a row, and where each person's end.

    The answer is a digest: what was learned from another split is not taken for it.
    """
    parts = {"train": split.train, "valid": split.valid, "test": split.test}
    arrays: dict[str, Any] = {"items": np.array(split.items), "ordered": np.array(split.ordered)}
    for name, histories in parts.items():
        arrays[name] = np.concatenate([*histories, np.empty(0, np.int64)])
        arrays[f"{name}_ends"] = np.cumsum([len(history) for history in histories])
    np.savez(path, **arrays)
    return sha256(b"".join(array.tobytes() for array in arrays.values())).hexdigest()[:16]


def quality(scores: NDArray[np.float32], split: Split, known: list[Any], wanted: list[Any]) -> NDArray[np.float64]:
    """NDCG@10 of everybody who is asked, as `palate evaluate recommend` counts it. (people,)"""
    people, new = new_wishes(known, wanted)
    found = []
    for start in range(0, len(people), 1024):
        some = people[start : start + 1024]
        part = new[start : start + len(some)]
        _, hits = measures.top_lists(scores[some], [known[person] for person in some], part, 10)
        found.append(measures.ndcg(hits, np.array([len(want) for want in part]), 10))
    assert scores.shape == (len(split.train), split.items)
    return np.concatenate(found)


def theirs(
    library: str, method: str, tried: list[dict[str, Any]], split: Split, digest: str, python: Path, out: Path
) -> dict[str, Any]:
    """The settings that did best on `valid`, and NDCG@10 by person on `test`."""
    tries = []
    for number, settings in enumerate(tried):
        kept = out / f"{method}-{number}.json"
        asked_for = {"settings": settings, "split": digest}
        if not kept.exists() or not asked_for.items() <= json.loads(kept.read_text()).items():
            asked = [str(python), str(Path(__file__).with_name("recommend_theirs.py")), library, method]
            scores = out / "scores.npz"
            environ = {**os.environ, "OMP_NUM_THREADS": "1"}
            said = subprocess.run(
                [*asked, json.dumps(settings), str(out / "split.npz"), str(scores)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                env=environ,
            )
            facts = json.loads(said.stdout.strip().splitlines()[-1])
            with np.load(scores, allow_pickle=False) as file:
                valid = quality(file["valid"], split, split.train, split.valid)
                test = quality(file["test"], split, split.known, split.test)
            scores.unlink()
            facts |= {**asked_for, "valid": float(valid.mean()), "test": test.tolist()}
            kept.write_text(json.dumps(facts))
        tries.append(json.loads(kept.read_text()))
    best: dict[str, Any] = max(tries, key=lambda one: one["valid"])
    return best


def alike(method: Method, given: argparse.Namespace) -> tuple[Method, list[dict[str, Any]], str]:
    """Ours and theirs with as many settings, epochs and choices that are read; and the folder for ours."""
    tried = [dict(shortened(one, given.epochs)) for one in THEIRS[given.library][method.name][: given.tries]]
    folder = "ours" if given.tries is None else f"ours-{given.tries}"
    if method.sequential and given.longest != 50:
        tried = [{**settings, "MAX_ITEM_LIST_LENGTH": given.longest} for settings in tried]
        method = replace(method, tried=tuple({**settings, "longest": given.longest} for settings in method.tried))
        folder = f"{folder}-longest-{given.longest}"
    return method, tried, folder


def told_with(metric: Metric) -> list[float]:
    """A number and its interval."""
    return [round(number, 4) for number in (metric.value, *metric.ci95)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--library", choices=list(PACKAGES), default="cornac")
    parser.add_argument("--methods", default="popularity,itemknn,ease")
    parser.add_argument("--tries", type=int, default=None, help="settings of a method at most, of each side")
    parser.add_argument("--epochs", type=int, default=None, help="at most, of each side, where it learns in epochs")
    parser.add_argument("--longest", type=int, default=50, help="choices of a sequence that are read, by each side")
    parser.add_argument("--out", type=Path, default=Path(".cache/recommend-compare"))
    parser.add_argument("--env", type=Path, default=None)
    given = parser.parse_args()
    if given.data is None:
        print(
            json.dumps({"benchmark": "recommend compare", "skipped": "needs --data and another library's environment"})
        )
        return
    split = read_interactions(given.data)
    out = given.out / split.name / given.library
    out.mkdir(parents=True, exist_ok=True)
    digest = told(split, out / "split.npz")
    python = environment(given.library, given.env or given.out / f"{given.library}-env")
    for method in chosen(given.methods, given.tries, given.epochs):
        if method.name not in THEIRS[given.library]:
            print(json.dumps({"benchmark": "recommend compare", "method": method.name, "theirs": "has none"}))
            continue
        method, tried, folder = alike(method, given)
        best = theirs(given.library, method.name, tried, split, digest, python, out)
        kept = kept_in(given.out / split.name / folder, split, method, 0)
        ours = trial_of(method, split, {}, kept)
        value = ours.of_people["ndcg@10"]
        other = bootstrap(best["test"])
        apart = paired(value, best["test"])
        line = {
            "benchmark": "recommend compare",
            "data": split.name,
            "method": method.name,
            "library": best["library"],
            "ours ndcg@10": told_with(bootstrap(value)),
            "theirs ndcg@10": told_with(other),
            "ours - theirs": told_with(apart),
            "ours recall@20": told_with(bootstrap(ours.of_people["recall@20"])),
            "share of theirs": round(float(value.mean()) / other.value, 4),
            "ours cpu s": round(ours.of_all["train-cpu-s"], 2),
            "theirs cpu s": round(best["cpu_s"], 2),
            "our settings": dict(ours.settings),
            "their settings": best["settings"],
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
