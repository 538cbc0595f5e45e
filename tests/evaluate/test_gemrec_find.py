"""A small GEMRec whose models have known gifts and styles, and the bars on the real features."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.gemrec import evaluate_gemrec
from palate.evaluate.gemrec_evidence import chosen_from_slates, fitting_of_alike, real_style_likeness
from palate.evaluate.gemrec_find import evaluate_find, hub_of, specifications_of
from palate.evaluate.splits import family_splits
from palate.importers.gemrec import read_gemrec

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "gemrec"
MODELS, PROMPTS, DIM = 10, 30, 16


def write_rows(file: Path, header: list[str], rows: list[list[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Even models are gifted for even prompts and odd for odd; each adds a style of its own."""
    folder = tmp_path_factory.mktemp("gemrec")
    rng = np.random.default_rng(3)
    poles = np.eye(DIM)[:2]
    words = np.stack([poles[p % 2] + 0.1 * rng.normal(size=DIM) for p in range(PROMPTS)])
    styles = 0.4 * rng.normal(size=(MODELS, DIM))
    pictures = np.empty((PROMPTS, MODELS, DIM))
    for p in range(PROMPTS):
        for m in range(MODELS):
            gift = 1.2 if p % 2 == m % 2 else 0.5
            pictures[p, m] = gift * words[p] + styles[m] + 0.1 * rng.normal(size=DIM)
    np.savez(
        folder / "clip.npz",
        images=pictures.astype(np.float32),
        prompts=words.astype(np.float32),
        model_version_ids=np.arange(MODELS) + 100,
        prompt_ids=np.arange(PROMPTS) + 1,
    )
    write_rows(
        folder / "roster.csv",
        ["tag", "model_name", "modelVersion_id", "model_download_count", "baseModel"],
        [["", f"model {m}", 100 + m, "" if m == 4 else 10**m, "SD 1.5"] for m in range(MODELS)],
    )
    write_rows(
        folder / "promptset.csv",
        ["prompt_id", "tag", "prompt", "seed", "note"],
        [[p + 1, "even" if p % 2 == 0 else "odd", f"prompt {p}", p, ""] for p in range(PROMPTS)],
    )
    return folder


def test_find_knows_the_gifts_that_a_models_mean_hides(folder: Path) -> None:
    hub = hub_of(read_gemrec(folder))
    part = evaluate_find(hub, family_splits(hub.families, test=5, splits=4, seed=1), seed=1)
    metrics = part.metrics
    assert metrics["find/spearman_clip"].value > 0.8
    assert metrics["find-mean/spearman_clip"].ci95[0] > 0
    assert metrics["find-popularity/spearman_clip"].ci95[0] > 0
    assert metrics["find/spearman"].value > metrics["popularity/spearman"].value
    assert metrics["find/spearman"].n == part.cases == 20
    assert part.unscored == 0
    assert metrics["find-mean/spearman"].value == pytest.approx(
        metrics["find/spearman"].value - metrics["mean/spearman"].value
    )


def test_the_same_seed_gives_the_same_numbers(folder: Path) -> None:
    hub = hub_of(read_gemrec(folder))
    splits = family_splits(hub.families, test=5, splits=2, seed=1)
    assert evaluate_find(hub, splits, seed=1).metrics == evaluate_find(hub, splits, seed=1).metrics


def test_hidden_models_have_no_pictures_of_the_asked_prompts(folder: Path) -> None:
    hub = hub_of(read_gemrec(folder))
    known = np.arange(0, 20)
    specifications = specifications_of(hub, known, hidden=np.array([3, 7]))
    counts = specifications.counts
    assert counts[3] == counts[7] == 20
    assert counts[0] == PROMPTS
    assert specifications_of(hub, known).counts.tolist() == [20] * MODELS


def test_a_model_is_most_like_itself_and_the_right_one_is_among_the_alike(folder: Path) -> None:
    hub = hub_of(read_gemrec(folder))
    likeness = real_style_likeness(hub)
    assert np.diag(likeness) == pytest.approx(np.ones(MODELS))
    assert likeness.argmax(axis=1).tolist() == list(range(MODELS))
    # Ten alike of ten models are all of them: the right one is the best of all, whoever drew the example.
    assert set(fitting_of_alike(hub, likeness, 6).tolist()) == {int(hub.clip[6].argmax())}


def test_people_choose_the_best_of_what_they_saw(folder: Path) -> None:
    hub = hub_of(read_gemrec(folder))
    chosen = chosen_from_slates(hub, 2, np.random.default_rng(0))
    assert len(chosen) == MODELS
    # The worst four of ten can never be the best of five.
    assert not set(chosen.tolist()) & set(np.argsort(hub.gre[2])[:4].tolist())


def test_the_whole_evaluation_reports_and_writes_its_run(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    report = evaluate_gemrec(folder, seed=1, splits=3, out=run)
    names = set(report.metrics)
    assert {"find/spearman", "mean/spearman", "popularity/spearman", "find-mean/spearman", "find/overlap@10"} <= names
    assert {"words+picture/top1", "words/top1", "picture/top1", "words+picture-picture/top1"} <= names
    assert report.metrics["words/top1_drew"].value == 0.0
    for metric in report.metrics.values():
        assert metric.ci95[0] <= metric.value <= metric.ci95[1]
    assert report.run == str(run)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["metrics"]["find/spearman"]["value"] == report.metrics["find/spearman"].value
    specification = json.loads((run / "specification.json").read_text())
    assert set(specification["files"]) == {"clip.npz", "roster.csv", "promptset.csv"}
    cases = [json.loads(line) for line in (run / "cases.jsonl").read_text().splitlines()]
    scores = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
    assert [case["known"] for case in cases] == [25, 25, 25]
    assert len(scores) == 15
    assert {row["prompt"] for row in scores} == {name for case in cases for name in case["asked"]}


def test_a_folder_without_features_says_what_is_missing(folder: Path, tmp_path: Path) -> None:
    for name in ("roster.csv", "promptset.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(PalateError, match="features"):
        evaluate_gemrec(tmp_path)
    np.savez(
        tmp_path / "clip.npz",
        images=np.ones((2, 1, 4)),
        prompts=np.ones((2, 4)),
        model_version_ids=np.array([100]),
        prompt_ids=np.array([1, 2]),
    )
    with pytest.raises(PalateError, match="too few"):
        evaluate_gemrec(tmp_path)


@pytest.mark.long
@pytest.mark.skipif(not REAL.is_dir(), reason="the GEMRec features are not at hand")
def test_find_beats_popularity_and_the_mean_on_the_real_features() -> None:
    hub = hub_of(read_gemrec(REAL))
    metrics = evaluate_find(hub, family_splits(hub.families, test=14)).metrics
    for name in (
        "find-mean/spearman",
        "find-popularity/spearman",
        "find-mean/spearman_clip",
        "find-mean/spearman_models",
    ):
        assert metrics[name].ci95[0] > 0, name
