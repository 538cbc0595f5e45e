"""The picture bank: what is drawn, what is kept, and that a key draws its picture again."""

from collections import Counter
from pathlib import Path

import numpy as np
import palate_pocket as pocket
import pytest
from pocket_world import flags
from recipes import bank, work


def test_every_prompt_of_the_package_is_a_row_and_so_are_concepts_in_several_looks() -> None:
    rows = bank.rows_of(bank.SEEDS)
    assert Counter(row["kind"] for row in rows) == {"specification": 61, "slots": 50}
    assert len({row["text"] for row in rows}) == len(rows)
    slot = next(row for row in rows if row["kind"] == "slots")
    assert slot["text"] == "a thin outline icon of a cat"
    assert slot["slots"] == {"concept": "a cat", "look": "thin outline"}
    assert len(slot["seeds"]) == 4
    pictures = sum(len(row["seeds"]) for row in rows)
    assert 64 * pictures >= 20_000


def test_the_bank_that_ships_has_a_vector_a_key_and_says_how_well_keys_draw_again(pocket_weights: Path) -> None:
    shipped = pocket.bank()
    assert shipped.models == tuple(adapter.key for adapter in pocket.adapters())
    assert len(shipped) == len(shipped.models) * 8
    assert np.allclose(np.linalg.norm(shipped.vectors(range(len(shipped))), axis=1), 1, atol=1e-5)
    numbers = work.read_json(pocket_weights / "bank" / "measured.json")
    assert numbers["keys"] == 2
    assert numbers["equal to the bit"] == 1.0
    assert numbers["rounding"] > 0.999
    assert "drawn once" in (pocket_weights / "bank" / "README.md").read_text()


def test_models_that_are_done_are_not_drawn_again(pocket_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw_part = bank.draw_part

    def noted(part: bank.Part) -> str:
        drawn.append(part.adapter.key)
        return draw_part(part)

    monkeypatch.setattr(bank, "draw_part", noted)
    (work.folder("bank") / "one.safetensors").unlink()
    bank.main(flags(steps=1, seeds=1, prompts=8, again=1, processes=1))
    assert drawn == ["one"]
