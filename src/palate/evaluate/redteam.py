"""The `red-team` scenario: attacks that are tried, and the share that changes nothing, by kind.

Two sources. The attacks that this project's own tests hold (`ATTACKS`), each test being one attack or a whole family of
them, run offline in a process beside; they need the project's checkout. And extraction, measured here: what somebody
learns of a recommender by asking it, with nothing but its lists.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.crowds import Crowd, crowd_of
from palate.evaluate.intervals import bootstrap
from palate.evaluate.poisoning import METHODS
from palate.evaluate.report import Metric, Report, write_run
from palate.recommend.histories import Histories, Items
from palate.recommend.itemknn import ItemKNN
from palate.recommend.protocol import Recommender

SCENARIO = "red-team"
FIRST = 10
ATTACKS: Mapping[str, tuple[str, ...]] = {
    "paths": ("tests/safety/test_paths.py",),
    "pictures": ("tests/safety/test_pictures.py",),
    "weights": ("tests/safety/test_weight_files.py",),
    "pipelines": ("tests/safety/test_pipelines.py",),
    "writers": ("tests/writers/test_prompt_writers.py",),
    "reward-hacking": ("tests/personalise/test_rewards.py",),
    "jailbreaks": ("tests/serve/test_jailbreaks.py",),
    "files": ("tests/cli/test_hostile_files.py",),
    "prompt-injection": ("tests/converse/test_red_team.py",),
    "service": ("tests/serve/test_serve_threats.py", "tests/serve/test_hostile_requests.py"),
}
"""The quick ones first: a run of so many kinds takes so many from the front."""
SLOW = ("DeadlineExceeded", "FailedHealthCheck")
ON_PATH = 3
"""Of the packages above this file, how many folders up a checkout's root lies."""


def checkout() -> Path | None:
    """The project's folder with its tests, where this is one."""
    root = Path(__file__).parents[ON_PATH]
    return root if (root / "tests" / "safety").is_dir() else None


def held(kind: str, root: Path, seconds: float) -> list[tuple[str, bool]]:
    """Each test of a kind: its name, and whether the attack changed nothing. Skipped ones are not among them."""
    files = [file for file in ATTACKS[kind] if (root / file).is_file()]
    with TemporaryDirectory() as place:
        answers = Path(place) / "answers.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={answers}", *files]
        quiet = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
        try:
            subprocess.run(command, cwd=root, env=quiet, capture_output=True, timeout=seconds, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            return []
        return read_answers(answers.read_text("utf-8")) if answers.is_file() else []


def read_answers(junit: str) -> list[tuple[str, bool]]:
    """pytest's JUnit report, which we had written a moment ago, as names and whether each passed."""
    cases = ET.fromstring(junit).iter("testcase")  # noqa: S314  # our own pytest wrote it
    return [
        (str(case.get("name")), case.find("failure") is None and case.find("error") is None)
        for case in cases
        if case.find("skipped") is None and not only_slow(case)
    ]


def only_slow(case: ET.Element) -> bool:
    """Whether a test failed by taking too long for its own clock: a busy machine, which says nothing of the attack."""
    said = " ".join(str(fault.get("message")) for kind in ("failure", "error") for fault in case.findall(kind))
    return any(name in said for name in SLOW)


def extraction(crowd: Crowd, queries: Sequence[int] = (30, 100, 300), seed: int = 0) -> dict[str, Metric]:
    """A copy is learned from lists alone: made-up histories, each with the ten it was answered.

    `extracted` is the share of a real person's first ten that the copy has too; the popular ten are the yardstick.
    """
    rng, metrics = np.random.default_rng([seed, 4]), {}
    asked = [crowd.histories[at] for at in rng.permutation(len(crowd.histories))[:100]]
    for name, make in METHODS.items():
        true = make().fit(crowd.histories, crowd.items)
        wanted = lists(true, asked)
        for count in queries:
            invented = [rng.choice(crowd.items, 5, replace=False).astype(np.int64) for _ in range(count)]
            answers = lists(true, invented)
            learned = [np.concatenate([own, answer]) for own, answer in zip(invented, answers, strict=True)]
            copy = ItemKNN(neighbours=50, shrink=1.0).fit(learned, crowd.items)
            metrics[f"{name}:{count}-queries/extracted"] = overlap(wanted, lists(copy, asked), seed)
        popular = np.bincount(wanted.ravel(), minlength=crowd.items)
        usual = np.tile(np.argsort(-popular, kind="stable")[:FIRST], (len(asked), 1))
        metrics[f"{name}:popular/extracted"] = overlap(wanted, usual, seed)
    return metrics


def lists(recommender: Recommender, histories: Histories) -> Items:
    """(people, 10) without what was in the history."""
    scores = recommender.score(histories).astype(np.float64)
    for row, history in zip(scores, histories, strict=True):
        row[history] = -np.inf
    found: Items = np.argsort(-scores, axis=1, kind="stable")[:, :FIRST].astype(np.int64)
    return found


def overlap(wanted: NDArray[np.int64], got: NDArray[np.int64], seed: int) -> Metric:
    shares = [len(set(a.tolist()) & set(b.tolist())) / FIRST for a, b in zip(wanted, got, strict=True)]
    return bootstrap(shares, seed=seed)


def evaluate_red_team(
    data: Path | None, *, kinds: int, seconds: float = 600.0, seed: int = 0, out: Path | None = None
) -> Report:
    """`kinds`: of how many kinds of attacks the project's tests are run, quick ones first."""
    began = time.perf_counter()
    metrics: dict[str, Metric] = extraction(crowd_of(data, seed), seed=seed)
    left_out = {"what models draw": "no classifier of pictures ships; jailbreaks are of the level of safety by cards"}
    rows: list[dict[str, Any]] = []
    root, unscored = checkout(), 0
    if root is None:
        left_out["the project's own attacks"] = "need its checkout with the tests"
    if out is not None:  # what is known so far counts, should this be ended
        out.mkdir(parents=True, exist_ok=True)
        Report(SCENARIO, metrics, kinds, 0, time.perf_counter() - began, str(out), {}, left_out).write(out)
    for kind in list(ATTACKS)[: kinds if root else 0]:
        assert root is not None
        found = held(kind, root, seconds)
        if not found:
            left_out[kind] = "its tests gave no answer in the time"
            unscored += 1
            continue
        metrics[f"{kind}/held"] = bootstrap([float(passed) for _, passed in found], seed=seed)
        rows += [{"kind": kind, "attack": name, "": "not held"} for name, passed in found if not passed]
    for kind in list(ATTACKS)[kinds:]:
        left_out[kind] = "not in this sample; more time, or --cases"
    where = None if out is None else str(out)
    tables = {"Attacks that got through": rows} if rows else {}
    report = Report(SCENARIO, metrics, kinds, unscored, time.perf_counter() - began, where, tables, left_out)
    if out is not None:
        write_run(out, {"scenario": SCENARIO, "kinds": kinds, "seed": seed}, [], rows, report)
    return report
