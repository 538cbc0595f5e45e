"""Who the artists are, and two steps of an artist's adapter."""

from pathlib import Path
from typing import Any

import pytest
from pocket_world import small_world
from recipes import adapters, artists, autoencoder, clip, diffusion


def flags(**numbers: object) -> list[str]:
    return [word for name, number in numbers.items() for word in (f"--{name.replace('_', '-')}", str(number))]


def rows_of(name: str, variant: str, count: int) -> list[dict[str, Any]]:
    return [
        {
            "set": name,
            "name": f"thing{i}",
            "variant": variant,
            "stroke": 0.0,
            "round": False,
            "tint": False,
            "deep": 0.0,
        }
        for i in range(count)
    ]


def test_a_look_of_a_set_is_an_artist_where_it_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artists, "FEWEST_PICTURES", 3)
    rows = [*rows_of("ph", "bold", 4), *rows_of("ph", "fill", 3), *rows_of("ph", "thin", 2), *rows_of("ri", "", 3)]
    found = artists.artists_of(rows, ["train"] * len(rows), {"ph": {"name": "Phosphor"}, "ri": {"name": "Remix"}})
    assert [(artist.key, artist.title, len(artist.pictures)) for artist in found] == [
        ("ph-bold-outline", "Phosphor bold outline", 4),
        ("ph-filled", "Phosphor filled", 3),
        ("ri", "Remix", 3),
    ]


def test_pictures_that_are_held_out_train_no_artist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artists, "FEWEST_PICTURES", 1)
    rows = rows_of("ri", "", 3)
    (found,) = artists.artists_of(rows, ["train", "held", "unseen"], {"ri": {"name": "Remix"}})
    assert found.pictures == (0,)


def test_two_steps_make_an_adapter_that_diffusers_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import DiffusionPipeline

    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path))
    monkeypatch.setattr(artists, "FEWEST_PICTURES", 20)
    small_world(tmp_path)
    clip.main(flags(steps=1, batch=8, width=64, layers=1, text_width=64, text_layers=1, tests=3))
    autoencoder.main(flags(steps=1, batch=4, width=16, tests=4))
    diffusion.main(flags(steps=1, batch=4, width=64, tests=4))
    done = adapters.main(flags(processes=1, steps=2, batch=4, rank=2, most=2))
    assert sorted(about["key"] for about in done) == ["four", "one"]
    assert done == adapters.main(flags(processes=1, steps=2, batch=4, rank=2, most=2))
    pipeline = DiffusionPipeline.from_pretrained(tmp_path / "diffusion" / "pipeline")
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(tmp_path / "adapters" / "one", adapter_name="one")
    assert pipeline.get_active_adapters() == ["one"]
    assert pipeline("an icon of a cat", num_inference_steps=2, height=64, width=64).images[0].size == (64, 64)
