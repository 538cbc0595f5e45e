"""SASRec's attention knows how far away a choice is, not at which place of a window it stands."""

from __future__ import annotations

import numpy as np
import torch

from palate.recommend.sasrec import SASRec


def reader() -> SASRec:
    made = SASRec(width=8, longest=6, epochs=1).fit([np.arange(7)], 7)
    with torch.no_grad():
        made.network["distances"].weight.normal_()
    return made


def test_padding_and_what_comes_later_change_nothing() -> None:
    made = reader()
    with torch.inference_mode():
        alone = made.states(torch.tensor([[3, 1, 2]]))
        padded = made.states(torch.tensor([[0, 0, 3, 1, 2]]))[:, 2:]
        longer = made.states(torch.tensor([[3, 1, 2, 5]]))[:, :3]
    np.testing.assert_allclose(alone, padded, atol=1e-6)
    np.testing.assert_allclose(alone, longer, atol=1e-6)


def test_the_order_of_what_came_before_counts() -> None:
    made = reader()
    with torch.inference_mode():
        one, other = (made.states(torch.tensor([ids]))[:, -1] for ids in ([3, 1, 2], [1, 3, 2]))
    assert not np.allclose(one, other, atol=1e-3)


def test_weights_by_hand() -> None:
    made = SASRec(width=4, longest=3, heads=1, epochs=1).fit([np.arange(3)], 3)
    with torch.no_grad():
        made.network["distances"].weight.copy_(torch.tensor([[0.5], [1.0], [2.0]]))
        found = made.weights(torch.tensor([[0, 2, 1]]))[0, 0]
    none = -np.inf
    np.testing.assert_array_equal(found, [[0.5, none, none], [none, 0.5, none], [none, 1.0, 0.5]])
