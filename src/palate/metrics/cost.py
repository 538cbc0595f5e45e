"""What learning and answering cost: numbers that belong to a machine, and an estimate of the energy."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WATTS_A_CORE = 15.0
"""Assumed of one busy core with its share of the machine; it is not measured."""


@dataclass
class Cost:
    seconds: float = 0.0
    """By the clock: neighbours on the machine lengthen it."""
    cpu_seconds: float = 0.0
    """Of all cores together: neighbours hardly do."""

    @property
    def watt_hours(self) -> float:
        return watt_hours(self.cpu_seconds)


@contextmanager
def costing() -> Iterator[Cost]:
    """What happens inside; read it afterwards."""
    cost = Cost()
    began, worked = time.perf_counter(), time.process_time()
    try:
        yield cost
    finally:
        cost.seconds, cost.cpu_seconds = time.perf_counter() - began, time.process_time() - worked


def watt_hours(cpu_seconds: float, watts: float = WATTS_A_CORE) -> float:
    """Energy of so many seconds of one core, assumed to draw `watts`."""
    return cpu_seconds * watts / 3600.0


def parameters(state: Mapping[str, NDArray[Any]]) -> int:
    """Numbers that were learned: all that are no counts."""
    return int(sum(value.size for value in state.values() if np.issubdtype(value.dtype, np.floating)))


def megabytes(state: Mapping[str, NDArray[Any]]) -> float:
    """What is kept, in memory and on disk."""
    return float(sum(value.nbytes for value in state.values()) / 1e6)
