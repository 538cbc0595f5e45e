"""What `make run` does: a small hub is drawn, specified and asked, with a report to look at.

The hub is a diffusers pipeline of a few hundred thousand weights with adapters on it, built from a configuration in
seconds: it draws coloured shapes, and each adapter bends them its own way. All the rest is what runs on full-size
models.
"""

from __future__ import annotations

import base64
import html
import sys
import time
from pathlib import Path

from palate.cli import printing
from palate.ranking import Ranking
from palate.studio import Studio
from palate.testing.worlds import build_tiny_world

FOLDER = Path(__file__).parents[1] / ".cache" / "first-hub"
PROMPTS = [f"a {colour} {shape}" for colour in ("red", "green", "blue") for shape in ("circle", "square", "triangle")]
ASKED = "a blue circle at night"
MODELS = 6
STYLE = """
body { font: 16px system-ui; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
img { width: 96px; image-rendering: pixelated; margin: 2px }
h3 { margin-bottom: 0 }
"""


def main(folder: Path = FOLDER) -> Path:
    """Answers where the report is."""
    started = time.perf_counter()
    if not (folder / "world" / "clip").exists():
        printing.note("building a tiny pipeline, its adapters and an encoder ...")
        build_tiny_world(folder / "world", loras=MODELS)
    studio = Studio.create(str(folder / "home"))
    studio.config_set("encoder", str(folder / "world" / "clip"))
    studio.config_set("steps", "8")
    printing.line(studio.add_models(folder / "world" / "pipeline").in_words())
    printing.line(studio.add_models(folder / "world" / "loras").in_words())
    prompts = folder / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS) + "\n")
    with printing.progress(quiet=False) as progress:
        done = studio.specify(prompts=prompts, progress=progress)
    printing.line(f"{done['done']} pictures specify {done['models']} models")
    printing.line(f"\n$ palate find '{ASKED}'")
    found = studio.find(ASKED, top=3)
    printing.ranking(found)
    [example] = studio.draw("style-3", "a green cross", seed=7)
    printing.line(
        f"\n$ palate identify {Path(example['file']).name[:8]}    # style-3 drew it, for words that are new to the hub"
    )
    identified = studio.identify([example["file"]], top=3)
    printing.ranking(identified)
    report = write_report(studio, folder, found, identified, Path(example["file"]))
    studio.close()
    printing.line(f"\n{time.perf_counter() - started:.0f} s; look at {report}")
    printing.line("next: palate init, palate add models FOLDER, palate specify, palate find 'what you want drawn'")
    return report


def write_report(studio: Studio, folder: Path, found: Ranking, identified: Ranking, example: Path) -> Path:
    """One page with the pictures in it."""
    parts = [f"<h2>find: {html.escape(ASKED)}</h2>", *_rows(studio, found)]
    parts += ["<h2>identify: who drew this?</h2>", _picture(example), *_rows(studio, identified)]
    head = f"<meta charset=utf-8><title>A first hub</title><style>{STYLE}</style>"
    page = f"<!doctype html><html lang=en>{head}{''.join(parts)}"
    report = folder / "report.html"
    report.write_text(page, "utf-8")
    return report


def _rows(studio: Studio, ranking: Ranking) -> list[str]:
    parts = []
    for place, row in enumerate(ranking, 1):
        why = "; ".join(html.escape(reason.text) for reason in row.reasons)
        behind = dict.fromkeys(id for reason in row.reasons for id in reason.pictures)
        shown = [*behind, *(id for id in studio.show(row.id)["examples"] if id not in behind)][:6]
        pictures = "".join(_picture(studio.home.blobs.path(id)) for id in shown)
        parts.append(f"<h3>{place}. {html.escape(row.name)} ({row.score:.3g})</h3><p>{why}</p>{pictures}")
    return parts


def _picture(path: Path) -> str:
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
