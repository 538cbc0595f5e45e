"""Puts trained weights into the package, with their cards: `python -m recipes.ship clip` in pocket/, then commit once.

Weights are stored as float16: every number on a card was measured on the stored files, opened as a user opens them.
`adapters` takes `--most`: sets in turn, the most downloaded first, one look of each before a second of any.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from recipes import package, ship_drawing, ship_encoders, ship_janus, work


def ship_one(kind: str, into: Path, sets: dict[str, Any]) -> None:
    """A network with a checkpoint of its own: its files, its card, its numbers."""
    stored, measure, card = {
        "clip": (ship_encoders.stored_clip, ship_encoders.measured_clip, ship_encoders.clip_card),
        "dino": (ship_encoders.stored_dino, ship_encoders.measured_dino, ship_encoders.dino_card),
        "diffusion": (ship_drawing.stored_diffusion, ship_drawing.measured_diffusion, ship_drawing.diffusion_card),
        "janus": (ship_janus.stored_janus, ship_janus.measured_janus, ship_janus.janus_card),
    }[kind]
    source = work.folder(kind)
    state = work.read_json(source / "state.json")
    stored(source, into)
    measured = measure(into, state["options"]["seed"], state["options"]["tests"])
    (into / "README.md").write_text(card(into, state, measured, sets), encoding="utf-8")
    work.write_json(into / "measured.json", {"tests": measured, "history": state["history"]})
    print((into / "README.md").read_text(encoding="utf-8"))


def main(args: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["clip", "dino", "diffusion", "adapters", "janus"])
    parser.add_argument("--most", type=int, default=64, help="how many adapters ship")
    options = parser.parse_args(args)
    sets = work.read_json(work.folder() / "sets.json")
    into = package.WEIGHTS / options.kind
    into.mkdir(parents=True, exist_ok=True)
    if options.kind == "adapters":
        print(f"{ship_drawing.ship_adapters(work.folder('adapters'), into, sets, options.most)} adapters")
    else:
        ship_one(options.kind, into, sets)
    (package.POCKET / "ATTRIBUTIONS").write_text(package.attributions(sets), encoding="utf-8")
    package.say_sizes()


if __name__ == "__main__":
    main()
