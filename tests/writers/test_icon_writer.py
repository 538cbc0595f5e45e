"""The writer of a hub of icons: five candidates of each category, all of them words that such a hub draws."""

from __future__ import annotations

import pytest

from palate.writers.checking import fault, write
from palate.writers.icons import COLOURS, LOOKS, Icon, IconWriter, parse, wished
from palate.writers.variants import CATEGORIES, Brief

THINGS = {"animals": ("a cat", "a dog", "an elephant", "a fish", "a bird", "a bug"), "food": ("an apple", "a cup")}
WRITER = IconWriter(THINGS)


@pytest.mark.parametrize(
    ("prompt", "icon"),
    [
        ("an icon of a cat", Icon("a cat")),
        ("a thin rounded outline icon of cloud with rain", Icon("cloud with rain", ("thin", "rounded", "outline"))),
        ("a cat, bold red emoji", Icon("a cat", ("bold",), "red", "", "emoji")),
        ("a filled icon of a cat with a star", Icon("a cat", ("filled",), "", "a star")),
        ("a cat", Icon("a cat")),
        ("", Icon("a thing")),
    ],
)
def test_a_prompt_is_understood(prompt: str, icon: Icon) -> None:
    assert parse(prompt) == icon


@pytest.mark.parametrize("order", range(3))
def test_what_was_understood_is_said_again(order: int) -> None:
    icon = Icon("a cat", ("thin", "outline"), "blue", "a star")
    assert parse(icon.text(order)) == icon


@pytest.mark.parametrize("prompt", ["an icon of a cat", "a bold icon of a dog", "cloud", "a house with two chimneys"])
def test_there_are_five_of_each_category_and_each_passes_the_check(prompt: str) -> None:
    brief = Brief(prompt, seed=3)
    variants = WRITER.write(brief)
    assert [variant.category for variant in variants] == [c for c in CATEGORIES for _ in range(5)]
    assert len({variant.text for variant in variants}) == 25
    assert all(fault(variant.text, variant.category, brief) is None for variant in variants)
    assert WRITER.write(brief) == variants


def test_a_style_changes_the_look_and_keeps_the_thing() -> None:
    for variant in WRITER.write(Brief("a bold icon of a dog", seed=1)):
        if variant.category == "style":
            assert parse(variant.text).thing == "a dog"
            assert set(parse(variant.text).looks) <= {look for row in LOOKS for look in row}


def test_another_subject_is_of_the_same_category() -> None:
    for variant in WRITER.write(Brief("a bold icon of a dog", seed=1)):
        if variant.category == "subject":
            icon = parse(variant.text)
            assert icon.thing in THINGS["animals"]
            assert icon.looks == ("bold",)


def test_wishes_change_looks_and_colours() -> None:
    assert wished(Icon("a cat", ("bold",)), "thinner").looks == ("thin",)
    assert wished(Icon("a cat"), "make it red").colour == "red"
    assert wished(Icon("a cat"), "with a hat").beside == "a hat"
    assert COLOURS


def test_it_is_a_writer_like_any_other() -> None:
    written = write(WRITER, Brief("an icon of a cat", seed=5), WRITER)
    assert (len(written.variants), written.writer, written.fallback) == (25, "offline", None)
