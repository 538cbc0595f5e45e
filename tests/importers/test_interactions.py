"""Files of choices: what is learned from, what is asked, and that nothing asked was known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palate.errors import PalateError
from palate.importers.interactions import Split, read_interactions


def lists(histories: list[np.ndarray]) -> list[list[int]]:
    return [history.tolist() for history in histories]


def test_pairs_keep_the_split_that_they_came_with(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "pairs.npz",
        train=np.array([[0, 1], [2, 0], [0, 0]], np.uint16),
        valid=np.array([[0, 2]], np.uint16),
        test=np.array([[2, 3]], np.uint16),
    )
    split = read_interactions(tmp_path / "pairs.npz")
    assert (split.items, split.ordered) == (4, False)
    assert lists(split.train) == [[1, 0], [], [0]]
    assert lists(split.given) == [[1, 0], [], [0]]
    assert lists(split.known) == [[1, 0, 2], [], [0]]
    assert lists(split.test) == [[], [], [3]]


def last_two_apart(split: Split) -> None:
    assert split.ordered
    for train, valid, test, given in zip(split.train, split.valid, split.test, split.given, strict=True):
        assert len(valid) == len(test) == 1
        assert given.tolist() == [*train, *valid]


def test_of_sequences_the_last_is_asked_and_short_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "shop.txt").write_text("1 7 5 9 5\n2 7 5\n3 9 7 5\n")
    split = read_interactions(tmp_path / "shop.txt")
    last_two_apart(split)
    assert split.items == 3
    assert lists(split.train) == [[1, 0], [2]]
    assert lists(split.test) == [[0], [0]]


def test_a_choice_a_line_is_read_as_sequences_too(tmp_path: Path) -> None:
    (tmp_path / "shop.txt").write_text("4 30\n4 10\n9 10\n4 20\n9 30\n9 20\n")
    split = read_interactions(tmp_path / "shop.txt")
    last_two_apart(split)
    assert lists(split.train) == [[2], [0]]
    assert lists(split.test) == [[1], [1]]


def test_movielens_is_ordered_by_time(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("5\t10\t3\t300\n5\t20\t1\t100\n5\t30\t5\t200\n")
    split = read_interactions(tmp_path)
    last_two_apart(split)
    assert (lists(split.train), lists(split.valid), lists(split.test)) == ([[1]], [[2]], [[0]])


def test_films_of_the_same_second_stay_as_the_file_has_them(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("5\t20\t1\t100\n5\t30\t3\t100\n5\t10\t5\t100\n")
    split = read_interactions(tmp_path)
    assert (lists(split.train), lists(split.valid), lists(split.test)) == ([[1]], [[2]], [[0]])


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.txt", "1 2 three\n"), ("x.txt", "1 2 3\n"), ("x.npz", "no zip"), ("x.csv", "a,b\n"), ("x.txt", "\x80")],
    ids=["a-word", "nobody-with-three", "broken", "unknown-kind", "not-utf-8"],
)
def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(PalateError) as caught:
        read_interactions(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert caught.value.about in (str(tmp_path / name), "x")


def test_a_split_without_test_pairs_is_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "pairs.npz", train=np.array([[0, 1]]))
    with pytest.raises(PalateError, match="test"):
        read_interactions(tmp_path / "pairs.npz")
