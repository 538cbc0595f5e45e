"""What was learned of steering in one home: one file of it, used by every conversation there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from palate.errors import PalateError
from palate.steer.simulating import Known
from palate.steer.value import Value
from palate.taste.space import TasteSpace
from palate.taste.utilities import Heads

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = "steering.safetensors"
VALUE = "value."


@dataclass(frozen=True, slots=True)
class Learned:
    """Of one encoder's home: the directions of taste, what is known of people, and the value."""

    encoder: str
    taste: TasteSpace
    known: Known
    value: Value

    def save(self, path: Path) -> None:
        """The file is replaced whole: whoever reads it meanwhile, a service say, has the old one or the new one."""
        from safetensors.numpy import save_file

        heads = self.known.heads
        arrays = {"within": self.known.within, "weights": heads.weights, "shares": heads.shares}
        arrays |= {name: getattr(self.taste, name) for name in ("picture_mean", "words_mean", "directions")}
        arrays |= {f"{VALUE}{name}": tensor.numpy() for name, tensor in self.value.tensors().items()}
        card = {"encoder": self.encoder, "kept": self.taste.kept, "total": self.taste.total, "value": self.value.card}
        scratch = path.with_suffix(".new")
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(whole, scratch, metadata={"card": json.dumps(card)})
        scratch.replace(path)

    @classmethod
    def load(cls, path: Path, encoder: str) -> Learned | None:
        """What was learned for this encoder, if anything was."""
        if not path.is_file():
            return None
        card, kept = _read(path)
        if card["encoder"] != encoder:
            return None
        means = {name: kept[name] for name in ("picture_mean", "words_mean", "directions")}
        heads = Heads(kept["weights"], np.zeros(len(kept["weights"])), kept["shares"])
        taste = TasteSpace(**means, kept=card["kept"], total=card["total"])
        of_value = {name.removeprefix(VALUE): array for name, array in kept.items() if name.startswith(VALUE)}
        return cls(encoder, taste, Known(heads, kept["within"]), Value.of_kept(card["value"], of_value))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Card and arrays of one opening, so that they belong together."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            card: dict[str, Any] = json.loads(file.metadata()["card"])
            return card, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        hint = "`palate train steering` makes it anew; without it steering goes by each person's own taste"
        raise PalateError("steering_unreadable", "what was learned is damaged", about=path.name, hint=hint) from error
