"""The contact sheet: rows of sets, own icons beside drawings."""

from pathlib import Path

import numpy as np
from recipes import sheet

from palate.safety.pictures import open_picture


def test_a_grid_has_a_row_a_set_and_leaves_white_what_a_set_lacks() -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    found = sheet.grid([[black, None, black], [None, None, black]], split=1)
    assert found.shape == (68 * 2 + 4, 68 * 3 + 4 + 16, 3)
    assert (found == 0).all(-1).sum() == 3 * 64 * 64
    assert (found[4:68, 4:68] == 0).all()


def test_the_things_shown_are_those_that_most_sets_draw() -> None:
    assert sheet.shared_things([{"star": 1, "moon": 2}, {"moon": 3}, {"sun": 4}], 3) == ["moon", "star", "sun"]


def test_sets_are_spread_over_the_alphabet() -> None:
    assert sheet.spread(100, 3) == [0, 50, 99]
    assert sheet.spread(2, 24) == [0, 1]


def test_the_sheet_shows_every_set_that_was_asked_for(pocket_weights: Path, tmp_path: Path) -> None:
    both, alone = sheet.main(["--sets", "2", "--things", "3", "--steps", "1", "--drawings", str(tmp_path / "a.png")])
    assert open_picture(both).size == (68 * 6 + 4 + 16, 68 * 2 + 4)
    assert open_picture(alone).size == (68 * 3 + 4, 68 * 2 + 4)
