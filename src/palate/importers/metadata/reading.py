"""What a tool says of a picture, in one form, and the careful reading of values that anyone may have written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from palate.catalogue.records import Credit

Setting = str | int | float
Texts = Mapping[str, str]
"""Embedded texts by their keyword; what EXIF holds is under `parameters`, where PNG writers put it."""

LONGEST_WORD = 500
"""Characters of a name or setting; longer is not one."""
MOST_CREDITS = 100

_HEXADECIMAL = re.compile(r"[0-9a-f]{6,64}")


class UnreadableError(ValueError):
    """The metadata is of this tool and says nothing that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture's metadata. `text` is exactly what the tool wrote, to the character."""

    tool: str
    text: str | None = None
    negative: str = ""
    seed: int | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    credits: tuple[Credit, ...] = ()


def parsed(text: str) -> dict[str, Any]:
    """A JSON object; NaN and Infinity, which Python tools write, become None."""
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("its metadata is broken JSON") from error
    if not isinstance(value, dict):
        raise UnreadableError("its metadata is not a JSON object")
    return value


def looks_like_object(text: str) -> bool:
    return text[:64].lstrip().startswith("{")


def word(value: object) -> str | None:
    """A short non-empty text, such as a name."""
    return value.strip() or None if isinstance(value, str) and len(value) <= LONGEST_WORD else None


def whole(value: object) -> int | None:
    """An integer of any size, also where it was written as text or as 20.0."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    try:
        return int(value) if isinstance(value, str) else None
    except ValueError:
        return None


def number(value: object) -> float | None:
    """A finite number, also where it was written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def small(value: object) -> int | None:
    """An integer as settings have them: steps, sizes; absurd ones say nothing."""
    found = whole(value)
    return found if found is not None and abs(found) < 2**31 else None


def hexadecimal(value: object) -> str | None:
    """A hash as lower-case hexadecimal; None for other kinds of identities, such as `blake3:...`."""
    if not isinstance(value, str) or len(value) > 80:
        return None
    plain = value.strip().lower().removeprefix("sha256:").removeprefix("0x")
    return plain if _HEXADECIMAL.fullmatch(plain) else None


def known(**settings: Setting | None) -> dict[str, Setting]:
    """Only the settings that are."""
    return {name: value for name, value in settings.items() if value is not None}


def checkpoint(name: object, hash: object = None, weight: float = 1.0) -> Credit | None:  # noqa: A002
    """A credit for whatever names a checkpoint; a hash alone also names it."""
    sum_of_it = hexadecimal(hash)
    called = word(name) or sum_of_it
    return None if called is None else Credit(called, "checkpoint", weight, sum_of_it)


def adapter(name: object, weight: object = 1.0, hash: object = None) -> Credit | None:  # noqa: A002
    """A credit for a LoRA; None where it has no name or, weighing nothing, no part in the picture."""
    called, weighs = word(name), number(weight)
    if called is None or called == "None" or not weighs:
        return None
    return Credit(called, "adapter", weighs, hexadecimal(hash))


def only(credits: list[Credit | None]) -> tuple[Credit, ...]:
    """The credits there are, each name once, the first saying its weight."""
    unique: dict[tuple[str, str], Credit] = {}
    for credit in credits:
        if credit is not None:
            unique.setdefault((credit.role, credit.name), credit)
    return tuple(unique.values())[:MOST_CREDITS]
