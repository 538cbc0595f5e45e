"""One page that needs nothing beside it: pictures are in it, nothing is fetched, and whatever it says is escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

STYLE = """
body { font: 16px system-ui; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
img { width: 96px; image-rendering: pixelated; margin: 2px; background: white }
img.wide { width: 100%; max-width: 40rem; image-rendering: auto }
h3 { margin-bottom: 0 }
"""


class Row(NamedTuple):
    """A model, why it stands where it stands, and pictures of it."""

    title: str
    why: str
    pictures: tuple[Path, ...]
    wide: bool = False
    """Whether its pictures are sheets, not single pictures."""


class Section(NamedTuple):
    """A question with the pictures that it was asked by, and its answer."""

    title: str
    text: str
    pictures: tuple[Path, ...]
    rows: Sequence[Row]


def write(path: Path, title: str, sections: Iterable[Section]) -> None:
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for section in sections:
        parts += [f"<h2>{html.escape(section.title)}</h2>", f"<p>{html.escape(section.text)}</p>"]
        parts += [_picture(picture) for picture in section.pictures]
        for row in section.rows:
            parts += [f"<h3>{html.escape(row.title)}</h3>", f"<p>{html.escape(row.why)}</p>"]
            parts += [_picture(picture, wide=row.wide) for picture in row.pictures]
    head = f"<meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>"
    path.write_text(f"<!doctype html><html lang=en>{head}{''.join(parts)}", "utf-8")


def _picture(path: Path, *, wide: bool = False) -> str:
    kind = " class=wide" if wide else ""
    return f'<img alt=""{kind} src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'
