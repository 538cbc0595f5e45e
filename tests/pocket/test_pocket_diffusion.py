"""The recipes of the pocket diffusion: two steps of each on pictures made here, and what ships opens and draws."""

from pathlib import Path

import pytest
import torch
from pocket_world import small_world
from recipes import autoencoder, clip, diffusion


def flags(**numbers: object) -> list[str]:
    return [word for name, number in numbers.items() for word in (f"--{name.replace('_', '-')}", str(number))]


def test_an_edge_that_is_missed_costs_more_than_a_shade() -> None:
    flat = torch.zeros(1, 3, 8, 8)
    lighter = torch.full((1, 3, 8, 8), 0.1)
    striped = flat.clone()
    striped[..., ::2] = 0.2
    # Every pixel is off by 0.1, and so is the patch's mean.
    assert float(autoencoder.edges_error(lighter, flat)) == pytest.approx(0.1 + 0.1)
    # Half the pixels are off by 0.2 (0.1 in the mean); rows agree, columns differ by 0.2 everywhere.
    assert float(autoencoder.edges_error(striped, flat)) == pytest.approx(0.1 + 0.1 + 0.2)
    redder = flat.clone()
    redder[:, 0] += 0.3
    colour = (0.2 + 0.1 + 0.1) / 3
    assert float(autoencoder.edges_error(redder, flat)) == pytest.approx(0.1 + 0.1 + 4 * colour)


def test_two_steps_of_each_recipe_make_a_pipeline_that_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import DiffusionPipeline

    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path))
    small_world(tmp_path)
    clip.main(flags(steps=1, batch=8, width=64, layers=1, text_width=64, text_layers=1, tests=3))
    autoencoder.main(flags(steps=2, batch=4, width=16, tests=4, stop_after=1))
    coded = autoencoder.main([*flags(steps=2, batch=4, width=16, tests=4), "--resume"])
    assert coded["step"] == 2
    assert coded["spread"] > 0
    diffusion.main(flags(steps=2, batch=4, width=64, tests=4, stop_after=1))
    last = diffusion.main([*flags(steps=2, batch=4, width=64, tests=4), "--resume"])
    assert last["step"] == 2
    assert 0 < last["held"] < 10
    pipeline = DiffusionPipeline.from_pretrained(tmp_path / "diffusion" / "pipeline")
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("an icon of a cat", num_inference_steps=2, height=64, width=64).images[0]
    assert picture.size == (64, 64)
