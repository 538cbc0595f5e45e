"""What goes into the package: weights that open as any do, cards with numbers, and who drew what they learned from."""

from pathlib import Path

import pytest
from pocket_world import info_of, small_world
from recipes import clip, dino, ship, work


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(ship, "POCKET", tmp_path)
    monkeypatch.setattr(ship, "WEIGHTS", tmp_path / "weights")
    small_world(work.folder())
    return tmp_path


def test_every_set_is_attributed() -> None:
    text = ship.attributions({"one": info_of("one") | {"author_url": "", "licence_url": "LICENCE"}})
    assert "One (one)\n  by A. Person\n  MIT, LICENCE\n" in text


def test_a_table_has_a_row_a_test() -> None:
    assert ship.table({"held": {"R@1": 0.5}}) == ["| test | R@1 |", "|---|---|", "| held | 50.0% |"]


def test_the_clip_that_ships_opens_and_says_what_it_reaches(packed: Path) -> None:
    from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel

    small = {"steps": 1, "batch": 8, "width": 64, "layers": 1, "text-width": 64, "text-layers": 1, "tests": 3}
    clip.main([word for name, number in small.items() for word in (f"--{name}", str(number))])
    ship.main(["clip"])
    stored = packed / "weights" / "clip"
    assert CLIPModel.from_pretrained(stored).config.vision_config.image_size == 64
    assert (
        AutoTokenizer.from_pretrained(stored)("thing")["input_ids"][0] == len(AutoTokenizer.from_pretrained(stored)) - 2
    )
    assert CLIPImageProcessorPil.from_pretrained(stored).do_center_crop is False
    card = (stored / "README.md").read_text()
    assert "| held (3) |" in card
    assert "sha256" in card
    assert "One (one)" in (packed / "ATTRIBUTIONS").read_text()


def test_the_dino_that_ships_opens_and_is_compared_with_pixels(packed: Path) -> None:
    from transformers import Dinov2Model

    small = {"steps": 1, "batch": 8, "width": 64, "layers": 1, "tests": 20}
    dino.main([word for name, number in small.items() for word in (f"--{name}", str(number))])
    ship.main(["dino"])
    stored = packed / "weights" / "dino"
    assert Dinov2Model.from_pretrained(stored).config.patch_size == 8
    assert "| plain pixels |" in (stored / "README.md").read_text()
