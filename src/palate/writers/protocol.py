"""What a captioner is: pictures in, one line of words each out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from PIL import Image


@runtime_checkable
class Captioner(Protocol):
    """A failure on a picture is "" and its reason, never an exception: no caption is better than a wrong one."""

    @property
    def name(self) -> str: ...

    @property
    def skipped(self) -> Mapping[int, str]:
        """Of the last call: which pictures got no caption, by place, and why."""

    def caption(self, pictures: Sequence[Image.Image]) -> list[str]:
        """One line for each picture, in order, printable, without line breaks; "" where there is none."""
