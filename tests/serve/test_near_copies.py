"""Nobody is drawn or shown a near copy of what another person uploaded; and were it so, it would be counted.

`benchmarks/near_copies.py` counts as many pictures as one has time for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import near_copies
from palate.catalogue.home import Home
from palate.jobs.tasks import Task
from palate.specify import drawing


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_copies, "UPLOADS", 2)
    monkeypatch.setattr(near_copies, "STRENGTHS", (0.05,))


def test_a_near_copy_is_told_from_another_picture_of_its_kind() -> None:
    chance = np.random.default_rng(0)
    rows = near_copies.prints([near_copies.texture(chance) for _ in range(40)])
    likeness = rows @ rows.T
    assert likeness.diagonal() == pytest.approx(1.0)
    assert (likeness - np.eye(40)).max() < near_copies.NEAR / 2


def test_nobody_gets_a_near_copy_of_anothers_upload() -> None:
    told = near_copies.part(0, people=2, each=3)
    assert told["pictures"] >= 2 * (2 + 3 + 9)  # changed, drawn, and the library's
    assert (told["near_copies"], told["by_chance"]) == (0, 0)
    assert (told["light"], told["own_found"]) == (4, 4)


def test_a_service_that_mixes_uploads_up_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = drawing.starts_of

    def mixed(home: Home, tasks: Sequence[Task]) -> dict[str, bytes]:
        wanted = real(home, tasks)
        first = min(home.uploads.glob("*"), key=lambda path: path.stat().st_mtime_ns, default=None)
        return dict.fromkeys(wanted, first.read_bytes()) if first is not None else wanted

    monkeypatch.setattr(drawing, "starts_of", mixed)
    told = near_copies.part(0, people=2, each=3)
    assert told["near_copies"] == 2  # all that the second person had changed
