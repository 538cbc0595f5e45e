"""What goes into the package: weights that open as any do, cards with numbers, and who drew what they learned from."""

from pathlib import Path
from typing import Any

import pytest
from pocket_world import info_of, small_world
from recipes import adapters, artists, autoencoder, clip, diffusion, dino, janus, package, ship, ship_drawing, vq, work


def flags(**numbers: object) -> list[str]:
    return [word for name, number in numbers.items() for word in (f"--{name.replace('_', '-')}", str(number))]


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(package, "POCKET", tmp_path)
    monkeypatch.setattr(package, "WEIGHTS", tmp_path / "weights")
    small_world(work.folder())
    return tmp_path


def test_every_set_is_attributed() -> None:
    text = package.attributions({"one": info_of("one") | {"author_url": "", "licence_url": "LICENCE"}})
    assert "One (one)\n  by A. Person\n  MIT, LICENCE\n" in text


def test_a_table_has_a_row_a_test() -> None:
    assert package.table({"held": {"R@1": 0.5}}) == ["| test | R@1 |", "|---|---|", "| held | 50.0% |"]


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


def test_the_pipeline_and_the_adapters_that_ship_open_and_draw(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from diffusers import DiffusionPipeline

    monkeypatch.setattr(artists, "FEWEST_PICTURES", 20)
    clip.main(flags(steps=1, batch=8, width=64, layers=1, text_width=64, text_layers=1, tests=3))
    autoencoder.main(flags(steps=1, batch=4, width=16, tests=4))
    diffusion.main(flags(steps=1, batch=4, width=64, tests=4))
    adapters.main(flags(processes=1, steps=1, batch=4, rank=2, most=3))
    ship.main(["diffusion"])
    ship.main(["adapters", "--most", "2"])
    stored = packed / "weights" / "diffusion"
    assert {path.parent.name for path in stored.rglob("*.safetensors")} == {"unet", "vae", "text_encoder"}
    assert "seconds for a batch of 16" in (stored / "README.md").read_text()
    shipped = sorted(path.name for path in (packed / "weights" / "adapters").iterdir())
    assert shipped == ["four", "one"]
    assert work.read_json(packed / "weights" / "adapters" / "one" / "card.json")["tags"] == []
    pipeline = DiffusionPipeline.from_pretrained(stored, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(packed / "weights" / "adapters" / "one", adapter_name="one")
    assert pipeline("an icon of a cat", num_inference_steps=1).images[0].size == (64, 64)


def test_the_janus_that_ships_opens_and_draws(packed: Path) -> None:
    vq.main(flags(steps=1, batch=4, codes=16, width=64, tests=4))
    janus.main(flags(steps=1, batch=4, width=64, sight="", layers=1, seeing=1, vocabulary=700, tests=4, shared=1))
    ship.main(["janus"])
    card = (packed / "weights" / "janus" / "README.md").read_text()
    assert "(64 codes)" in card
    assert "sha256" in card


def test_each_set_ships_one_look_before_any_ships_a_second() -> None:
    cards: list[dict[str, Any]] = [
        {"key": "a-bold", "set": "a", "downloads": 5},
        {"key": "a-thin", "set": "a", "downloads": 5},
        {"key": "b", "set": "b", "downloads": None},
        {"key": "c", "set": "c", "downloads": 9},
    ]
    assert [card["key"] for card in ship_drawing.chosen(cards, 4)] == ["c", "a-bold", "b", "a-thin"]
    assert [card["key"] for card in ship_drawing.chosen(cards, 2)] == ["c", "a-bold"]


def test_a_package_that_is_too_large_is_refused(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = packed / "weights" / "clip"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    assert package.too_large() == []
    monkeypatch.setattr(package, "LARGEST", 99)
    monkeypatch.setattr(package, "MOST", 200)
    assert package.too_large() == ["clip/model.safetensors is larger than 0 MiB"]


def test_numbers_measured_later_replace_their_section_of_the_card_and_leave_the_others(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Card\n\n## First\none\n")
    package.note(tmp_path, "Second", ["two"], {"two": 2})
    package.note(tmp_path, "Third", ["three"], {"three": 3})
    package.note(tmp_path, "Second", ["more"], {"two": 22})
    assert (tmp_path / "README.md").read_text() == "# Card\n\n## First\none\n\n## Second\nmore\n\n## Third\nthree\n"
    assert work.read_json(tmp_path / "measured.json") == {"Second": {"two": 22}, "Third": {"three": 3}}
