"""The scenario end to end on made-up conversations, and what it reaches on INSPIRED."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palate.evaluate.conversing import evaluate_converse

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
HEAD = "dialog_id\tspeaker\ttext\tmovies\tgenres\tpeople_names\n"
SCARY, FUNNY = ["Jaws (1975)", "Alien (1979)", "Saw (2004)"], ["Airplane! (1980)", "Big (1988)", "Elf (2003)"]


def part(path: Path, count: int) -> None:
    lines = [HEAD]
    for number in range(count):
        films, word, genre = ((SCARY, "scary", "horror"), (FUNNY, "funny", "comedy"))[number % 2]
        lines.append(f"{path.stem}{number}\tSEEKER\tsomething {word} please\t\t{genre}\t\n")
        lines.append(f"{path.stem}{number}\tRECOMMENDER\ttry this\t{films[number // 2 % 3]}\t\t\n")
    path.write_text("".join(lines))


def test_methods_are_compared_on_conversations_that_nothing_was_learned_from(tmp_path: Path) -> None:
    part(tmp_path / "inspired_dev.tsv", 40)
    part(tmp_path / "inspired_test.tsv", 20)
    report = evaluate_converse(tmp_path, out=tmp_path / "run")
    assert (report.scenario, report.cases) == ("converse", 20)
    for method in ("popularity", "bm25", "dense", "offline"):
        assert report.metrics[f"{method}/recall@10"].value == 1
    assert report.metrics["offline/mrr"].value > 0.4
    assert report.metrics["offline/mrr"].value > report.metrics["popularity/mrr"].value
    tuned = json.loads((tmp_path / "run" / "specification.json").read_text())["tuned"]
    assert set(tuned) == {"popularity", "bm25", "dense", "offline"}
    assert report.metrics["weighed/mrr"].value > report.metrics["popularity/mrr"].value


@pytest.mark.long
@pytest.mark.skipif(not (SHARED / "conversation").exists(), reason="needs INSPIRED, which is not distributed here")
def test_the_offline_suggester_is_above_retrieval_on_inspired() -> None:
    report = evaluate_converse(SHARED / "conversation", films=SHARED / "ml-100k" / "items.csv")
    assert report.cases == 262
    for other in ("popularity", "bm25", "dense"):
        assert report.metrics[f"offline-{other}/recall@10"].ci95[0] > 0
        assert report.metrics[f"offline-{other}/recall@50"].ci95[0] > 0
    assert report.metrics["offline-bm25/recall@1"].ci95[0] > 0
