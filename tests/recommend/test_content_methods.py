"""Methods that read the items themselves: what nobody chose yet, and questions in words and by pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recommend_world import ITEMS, checkerboard, content

from palate.errors import PalateError
from palate.recommend.albef import Fusion
from palate.recommend.aligned import Alignment
from palate.recommend.crossencoder import Reranked
from palate.recommend.dense import Dense
from palate.recommend.methods import METHODS
from palate.recommend.vbpr import VBPR

COLD = ITEMS + 2
SMALL = {"width": 16, "epochs": 30, "batch": 64, "rate": 1e-2}
READ_ALL = [method for method in METHODS.values() if method.content and method.name != "llm2bert4rec"]


def wider() -> dict[str, np.ndarray]:
    """The checkerboard's items and two more that nobody chose, one of each colour."""
    more = {name: np.concatenate([known, known[:2]]) for name, known in content().items()}
    more["text"][ITEMS:, 2:] = more["text"][6:8, 2:]
    return more


@pytest.mark.parametrize("method", READ_ALL, ids=lambda method: method.name)
def test_an_item_that_nobody_chose_is_ranked_by_what_it_is(method: object) -> None:
    """Item-kNN, the cross-encoder's first stage, knows nothing of it; among candidates it is read like any other."""
    learned, asked, _ = checkerboard()
    scores = method.made(method.small, wider()).fit(learned, COLD).score(asked)  # type: ignore[attr-defined]
    colours = np.array([history[0] % 2 for history in asked])
    rows = np.arange(len(asked))
    right = scores[rows, ITEMS + colours] > scores[rows, ITEMS + 1 - colours]
    assert right.mean() >= 0.9


def test_words_can_stand_in_for_a_person() -> None:
    learned, _, _ = checkerboard()
    fitted = Dense(text=content()["text"], **SMALL).fit(learned, ITEMS)  # type: ignore[arg-type]
    even = np.array([[0.0, 1.0, 0.0, 0.0]], np.float32)
    best = np.argsort(-fitted.found(even)[0])[: ITEMS // 2]
    assert (best % 2 == 0).all()


def test_words_find_their_picture_after_alignment_and_both_can_be_asked_together() -> None:
    known = content()
    look = known["pictures"].astype(np.float32)
    singles = [np.array([item]) for item in range(ITEMS)]
    fitted = Alignment(text=known["text"], pictures=look, width=16, epochs=200, batch=24, rate=1e-2)
    fitted.fit(singles, ITEMS)
    assert (fitted.score(singles).argmax(1) == np.arange(ITEMS)).mean() > 0.9
    vectors = fitted.vectors()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    words, picture = fitted.asked(known["text"][:1], None), fitted.asked(None, look[1:2])
    both = fitted.asked(known["text"][:1], look[1:2])
    expected = words + picture
    np.testing.assert_allclose(both, expected / np.linalg.norm(expected), atol=1e-5)
    mostly = fitted.asked(known["text"][:1], look[1:2], weight=0.9)
    assert float(mostly[0] @ words[0]) > float(both[0] @ words[0])


def test_fusion_learns_to_match_words_and_pictures_and_to_guess_hidden_words() -> None:
    known = content()
    singles = [np.array([item]) for item in range(ITEMS)]
    fitted = Fusion(
        words=known["words"], pictures=known["pictures"].astype(np.float32), width=32, epochs=150, batch=24, rate=3e-3
    )
    fitted.fit(singles, ITEMS)
    assert (fitted.score(singles).argmax(1) == np.arange(ITEMS)).mean() > 0.8
    items = torch.arange(ITEMS)
    with torch.inference_mode():
        words = fitted.told(items)
        hidden = words.clone()
        hidden[:, 1] = fitted.network["quick"]["word"].num_embeddings - 1
        fused = fitted.fused("quick", fitted.read("quick", hidden), hidden, fitted.looked("quick", items))
        guessed = fitted.network["quick"]["hidden_word"](fused[:, 1]).argmax(-1)
    assert (guessed == words[:, 1]).float().mean() > 0.9


def test_the_slow_copies_follow() -> None:
    known = content()
    fitted = Fusion(words=known["words"], pictures=known["pictures"].astype(np.float32), epochs=0)
    fitted.fit([np.array([0])], ITEMS)
    quick, slow = (fitted.network[which]["picture"].weight for which in ("quick", "slow"))
    with torch.no_grad():
        quick += 1.0
    before = slow.clone()
    fitted._follow()
    np.testing.assert_allclose((slow - before).numpy(), 0.005, atol=1e-4)


def test_what_nobody_chose_has_nothing_but_its_look() -> None:
    fitted = VBPR(pictures=np.eye(4, dtype=np.float32), width=4, epochs=5, batch=8)
    fitted.fit([np.array([0, 1]), np.array([1, 0])] * 8, 4)
    assert fitted.network["beta"][0] != 0
    # Item 3 was only ever the wrong one of a pair.
    assert fitted.network["beta"][3] <= 0


def test_candidates_are_above_everything_that_was_not_read() -> None:
    learned, asked, _ = checkerboard()
    fitted = Reranked(words=content()["words"], candidates=3, encoder={"epochs": 1}).fit(learned, ITEMS)
    scores = fitted.score(asked)
    assert ((scores >= 1.0 - 1e-6).sum(1) >= 3).all()
    for row, history in zip(scores, asked, strict=True):
        row[history] = -np.inf
        assert (np.sort(row)[-3:] >= 1.0).all()


def test_content_that_lacks_or_is_no_number_is_a_clear_error() -> None:
    with pytest.raises(PalateError, match="needs the items' text"):
        METHODS["dense"].made({}, {})
    with pytest.raises(PalateError, match="not all numbers"):
        METHODS["dense"].made({}, {"text": np.array([[np.nan]])})
