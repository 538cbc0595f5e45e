"""`--hub pocket`: a home that is made when it is first named, and specified from the bank that ships."""

from __future__ import annotations

import hashlib
import io
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from palate import settings as settings_file
from palate.catalogue.home import DATABASE, Home
from palate.importers.pocket import add_pocket, shipped
from palate.safety.pictures import open_picture
from palate.specify import again

ENCODER = "pocket"
MARK = "pocket-release"
"""A file of the home: which release of the package it was made from."""


def ready(folder: Path) -> bool:
    """Make the pocket home, or bring it to the package's release. Whether there was anything to do."""
    pocket = shipped()
    mark, release = folder / MARK, _release(pocket)
    if (folder / DATABASE).is_file() and mark.is_file() and mark.read_text("utf-8") == release:
        return False
    from palate.encoders.clip_shaped import space_of_folder

    space = space_of_folder(ENCODER, pocket.folder("clip"), fit="squash")
    home = Home.create(folder)
    try:
        with home.writing():
            if not (folder / settings_file.FILE).exists():
                made = pocket.bank().made
                settings_file.set_one(folder, "steps", str(made["steps"]))
                settings_file.set_one(folder, "guidance", str(made["guidance"]))
            _put_pictures(home, pocket.sheet(), add_pocket(home, pocket, space))
            mark.write_text(release, "utf-8")
    finally:
        home.close()
    return True


def _put_pictures(home: Home, sheet: Any, ids: dict[int, str]) -> None:
    """Those that ship with their pixels, as files: whoever comes first sees them at once."""
    whole = open_picture(sheet.file) if sheet.rows else None
    for tile, row in enumerate(sheet.rows):
        if whole is not None and row in ids:
            target = io.BytesIO()
            whole.crop(sheet.box(tile)).save(target, "PNG")
            again.keep(home, ids[row], target.getvalue())


def own_prompts(folder: Path) -> tuple[Path, Path] | None:
    """Files of the specification and of the task prompts, if this is the pocket hub's home: it draws icons alone."""
    if not (folder / MARK).is_file():
        return None
    prompts = Path(str(files("palate_pocket"))) / "prompts"
    return prompts / "specification.jsonl", prompts / "identification.jsonl"


def things_of(folder: Path) -> dict[str, tuple[str, ...]]:
    """What the pocket hub can draw, by category, if this is its home; of any other home nothing is known."""
    if not (folder / MARK).is_file():
        return {}
    pocket = shipped()
    found: dict[str, list[str]] = {}
    for said in (*pocket.prompts(), *pocket.task_prompts()):
        found.setdefault(said.tag, []).append(said.text.partition(" of ")[2])
    return {tag: tuple(dict.fromkeys(things)) for tag, things in found.items()}


def _release(pocket: Any) -> str:
    """Where the package lies, what its bank holds, and the library whose version is part of a space's identity."""
    diffusion = Path(pocket.folder("diffusion"))
    keys = (diffusion.parent / "bank" / "bank.json").read_bytes()
    shown = str(pocket.sheet().rows).encode()
    prints = (hashlib.sha256(keys).hexdigest(), hashlib.sha256(shown).hexdigest())
    parts = (str(diffusion.parent), *prints, version("transformers").partition(".")[0])
    return "\n".join(parts)
