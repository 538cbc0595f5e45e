"""What a captioner is: pictures in, one line of words each out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from PIL import Image


@runtime_checkable
class Captioner(Protocol):
    """Where it fails on a picture the caption is "": no caption is better than a wrong one."""

    @property
    def name(self) -> str: ...

    def caption(self, pictures: Sequence[Image.Image]) -> list[str]:
        """One line for each picture, in order, printable, without line breaks; "" where there is none."""
