"""Texts that begin alike are read once as far as they do, and to the same vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palate.encoders.beginnings import pooled, trees
from palate.encoders.clip_shaped import ClipShaped
from palate.testing.worlds import build_tiny_clip

TEXTS = ["a red cat", "a red dog", "a red cat on a mat", "", "zebras", "a red cat", "x " * 100]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny")


def test_a_shared_beginning_is_one_token_each() -> None:
    [tree] = trees([[7, 1, 2], [7, 1, 3, 4], [7, 5]], most=100)
    assert tree.tokens.tolist() == [7, 1, 2, 3, 4, 5]
    assert tree.places.tolist() == [0, 1, 2, 2, 3, 1]
    assert tree.ends.tolist() == [2, 4, 5]
    assert np.flatnonzero(tree.sees[4]).tolist() == [0, 1, 3, 4]


def test_a_text_that_another_begins_with_ends_inside_it() -> None:
    [tree] = trees([[7, 1, 2], [7, 1], [7, 1, 2]], most=100)
    assert tree.tokens.tolist() == [7, 1, 2]
    assert tree.ends.tolist() == [2, 1, 2]


def test_trees_are_no_larger_than_asked_unless_one_text_is() -> None:
    found = list(trees([[1, 2, 3], [4, 5, 6], [1, 2, 3, 4, 5, 6, 7]], most=6))
    assert [len(tree.tokens) for tree in found] == [6, 7]
    assert [len(tree.ends) for tree in found] == [2, 1]


def test_no_texts_are_no_trees() -> None:
    assert list(trees([], most=10)) == []


@pytest.mark.parametrize("end", [None, 2])
def test_vectors_are_those_of_the_network_itself(tiny: Path, end: int | None) -> None:
    import torch

    encoder = ClipShaped("tiny", tiny, device="cpu")
    network = encoder._runner.network
    if end is not None:  # as the first published configurations have it
        network.config.text_config.eos_token_id = network.text_model.eos_token_id = end
    tokens = encoder._tokenizer(
        TEXTS, padding=True, truncation=True, max_length=encoder.words_limit, return_tensors="pt"
    )
    with torch.inference_mode():
        plain = network.get_text_features(**{name: tokens[name] for name in ("input_ids", "attention_mask")})
    rows = getattr(plain, "pooler_output", plain).numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode_words(TEXTS), rows, atol=2e-6)


def test_many_texts_take_many_trees_and_keep_their_order(tiny: Path) -> None:
    encoder = ClipShaped("tiny", tiny, device="cpu")
    texts = [f"{word} {number * 97}" for number in range(200) for word in ("cat", "dog", "bird")]
    alone = np.concatenate([encoder.encode_words([text]) for text in texts[::17]])
    np.testing.assert_allclose(encoder.encode_words(texts)[::17], alone, atol=2e-6)


def test_a_text_is_read_to_its_first_end() -> None:
    assert list(pooled([1, 5, 9, 9, 9], 9)) == [1, 5, 9]
    assert list(pooled([1, 5, 9, 0, 0], 2)) == [1, 5, 9]
