"""The equations of the methods with networks, each against an answer that can be worked out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palate.recommend.contrastvae import info_nce
from palate.recommend.diffrec import DiffRec
from palate.recommend.idnp import between
from palate.recommend.learned import (
    chosen_of,
    first_layer,
    flattened,
    multinomial,
    picks,
    pooled,
    rows_of,
    through,
    turned,
    without,
)
from palate.recommend.listcvae import mean_chance
from palate.recommend.llm2bert4rec import principal
from palate.recommend.semanticids import Naming, by_company, k_means, quantise, semantic_ids, told_apart
from palate.recommend.tiger import Tiger, children_of
from palate.recommend.vaser import planar


def test_a_planar_flow_stretches_space_by_its_jacobian() -> None:
    torch.manual_seed(0)
    z, u, w, b = torch.randn(4), torch.randn(4), torch.randn(4), torch.tensor(0.3)
    _, stretched = planar(z[None], u, w, b)
    jacobian = torch.autograd.functional.jacobian(lambda at: planar(at[None], u, w, b)[0][0], z)  # type: ignore[no-untyped-call]
    assert stretched.item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-5)


def test_a_planar_flow_never_folds_space_over() -> None:
    u, w = torch.tensor([-5.0, 0.0]), torch.tensor([1.0, 0.0])
    along = torch.column_stack([torch.linspace(-3, 3, 200), torch.zeros(200)])
    moved, _ = planar(along, u, w, torch.tensor(0.0))
    assert (moved[1:, 0] > moved[:-1, 0]).all()


def test_the_divergence_between_two_normals_by_hand() -> None:
    zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    assert between(one, zero, zero, zero).item() == pytest.approx(0.5)
    four = torch.full((1, 1), float(np.log(4)))
    assert between(zero, four, zero, zero).item() == pytest.approx((4 - 1 - np.log(4)) / 2)


def test_views_that_are_alike_find_each_other() -> None:
    views = torch.eye(3)
    assert info_nce(views, views, 1.0).item() == pytest.approx(np.log(np.e + 2) - 1)
    assert info_nce(views, views.roll(1, 0), 1.0).item() == pytest.approx(np.log(np.e + 2))


def test_residuals_are_coded_level_by_level() -> None:
    books = [torch.tensor([[0.0], [10.0]]), torch.tensor([[1.0], [-1.0]])]
    codes, made, loss = quantise(torch.tensor([[9.0], [2.0]]), books, 0.25)
    assert codes.tolist() == [[1, 1], [0, 0]]
    assert made.ravel().tolist() == [9.0, 1.0]
    # 9: left over 1, then 0; 2: left over 2, then 1. Each squared, halved over two items, once and a quarter.
    assert loss.item() == pytest.approx(1.25 * ((1 + 0) + (4 + 1)) / 2)


def test_no_two_items_have_one_name_and_names_lead_to_items_only() -> None:
    names = told_apart(np.array([[1, 0], [0, 2], [1, 0], [1, 0]]))
    assert names.tolist() == [[1, 0, 0], [0, 2, 0], [1, 0, 1], [1, 0, 2]]
    first, second, third = children_of(names)
    at = first[0, 1]
    assert second[at].tolist() == [1, -1, -1]
    assert third[second[at, 0]].tolist() == [0, 2, 3]
    assert third[second[first[0, 0], 2]].tolist() == [1, -1, -1]


def test_items_alike_share_their_first_code() -> None:
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(4), 10, axis=0) * 5 + 0.1 * rng.standard_normal((40, 4))
    names = semantic_ids(vectors.astype(np.float32), Naming(levels=2, codes=4, latent=4, steps=300))
    groups = names[:, 0].reshape(4, 10)
    assert (groups == groups[:, :1]).all()
    assert len(np.unique(groups[:, 0])) == 4
    assert len(np.unique(names, axis=0)) == 40


def test_k_means_finds_the_two_heaps() -> None:
    torch.manual_seed(0)
    x = torch.cat([torch.zeros(5, 2), torch.full((5, 2), 9.0)])
    assert sorted(k_means(x, 2).round().tolist()) == [[0, 0], [9, 9]]


def test_vectors_by_company_are_alike_where_people_are() -> None:
    vectors = by_company([np.array([0, 1]), np.array([0, 1]), np.array([2]), np.array([2, 3])], 4, width=2)
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert abs(float(vectors[0] @ vectors[2])) < 1e-6


def test_leading_directions_keep_distances() -> None:
    rows = np.array([[3, 0, 0], [0, 0, 0], [-3, 0, 1]], np.float32)
    kept = principal(rows, 2)
    assert np.linalg.norm(kept[0] - kept[2]) == pytest.approx(np.sqrt(37), rel=1e-5)


def test_a_persons_mean_counts_each_item_once_and_can_lack_one() -> None:
    table = torch.tensor([[0.0], [3.0], [6.0]])
    people = [np.array([2, 1, 2]), np.array([], np.int64), np.array([0])]
    assert pooled(table, people).ravel().tolist() == [4.5, 0, 0]
    assert without(table, people[:1], torch.tensor([[1, 2]])).ravel().tolist() == [6.0, 3.0]
    assert without(table, [np.array([2])], torch.tensor([[2]])).ravel().tolist() == [0.0]
    assert set(picks(people[:1], 50).ravel().tolist()) == {1, 2}


FEW = [np.array([2, 0, 2]), np.array([], np.int64), np.array([3])]


def test_choices_in_one_row_come_once_a_person() -> None:
    flat, starts = flattened(FEW)
    assert (flat.tolist(), starts.tolist()) == ([0, 2, 3], [0, 2, 2])
    told, sizes = chosen_of(torch.arange(12.0).view(3, 4), FEW)
    assert (told.tolist(), sizes.tolist()) == ([0.0, 2.0, 11.0], [2, 0, 1])


@pytest.mark.parametrize("unit", [True, False])
def test_reading_only_what_was_chosen_is_the_layer_of_the_whole_row(unit: bool) -> None:
    torch.manual_seed(0)
    layer = turned(4, 3)
    rows = rows_of(FEW, 4)
    whole = through(layer, torch.nn.functional.normalize(rows, dim=1) if unit else rows)
    torch.testing.assert_close(first_layer(layer, FEW, unit=unit), whole)
    torch.testing.assert_close(first_layer(layer, FEW[1:2], unit=unit), layer["bias"][None])
    torch.testing.assert_close(first_layer(layer, FEW[2:], unit=unit, dropped=1 - 1e-9), layer["bias"][None])
    assert first_layer(layer, [], unit=unit).shape == (0, 3)


def test_hiding_choices_keeps_the_layer_s_answer_on_average() -> None:
    torch.manual_seed(0)
    layer = turned(4, 2)
    drawn = torch.stack([first_layer(layer, FEW, dropped=0.25) for _ in range(4000)])
    torch.testing.assert_close(drawn.mean(0), through(layer, rows_of(FEW, 4)), atol=0.03, rtol=0.0)
    hidden_or_more = (drawn[:, 2] - layer["bias"])[:, 0].abs().max()
    torch.testing.assert_close(hidden_or_more, layer["weight"][3, 0].abs() / 0.75, atol=1e-3, rtol=0.0)


def test_a_multinomial_likelihood_needs_only_what_was_chosen() -> None:
    torch.manual_seed(0)
    scores = torch.randn(3, 4)
    whole = (scores.log_softmax(1) * rows_of(FEW, 4)).sum()
    torch.testing.assert_close(multinomial(scores, FEW), whole)


def test_beams_read_one_history_and_are_blind_to_each_other() -> None:
    naming = {"codes": 4, "levels": 2, "latent": 4, "steps": 1}
    reader = Tiger(text=np.eye(9, dtype=np.float32), naming=naming, width=8, heads=2, epochs=0).fit([np.arange(9)], 9)
    memory, absent = reader.read([np.array([3, 1]), np.array([5])])
    codes = torch.from_numpy(reader.names[[[0, 1, 2], [3, 4, 5]], :2])
    together = reader.states(memory, absent, codes)
    for beam in range(3):
        alone = reader.states(memory, absent, codes[:, beam : beam + 1])
        torch.testing.assert_close(together[:, beam], alone[:, 0], atol=1e-5, rtol=1e-4)


def test_an_item_s_mean_chance_is_that_of_the_slots() -> None:
    torch.manual_seed(0)
    values = torch.randn(2, 3, 5)
    torch.testing.assert_close(mean_chance(values), values.softmax(2).mean(1).log())
    far = torch.tensor([[[0.0, -500.0]]])
    assert mean_chance(far).isfinite().all()


def test_the_way_back_through_the_hidden_layer_is_that_through_all_items() -> None:
    denoiser = DiffRec(hidden=6, steps=4, scale=3.0, epochs=2, rate=0.1).fit([np.array([0, 2]), np.array([1, 4])], 5)
    people = [np.array([0, 2, 0]), np.array([], np.int64), np.arange(5)]
    torch.testing.assert_close(denoiser.answer(people), denoiser.back(rows_of(people, 5)), atol=1e-5, rtol=1e-4)


def test_noise_that_people_share_is_as_much_for_each_of_them_as_noise_of_their_own() -> None:
    torch.manual_seed(0)
    denoiser = DiffRec(hidden=3, steps=4, scale=3.0, epochs=0).fit([np.array([0])], 40)
    times, layer = torch.zeros(2000, dtype=torch.int64), denoiser.network["read"]
    with torch.inference_mode():
        noise = denoiser.read_noisy([np.array([], np.int64)] * 2000, times) - layer["bias"]
        expected = (1 - denoiser.kept()[0]) * layer["weight"].T @ layer["weight"]
        found = torch.stack([(row := noise[at : at + 1]).T @ row for at in range(2000)]).mean(0)
    # Over one draw of shared rows the spread is that of a few draws, not of 2,000.
    assert found.diagonal().sum().item() == pytest.approx(expected.diagonal().sum().item(), rel=0.5)
    assert denoiser.loss([np.array([1, 2]), np.array([3])]).item() > 0


def test_an_error_of_what_was_chosen_is_the_error_of_whole_rows() -> None:
    people, guess = [np.array([0, 2, 0]), np.array([1])], torch.randn(2, 5)
    told, _ = chosen_of(guess, people)
    cheap = (guess.square().sum() - 2 * told.sum() + len(told)) / guess.numel()
    torch.testing.assert_close(cheap, (guess - rows_of(people, 5)).square().mean())
