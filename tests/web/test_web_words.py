"""All texts of the pages stand in `words.ts`: a component says nothing of its own."""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "web" / "src"
CODE = re.compile(r"<script.*?</script>|<style.*?</style>|<!--.*?-->", re.DOTALL)
BETWEEN = re.compile(r">([^<>]*[A-Za-z]{2,}[^<>]*)<")
SPOKEN = re.compile(r'(?:aria-label|title|placeholder|alt)="([^"]*[A-Za-z]{2,}[^"]*)"')


def without_braces(text: str) -> str:
    """What is not worked out by the page."""
    depth, kept = 0, []
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        if depth == 0 and letter != "}":
            kept.append(letter)
    return "".join(kept)


def said_by(component: str) -> list[str]:
    plain = without_braces(CODE.sub("", component)).replace("&ensp;", " ")
    return [said.strip() for said in (*BETWEEN.findall(plain), *SPOKEN.findall(plain))]


def test_a_text_in_a_component_is_found() -> None:
    assert said_by('<p title="Here">{words.a}, and more</p><script>let a = "no";</script>') == [", and more", "Here"]


def test_no_component_says_anything_of_its_own() -> None:
    components = sorted(SOURCES.rglob("*.svelte"))
    assert len(components) >= 30
    found = {path.name: said for path in components if (said := said_by(path.read_text("utf-8")))}
    assert found == {}
