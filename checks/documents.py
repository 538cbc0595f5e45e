"""Every path and link that a document names exists, and every decision is numbered once."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:src|tests|docs|benchmarks|checks|examples|pocket)/[\w./-]+)`")


def faults(document: Path) -> list[str]:
    text = document.read_text()
    shown = document.relative_to(ROOT)
    links = [m for m in LINK.findall(text) if not m.startswith(("http:", "https:", "mailto:"))]
    missing = [link for link in links if not (document.parent / link).exists()]
    missing += [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    return [f"{shown}: names {path}, which does not exist" for path in missing]


if __name__ == "__main__":
    documents = [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "pocket").glob("*.md")),
    ]
    found = [fault for document in documents for fault in faults(document)]
    numbers = Counter(path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md"))
    found += [f"docs/decisions: two decisions are numbered {number}" for number, count in numbers.items() if count > 1]
    print("\n".join(found) or f"documents: {len(documents)} looked at, every path they name exists")
    sys.exit(bool(found))
