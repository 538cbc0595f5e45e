"""Brings the icon sets in: `python -m recipes.sets` (inside pocket/).

One npm package, pinned, holds every set with its author, licence and categories; those that qualify are unpacked into
`sets/*.json` of the work folder. A set qualifies if its licence is MIT, Apache-2.0, ISC or CC0, it has at least 300
icons, and it is not made of logos: brands are trade marks, whatever the drawing's licence.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from recipes import work

PACKAGE = "@iconify/json"
VERSION = "2.2.535"
LICENCES = {"MIT": "MIT", "Apache-2.0": "Apache-2.0", "ISC": "ISC", "CC0-1.0": "CC0-1.0"}
LOGO_CATEGORIES = {"Logos", "Programming"}
FEWEST_ICONS = 300

Info = dict[str, Any]


def qualifies(info: Info) -> bool:
    """Free to train on and to draw from, large enough to have a style, and no collection of trade marks."""
    return (
        info.get("license", {}).get("spdx") in LICENCES
        and info.get("category") not in LOGO_CATEGORIES
        and info.get("total", 0) >= FEWEST_ICONS
    )


def downloaded(into: Path) -> Path:
    """The pinned package's archive, fetched by the npm client unless it lies there already."""
    archive = into / f"{PACKAGE.strip('@').replace('/', '-')}-{VERSION}.tgz"
    if not archive.exists():
        subprocess.run(["npm", "pack", f"{PACKAGE}@{VERSION}", "--silent"], cwd=into, check=True)
    return archive


def read_member(archive: tarfile.TarFile, name: str) -> Any:
    member = archive.extractfile(name)
    assert member is not None, name
    return json.load(member)


def downloads() -> dict[str, int]:
    """npm's downloads of each set's own package, as its public package list counted them (downloads.tsv)."""
    lines = Path(__file__).with_name("downloads.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {name: int(count) for name, count in rows}


def main(args: list[str] | None = None) -> dict[str, Info]:
    """Unpacks the sets that qualify and writes sets.json: who made each, its licence, how often it was fetched."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args(args)
    into, counts = work.folder("sets"), downloads()
    chosen: dict[str, Info] = {}
    with tarfile.open(downloaded(work.folder())) as archive:
        collections = read_member(archive, "package/collections.json")
        for prefix, info in sorted(collections.items()):
            if not qualifies(info):
                continue
            target = into / f"{prefix}.json"
            if not target.exists():
                work.write_json(target, read_member(archive, f"package/json/{prefix}.json"))
            chosen[prefix] = {
                "name": info["name"],
                "author": info["author"]["name"],
                "author_url": info["author"].get("url", ""),
                "licence": info["license"]["spdx"],
                "licence_url": info["license"].get("url", ""),
                "category": info.get("category") or "",
                "tags": info.get("tags") or [],
                "palette": bool(info.get("palette")),
                "icons": info["total"],
                "version": info.get("version", ""),
                "downloads": counts.get(prefix),
            }
    work.write_json(work.folder() / "sets.json", chosen)
    print(f"{len(chosen)} sets, {sum(s['icons'] for s in chosen.values())} icons, {PACKAGE}@{VERSION}")
    return chosen


if __name__ == "__main__":
    main()
