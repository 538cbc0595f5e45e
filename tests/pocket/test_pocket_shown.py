"""Pictures that ship with their pixels: kept to the bit, of one bank alone, and files of a home from the beginning."""

import json
from pathlib import Path

import numpy as np
import palate_pocket as pocket
import pytest
from palate_pocket.shown import read_sheet
from PIL import Image
from recipes import package, shown

from palate.importers.pocket import rows_of_pictures
from palate.specify.again import at_hand
from palate.studio import Studio


def noise(folder: Path, count: int) -> dict[int, Path]:
    """Files by rows that are not in their order."""
    rng = np.random.default_rng(0)
    found = {}
    for number in range(count):
        file = folder / f"{number}.png"
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(file)
        found[(7 * number) % 100] = file
    return found


def same(one: Image.Image, other: Path) -> bool:
    with Image.open(other) as opened:
        return np.array_equal(np.asarray(one.convert("RGB")), np.asarray(opened))


def test_every_tile_is_its_picture_to_the_bit(tmp_path: Path) -> None:
    (tmp_path / "bank.json").write_text("{}")
    assert read_sheet(tmp_path).rows == ()
    files = noise(tmp_path, 20)
    shown.write_sheet(files, tmp_path)
    sheet = read_sheet(tmp_path)
    assert sheet.rows == tuple(sorted(files))
    assert sheet.box(19) == (64, 64, 128, 128)
    with Image.open(sheet.file) as whole:
        assert all(same(whole.crop(sheet.box(tile)), files[row]) for tile, row in enumerate(sheet.rows))


def test_a_sheet_of_an_older_bank_counts_no_more(tmp_path: Path) -> None:
    (tmp_path / "bank.json").write_text("{}")
    shown.write_sheet(noise(tmp_path, 2), tmp_path)
    (tmp_path / "bank.json").write_text(json.dumps({"made": "tomorrow"}))
    assert read_sheet(tmp_path).rows == ()


def test_the_walls_best_each_models_best_and_one_prompt_are_seen_first() -> None:
    models, prompts = list("aabbabcc"), list("xyxyzzzx")
    assert shown.seen_first(models, prompts, first="z", best=2, each=1) == [0, 1, 2, 4, 5, 6]
    assert shown.seen_first(models, prompts, first="", best=0, each=2) == [0, 1, 2, 3, 6, 7]


def test_a_home_has_them_as_files_without_drawing_anything(
    pocket_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = rows_of_pictures(pocket)
    wanted, row = next(iter(ids.items()))
    file = noise(tmp_path, 1)[0]
    folder = tmp_path / "bank"
    folder.mkdir()
    shown.write_sheet({row: file}, folder)
    monkeypatch.setattr(pocket, "sheet", lambda: read_sheet(folder))
    monkeypatch.setenv("PALATE_POCKET_HOME", str(tmp_path / "home"))
    studio = Studio.open("pocket")
    place = at_hand(studio.home, wanted)
    others = [id for id in ids if id != wanted and at_hand(studio.home, id)]
    studio.close()
    assert place is not None
    with Image.open(place) as kept:
        assert same(kept, file)
    assert others == []


def test_what_ships_is_of_the_bank_that_ships() -> None:
    """The real package, where it is here."""
    folder = package.POCKET / "src" / "palate_pocket" / "weights" / "bank"
    if not (folder / "bank.json").is_file():
        pytest.skip("this build has no bank")
    sheet = read_sheet(folder)
    assert len(sheet.rows) >= 300, "of another bank: `python -m recipes.shown` in pocket/"
    assert sheet.rows == tuple(sorted(set(sheet.rows)))
    with Image.open(sheet.file) as whole:
        assert whole.size[1] >= sheet.box(len(sheet.rows) - 1)[3]
