"""Queries beside choices: a world in which the query alone tells what comes next."""

from __future__ import annotations

import pytest
import torch

from palate.converse.queried import QueryAware, Reading, interleaved, train_query_aware

THINGS, PEOPLE, PAST = 8, 240, 3
READING = Reading(steps=120, longest=4)


def world() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[int]]:
    """Things are axes, pasts are random, and the last query names the next thing, not quite exactly."""
    draw = torch.Generator().manual_seed(1)
    candidates = torch.eye(THINGS)
    past = torch.randint(THINGS, (PEOPLE, PAST), generator=draw)
    chosen = torch.randint(THINGS, (PEOPLE,), generator=draw)
    queries = torch.zeros(PEOPLE, PAST + 1, THINGS)
    queries[:, -1] = candidates[chosen] + 0.1 * torch.randn(PEOPLE, THINGS, generator=draw)
    return candidates, candidates[past], queries, chosen.tolist()


def share_right(queries_are_read: bool) -> float:
    candidates, things, queries, chosen = world()
    queries = queries if queries_are_read else torch.zeros_like(queries)
    network = QueryAware(THINGS, READING)
    train_query_aware(network, things[:200], queries[:200], candidates, chosen[:200])
    with torch.inference_mode():
        found = network.scores(things[200:], queries[200:], candidates).argmax(dim=1)
    return float((found == torch.tensor(chosen[200:])).float().mean())


def test_with_queries_the_next_thing_is_found_and_without_it_is_not() -> None:
    assert share_right(True) >= 0.9
    assert share_right(False) <= 0.4


def test_queries_and_things_alternate() -> None:
    things, queries = torch.tensor([[[10.0], [20.0]]]), torch.tensor([[[1.0], [2.0], [3.0]]])
    assert interleaved(things, queries).flatten().tolist() == [1, 10, 2, 20, 3]


def test_a_long_past_is_read_from_its_end() -> None:
    network = QueryAware(THINGS, READING)
    _, things, queries, _ = world()
    more = torch.cat([things.flip(1), things.flip(1), things], dim=1)
    asked = torch.cat([torch.ones(PEOPLE, 6, THINGS), queries], dim=1)
    with torch.inference_mode():
        whole, end = network.read(more, asked), network.read(more[:, -4:], asked[:, -5:])
    assert whole.numpy() == pytest.approx(end.numpy(), abs=1e-6)
