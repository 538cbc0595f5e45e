"""What was learned of steering in one home, kept in its folder `steering` and used by every conversation there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from palate.steer.simulating import Known
from palate.steer.value import Value
from palate.taste.space import TasteSpace
from palate.taste.utilities import Heads

FOLDER = "steering"


@dataclass(frozen=True, slots=True)
class Learned:
    """Of one encoder's home: the directions of taste, what is known of people, and the value."""

    encoder: str
    taste: TasteSpace
    known: Known
    value: Value

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        self.value.save(folder)
        heads = self.known.heads
        arrays = {"within": self.known.within, "weights": heads.weights, "shares": heads.shares}
        arrays |= {name: getattr(self.taste, name) for name in ("picture_mean", "words_mean", "directions")}
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / "people.safetensors")
        card = {"encoder": self.encoder, "kept": self.taste.kept, "total": self.taste.total}
        (folder / "people.json").write_text(json.dumps(card, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, encoder: str) -> Learned | None:
        """What was learned for this encoder, if anything was."""
        from safetensors.numpy import load_file

        if not (folder / "people.json").is_file():
            return None
        card = json.loads((folder / "people.json").read_text())
        if card["encoder"] != encoder:
            return None
        kept = load_file(folder / "people.safetensors")
        means = {name: kept[name] for name in ("picture_mean", "words_mean", "directions")}
        heads = Heads(kept["weights"], np.zeros(len(kept["weights"])), kept["shares"])
        taste = TasteSpace(**means, kept=card["kept"], total=card["total"])
        return cls(encoder, taste, Known(heads, kept["within"]), Value.load(folder))
