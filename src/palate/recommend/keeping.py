"""A recommender that has learned, as a folder: weights as safetensors, and what made them as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from palate.errors import PalateError
from palate.recommend.methods import METHODS
from palate.recommend.protocol import Recommender

WEIGHTS, ABOUT = "weights.safetensors", "recommender.json"


@dataclass(frozen=True)
class Kept:
    """What `load` answers."""

    recommender: Recommender
    method: str
    settings: Mapping[str, Any]
    items: int
    about: Mapping[str, Any]


def save(
    recommender: Recommender, folder: Path, *, method: str, settings: Mapping[str, Any], items: int, **about: Any
) -> None:
    """Weights first: a folder with its JSON is whole."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / ABOUT).unlink(missing_ok=True)
    state = {name: np.array(value, order="C") for name, value in recommender.state().items()}
    save_file(state, folder / WEIGHTS)
    said = {"method": method, "settings": dict(settings), "items": items, **about}
    (folder / ABOUT).write_text(json.dumps(said, indent=2, sort_keys=True) + "\n")


def load(folder: Path) -> Kept:
    """The recommender that `save` kept; its scores are the same to the bit."""
    from safetensors.numpy import load_file

    try:
        about = json.loads((folder / ABOUT).read_text())
        method = METHODS[about["method"]]
        recommender = method.make(**about["settings"]).restore(load_file(folder / WEIGHTS))
    except FileNotFoundError:
        raise PalateError("not_trained", "there is no trained recommender here", about=str(folder)) from None
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise PalateError("recommender_unreadable", reason, about=str(folder)) from None
    return Kept(recommender, method.name, about["settings"], about["items"], about)
