"""A work folder with a few made-up sets, for the recipes' two-step tests."""

from pathlib import Path

import numpy as np
import pytest
from recipes import adapters, artists, autoencoder, bank, clip, diffusion, dino, judge, package, ship, work


def small_world(
    folder: Path, sets: tuple[str, ...] = ("one", "two", "three", "four"), known: tuple[str, ...] = ()
) -> None:
    """Sets of 150 pictures of noise; things have made-up names, after those that are `known`."""
    rng = np.random.default_rng(0)
    said = {
        "variant": "",
        "categories": [],
        "also": [],
        "stroke": 0.0,
        "round": False,
        "tint": False,
        "ink": 0.1,
        "deep": 0.0,
        "colours": 2,
    }
    (folder / "pictures").mkdir(exist_ok=True)
    for name in sets:
        things = [f"thing{chr(97 + number % 26)}-{chr(97 + number // 26)}x" for number in range(150)]
        things = [*known, *things][: len(things)]
        rows = [{"set": name, "icon": thing, "name": thing, **said} for thing in things]
        np.save(folder / "pictures" / f"{name}.npy", rng.integers(0, 255, (150, 64, 64, 3), dtype=np.uint8))
        work.write_lines(folder / "pictures" / f"{name}.jsonl", rows)
    work.write_json(folder / "sets.json", {name: info_of(name) for name in sets})


def info_of(name: str) -> dict[str, object]:
    said = {
        "author": "A. Person",
        "author_url": "",
        "licence": "MIT",
        "licence_url": "",
        "category": "UI",
        "downloads": None,
    }
    return {"name": name.title(), **said}


def flags(**numbers: object) -> list[str]:
    return [word for name, number in numbers.items() for word in (f"--{name.replace('_', '-')}", str(number))]


def point_at(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Recipes work and ship below this folder, and `palate_pocket` reads from there."""
    patch.setenv("PALATE_POCKET_WORK", str(folder / "work"))
    patch.setenv("PALATE_POCKET_WEIGHTS", str(folder / "weights"))
    patch.setattr(package, "POCKET", folder)
    patch.setattr(package, "WEIGHTS", folder / "weights")
    patch.setattr(artists, "FEWEST_PICTURES", 20)


def ship_tiny(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Every recipe but Janus' for a step or two, shipped, and a bank of one step a picture."""
    point_at(folder, patch)
    small_world(work.folder(), known=judge.EVERYDAY)
    clip.main(flags(steps=2, batch=8, width=64, layers=1, text_width=64, text_layers=1, tests=3))
    dino.main(flags(steps=1, batch=8, width=64, layers=1, tests=20))
    autoencoder.main(flags(steps=2, batch=4, width=16, tests=4))
    diffusion.main(flags(steps=2, batch=4, width=64, tests=4))
    adapters.main(flags(processes=1, steps=2, batch=4, rank=2))
    for kind in ("clip", "dino", "diffusion", "adapters"):
        ship.main([kind])
    bank.encoders.cache_clear()
    bank.main(flags(steps=1, seeds=1, prompts=8, again=2, processes=1))
