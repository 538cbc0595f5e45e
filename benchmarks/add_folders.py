"""`palate add models` and `palate add pictures` whole, the store included: first, again, and after the folder moved.

    python benchmarks/add_folders.py [--models 54000] [--pictures 20000]

The bars: 54,000 LoRAs in two minutes and again in ten seconds, under 1 GB of memory; 20,000 outputs at 300 a second and
again in five seconds.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from import_models import write as write_models
from import_pictures import make_folder as write_pictures
from palate.importers.adding import Added
from palate.studio import Studio


def timed(verb: Callable[[], Added]) -> tuple[float, Added]:
    started = time.perf_counter()
    added = verb()
    return time.perf_counter() - started, added


def measured(studio: Studio, what: str, folder: Path, count: int) -> dict[str, object]:
    """First time, second time, and in another place."""
    add = studio.add_models if what == "models" else partial(studio.add_pictures, encode=False)
    first, added = timed(lambda: add(folder))
    again, unchanged = timed(lambda: add(folder))
    folder.rename(folder.with_name("moved"))
    elsewhere, moved = timed(lambda: add(folder.with_name("moved")))
    memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e6
    return {
        "benchmark": f"add {what}",
        "count": count,
        "added": added.added,
        "first_s": round(first, 1),
        "per_s": round(count / first, 1),
        "again_s": round(again, 2),
        "unchanged": unchanged.unchanged,
        "moved_s": round(elsewhere, 1),
        "moved": moved.moved,
        "peak_gb": round(memory, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=54_000)
    parser.add_argument("--pictures", type=int, default=20_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        studio = Studio.create(str(root / "home"))
        for what, count, write in (("pictures", asked.pictures, write_pictures), ("models", asked.models, None)):
            folder = root / what / "here"
            folder.mkdir(parents=True)
            if write is None:
                write_models(folder, count, 400)
            else:
                write(folder, count)
            print(json.dumps(measured(studio, what, folder, count)), flush=True)
        counts = {row["kind"] for row in studio.models()}
        print(json.dumps({"benchmark": "add", "kinds": sorted(counts), "faults": len(studio.check())}))
        studio.close()


if __name__ == "__main__":
    main()
