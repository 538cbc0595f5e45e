"""Words against words: by hand, and against another library."""

from __future__ import annotations

import pytest

from palate.metrics import text

CAT = ["the", "cat", "sat", "on", "the", "mat"]
DOG = ["the", "dog", "sat", "on", "the", "mat", "today"]


def test_the_same_text_is_perfect_and_nothing_shared_is_nothing() -> None:
    assert text.bleu([CAT], [[CAT]]) == pytest.approx(1)
    assert text.rouge_l(CAT, CAT) == text.rouge_n(CAT, CAT) == 1
    assert text.bleu([CAT], [["a", "b"]]) == text.rouge_l(CAT, ["a"]) == text.rouge_n(CAT, []) == 0


def test_bleu_clips_repeated_words() -> None:
    assert text.bleu([["the"] * 7], [[["the", "cat", "is", "on", "the", "mat"]]], n=1) == pytest.approx(2 / 7)


def test_rouge_by_hand() -> None:
    assert text.rouge_l(CAT, DOG) == pytest.approx(2 * 5 / (6 + 7))
    assert text.rouge_n(CAT, DOG, 2) == pytest.approx(2 * 3 / (5 + 6))


def test_distinct_and_perplexity_by_hand() -> None:
    assert text.distinct([["a", "b", "a", "b"]], 1) == 0.5
    assert text.distinct([["a", "b"], ["a", "b"]], 2) == 0.5
    assert text.distinct([[]], 2) == 0
    assert text.perplexity([-1.0, -3.0]) == pytest.approx(7.38905609893)


def test_bleu_agrees_with_another_library() -> None:
    from torchmetrics.functional.text import bleu_score

    said, wanted = [CAT, DOG], [[DOG, ["a", "cat", "sat", "on", "a", "mat"]], [CAT]]
    theirs = bleu_score([" ".join(one) for one in said], [[" ".join(r) for r in group] for group in wanted])
    assert text.bleu(said, wanted) == pytest.approx(float(theirs), abs=1e-6)
