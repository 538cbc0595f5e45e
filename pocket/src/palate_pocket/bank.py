"""The picture bank: many pictures of every drawing model, drawn once, as vectors with the keys that draw them again.

A vector is stored as 8-bit whole numbers and one scale (a cosine of 0.9999 to what was measured): half of float16, and
the difference is far below that between two seeds. Pictures stand model by model, within a model prompt by prompt, and
within a prompt seed by seed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_CODE = 127
ENCODERS = ("clip", "dino")


class BankPrompt(NamedTuple):
    """Words that every model drew, with which seeds; `slots` says what varies where the prompt is one of a grid."""

    text: str
    tag: str
    kind: str
    """specification, task or slots"""
    seeds: tuple[int, ...]
    slots: dict[str, str]


@dataclass(frozen=True, eq=False)
class Bank:
    """M models, Q prompts, S seeds over all prompts, so M * S pictures."""

    models: tuple[str, ...]
    """(M,) keys of the adapters."""
    prompts: tuple[BankPrompt, ...]
    """(Q,)"""
    made: dict[str, Any]
    """With which files and settings it was drawn."""
    words: NDArray[np.float32]
    """(Q, d) the prompts' vectors by the pocket CLIP, of unit length."""
    codes: dict[str, NDArray[np.int8]]
    """(M * S, d) of each encoder: clip, and dino where this build has it."""
    scales: dict[str, NDArray[np.float32]]
    """(M * S,) of each encoder."""
    broken: NDArray[np.bool_]
    """(M * S,) pictures of one colour or none: no evidence of anything."""

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """(Q + 1,) where each prompt's seeds begin within a model."""
        return tuple(accumulate((len(prompt.seeds) for prompt in self.prompts), initial=0))

    def __len__(self) -> int:
        return len(self.models) * self.starts[-1]

    def row(self, model: int, prompt: int, seed: int = 0) -> int:
        """Where the picture of a model, a prompt and the prompt's n-th seed stands."""
        if not 0 <= seed < len(self.prompts[prompt].seeds):
            raise IndexError(f"the prompt has {len(self.prompts[prompt].seeds)} seeds")
        return model * self.starts[-1] + self.starts[prompt] + seed

    def rows(self, kind: str, *, seeds: int | None = None) -> list[tuple[int, int, int, int]]:
        """(row, model, prompt, seed index) of every sound picture of prompts of this kind, by the first `seeds`."""
        return [
            (row, model, prompt, seed)
            for model in range(len(self.models))
            for prompt, said in enumerate(self.prompts)
            if said.kind == kind
            for seed in range(len(said.seeds[:seeds]))
            if not self.broken[row := self.row(model, prompt, seed)]
        ]

    def vectors(self, rows: Sequence[int], *, by: str = "clip") -> NDArray[np.float32]:
        """(n, d) of unit length, by the pocket CLIP or, where the bank has them, by the pocket DINO."""
        import numpy as np

        if by not in self.codes:
            raise LookupError(f"the bank has no vectors by {by!r}; it has {', '.join(sorted(self.codes))}")
        found = self.codes[by][list(rows)].astype(np.float32) * self.scales[by][list(rows), None]
        unit: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True).clip(1e-9)
        return unit


def packed(vectors: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """(n, d) -> codes (n, d) and scales (n,): each row's largest component is 127."""
    import numpy as np

    scales = (np.abs(vectors).max(1) / LARGEST_CODE).astype(np.float16)
    divided = vectors.astype(np.float32) / scales.astype(np.float32).clip(1e-7)[:, None]
    return divided.round().clip(-LARGEST_CODE, LARGEST_CODE).astype(np.int8), scales


def read_bank(folder: Path) -> Bank:
    """What `recipes.bank` wrote."""
    import numpy as np
    from safetensors.numpy import load_file

    said = json.loads((folder / "bank.json").read_text("utf-8"))
    arrays = load_file(folder / "bank.safetensors")
    prompts = tuple(
        BankPrompt(row["text"], row["tag"], row["kind"], tuple(row["seeds"]), row.get("slots", {}))
        for row in said["prompts"]
    )
    bank = Bank(
        models=tuple(said["models"]),
        prompts=prompts,
        made=said["made"],
        words=arrays["words"].astype(np.float32),
        codes={by: arrays[f"{by}_codes"] for by in ENCODERS if f"{by}_codes" in arrays},
        scales={by: arrays[f"{by}_scales"].astype(np.float32) for by in ENCODERS if f"{by}_scales" in arrays},
        broken=arrays["broken"].astype(bool),
    )
    if any(len(codes) != len(bank) for codes in bank.codes.values()):
        raise ValueError(f"{folder}: {len(bank.codes['clip'])} vectors for {len(bank)} keys")
    return bank
