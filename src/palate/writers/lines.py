"""What a caption is, whoever wrote it: one printable line."""

from __future__ import annotations

from palate.generators.endpoints import one_line

LONGEST_CAPTION = 300
"""Characters: what an encoder reads of it is shorter still."""


def clean(text: str) -> str:
    """One printable line without quotes around it, at most `LONGEST_CAPTION` characters."""
    return one_line(text, LONGEST_CAPTION).strip(" \"'“”`*").removeprefix("[DEC]").strip()
