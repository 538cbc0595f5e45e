"""A work folder with a few made-up sets, for the recipes' two-step tests."""

from pathlib import Path

import numpy as np
from recipes import work


def small_world(folder: Path, sets: tuple[str, ...] = ("one", "two", "three", "four")) -> None:
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
