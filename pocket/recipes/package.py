"""The package that ships: where its weights lie, how large they may be, and what every card has in common."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from recipes import work

POCKET = Path(__file__).parents[1]
WEIGHTS = Path(os.environ.get("PALATE_POCKET_WEIGHTS") or POCKET / "src" / "palate_pocket" / "weights")
LARGEST = 25 * 2**20
"""Bytes of one file."""
MOST = 80_000_000
"""Bytes of all weights together."""


def attributions(sets: dict[str, dict[str, Any]]) -> str:
    """Who drew the icons that the networks were trained on, and under which licence."""
    lines = [
        "The networks of palate-pocket were trained on pictures of these icon sets. No icon is distributed with them.",
        "Names, authors, licences and addresses are those of the sets' own metadata (npm package @iconify/json).",
        "",
    ]
    for prefix, info in sorted(sets.items()):
        lines += [
            f"{info['name']} ({prefix})",
            f"  by {info['author']}{', ' + info['author_url'] if info['author_url'] else ''}",
            f"  {info['licence']}{', ' + info['licence_url'] if info['licence_url'] else ''}",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def table(measured: dict[str, dict[str, float]]) -> list[str]:
    """A row a test, in per cent."""
    names = list(next(iter(measured.values())))
    rows = ["| test | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    rows += [
        f"| {test} | " + " | ".join(f"{value:.1%}" for value in values.values()) + " |"
        for test, values in measured.items()
    ]
    return rows


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def weights_lines(folder: Path) -> list[str]:
    """Each weights file of a folder with its size and sha256, as lines of a card."""
    return [
        f"- Weights: float16, `{path.relative_to(folder)}`, {path.stat().st_size / 2**20:.1f} MiB, "
        f"sha256 `{digest(path)}`."
        for path in sorted(folder.rglob("*.safetensors"))
    ]


def asked(options: dict[str, Any], *names: str) -> str:
    """The options that a card names, as they are typed."""
    return " ".join(
        f"--{name.replace('_', '-')} {options[name]}" for name in ("steps", "batch", "rate", "seed", *names)
    )


def ended(state: dict[str, Any]) -> str:
    """Where a training was stopped before its last step: the words to add to its command."""
    done, wanted = state["history"][-1]["step"], state["options"]["steps"]
    return f", stopped after step {done}" if done < wanted else ""


def note(folder: Path, title: str, lines: list[str], numbers: dict[str, Any]) -> None:
    """Numbers measured later: a section of the card, written anew each time, and an entry of measured.json."""
    card, kept = folder / "README.md", folder / "measured.json"
    text = card.read_text(encoding="utf-8")
    section = f"## {title}\n{chr(10).join(lines)}\n"
    found = re.search(rf"## {re.escape(title)}\n.*?(?=\n## |\Z)", text, re.DOTALL)
    text = text[: found.start()] + section + text[found.end() :] if found else f"{text.rstrip()}\n\n{section}"
    card.write_text(text.rstrip() + "\n", encoding="utf-8")
    known = work.read_json(kept) if kept.exists() else {}
    work.write_json(kept, {**known, title: numbers})


def sizes() -> dict[str, int]:
    """Bytes of safetensors in each folder of the weights."""
    return {
        folder.name: sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
        for folder in sorted(WEIGHTS.iterdir())
        if folder.is_dir()
    }


def too_large() -> list[str]:
    """Why the package cannot ship as it is."""
    files = [path for path in WEIGHTS.rglob("*") if path.is_file() and path.stat().st_size > LARGEST]
    found = [f"{path.relative_to(WEIGHTS)} is larger than {LARGEST // 2**20} MiB" for path in sorted(files)]
    total = sum(sizes().values())
    if total > MOST:
        found.append(f"all weights are {total / 1e6:.1f} MB, at most {MOST / 1e6:.0f}")
    return found


def say_sizes() -> None:
    """Prints what each folder weighs, and ends with an error where something is too large to ship."""
    known = sizes()
    print(", ".join(f"{name} {size / 1e6:.1f}" for name, size in known.items()), "MB;", end=" ")
    print(f"{sum(known.values()) / 1e6:.1f} of {MOST / 1e6:.0f} MB")
    if faults := too_large():
        sys.exit("too large to ship: " + "; ".join(faults))
