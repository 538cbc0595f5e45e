"""Run a network over any number of inputs: in batches that fit, in the cheapest arithmetic that keeps vectors close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from palate.encoders.protocol import Vectors
from palate.errors import PalateError

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32"]
Item = TypeVar("Item")
CLOSE = 0.999
"""Cosine that a vector from half precision must keep to the one from float32."""
WORTH_HALVING = 30_000_000
"""Weights below which half precision saves nothing worth a second look."""
BATCH = {"cuda": 128, "mps": 32, "cpu": 16}
WORDS_A_PICTURE = 4
SMALLEST_NORM = 1e-6


def best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


class Runner:
    """A network on its device. `precision` auto tries half precision on the first pictures, and keeps it if close."""

    def __init__(self, network: Any, device: str | None, *, precision: Precision = "auto") -> None:
        self.device = device or best_device()
        # Files in half precision are opened as such, and a processor multiplies those ten times slower.
        self.network = network.float().eval().requires_grad_(False).to(self.device)
        self.batch = BATCH.get(self.device.partition(":")[0], 16)
        self._half = (
            half_for(self.device, sum(w.numel() for w in network.parameters())) if precision == "auto" else None
        )
        self._settled = self._half is None

    def over(
        self,
        items: Sequence[Item],
        forward: Callable[[Sequence[Item]], torch.Tensor],
        dim: int,
        *,
        exact: bool = False,
    ) -> Vectors:
        """Unit vectors of all items; `forward` answers (n, dim) for a part of them. Out of memory, parts are halved.

        `exact` is float32 whatever the precision: for words, which are cheap, and more at once than pictures.
        """
        import torch

        rows: list[Vectors] = []
        start = 0
        while start < len(items):
            part = items[start : start + self.batch * (WORDS_A_PICTURE if exact else 1)]
            try:
                found = self._run(part, forward, None) if exact else self._close(part, forward)
                rows.append(unit_vectors(found, dim))
            except (MemoryError, torch.OutOfMemoryError):
                if self.batch == 1:
                    raise PalateError("out_of_memory", "this machine's memory is too small for this network") from None
                self.batch = max(1, self.batch // 2)
                continue
            start += len(part)
        return np.concatenate(rows) if rows else np.zeros((0, dim), dtype=np.float32)

    def _close(self, part: Sequence[Item], forward: Callable[[Sequence[Item]], torch.Tensor]) -> NDArray[np.float32]:
        if not self._settled:
            sample = part[:2]
            plain, half = self._run(sample, forward, None), self._run(sample, forward, self._half)
            if not close(plain, half):
                self._half = None
            self._settled = True
        return self._run(part, forward, self._half)

    def _run(
        self, part: Sequence[Item], forward: Callable[[Sequence[Item]], torch.Tensor], half: Any
    ) -> NDArray[np.float32]:
        import torch

        kind = self.device.partition(":")[0]
        with torch.inference_mode(), torch.autocast(kind, dtype=half, enabled=half is not None):
            array: NDArray[np.float32] = forward(part).float().cpu().numpy()
        return array


def close(plain: NDArray[np.float32], half: NDArray[np.float32]) -> bool:
    """Whether every row keeps its direction: cosine >= `CLOSE`."""
    norms = np.linalg.norm(plain, axis=1) * np.linalg.norm(half, axis=1)
    cosines = (plain * half).sum(1) / np.maximum(norms, SMALLEST_NORM)
    return bool(np.isfinite(cosines).all() and (cosines >= CLOSE).all())


def half_for(device: str, weights: int) -> Any:
    """The half precision that this device has units for; None where it would be slower or is not worth it."""
    import torch

    if device.startswith("cuda"):
        return torch.float16
    if device == "cpu" and weights >= WORTH_HALVING:
        asked = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        has_units = any(getattr(torch.cpu, name, lambda: False)() for name in asked)
        return torch.bfloat16 if has_units else None
    return None


def unit_vectors(raw: NDArray[Any], dim: int) -> Vectors:
    """Rows of unit length, or `embedding_invalid`: of another width, not finite, or zero (THREATS T23)."""
    if raw.ndim != 2 or raw.shape[1] != dim:
        raise PalateError("embedding_invalid", f"vectors of shape {raw.shape} where {dim} dimensions belong")
    rows = np.ascontiguousarray(raw, dtype=np.float32)
    if not np.isfinite(rows).all():
        broken = int((~np.isfinite(rows).all(1)).sum())
        raise PalateError("embedding_invalid", f"{broken} of {len(rows)} vectors are not finite")
    # In double precision, since the squares of denormal or huge components leave the range of float32.
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    if (norms < SMALLEST_NORM).any():
        raise PalateError("embedding_invalid", "a vector has no length, so it points nowhere")
    unit: Vectors = (rows / norms).astype(np.float32)
    return unit
