"""Texts for words, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from palate.converse.retrieval import BM25, Latent, Texts, words_of

TEXTS = Texts([["shark", "sea"], ["ship", "sea", "sea"], ["space", "ship"], ["space", "alien"]])


def test_words_that_say_nothing_are_left_out() -> None:
    assert words_of("I'd really like the SHARK movie, it's great!") == ["shark"]


def test_bm25_by_hand() -> None:
    scores = BM25(TEXTS, k1=1.0, b=0.5).scores(["shark", "shark", "unheard"])
    rarity = np.log1p((4 - 1 + 0.5) / 1.5)
    norm = 1.0 * (0.5 + 0.5 * 2 / 2.25)
    assert scores[0] == pytest.approx(2 * rarity * 2 / (1 + norm))
    assert scores[1:].tolist() == [0, 0, 0]


def test_meaning_reaches_texts_that_share_no_word() -> None:
    scores = Latent(TEXTS, dimensions=2).scores(["shark"])
    assert BM25(TEXTS).scores(["shark"])[1] == 0
    assert scores[0] > scores[1] > scores[3]


def test_nothing_known_scores_nothing() -> None:
    assert not Latent(TEXTS).scores(["unheard"]).any()
