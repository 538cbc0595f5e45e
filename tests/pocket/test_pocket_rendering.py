"""Which sets qualify, and how an icon becomes a picture."""

from typing import Any

import numpy as np
import pytest
from recipes import pictures, render, sets


def info(**changes: Any) -> dict[str, Any]:
    return {"license": {"spdx": "MIT"}, "category": "UI 24px", "total": 300} | changes


def test_only_permissive_large_sets_without_trade_marks_qualify() -> None:
    assert sets.qualifies(info())
    assert not sets.qualifies(info(license={"spdx": "CC-BY-4.0"}))
    assert not sets.qualifies(info(license={}))
    assert not sets.qualifies(info(category="Logos"))
    assert not sets.qualifies(info(total=299))


def test_downloads_are_known_for_well_known_sets() -> None:
    assert sets.downloads()["lucide"] > sets.downloads()["prime"]


def test_of_one_drawing_in_several_sizes_one_stays() -> None:
    icons = {
        "icons": {name: {} for name in ("add-16-filled", "add-24-filled", "add-24-regular", "old")}
        | {"gone": {"hidden": True}},
        "suffixes": {"16-filled": "", "24-filled": "", "24-regular": ""},
        "aliases": {"plus-24-filled": {"parent": "add-24-filled"}, "turned": {"parent": "old", "rotate": 1}},
        "categories": {"Maths": ["add-24-filled"]},
    }
    rows = {row["icon"]: row for row in render.listed(icons)}
    assert set(rows) == {"add-24-filled", "add-24-regular", "old"}
    assert rows["add-24-filled"]["variant"] == "filled"
    assert rows["add-24-filled"]["also"] == ["plus-24-filled"]
    assert rows["add-24-filled"]["categories"] == ["Maths"]
    assert rows["old"]["also"] == []


def test_brands_inside_general_sets_are_left_out() -> None:
    assert pictures.is_brand({"icon": "brand-x", "categories": []})
    assert pictures.is_brand({"icon": "bird", "categories": ["Logos & Brands"]})
    assert not pictures.is_brand({"icon": "rebranding", "categories": ["Actions"]})


def test_the_lower_half_is_drawn_black_on_white() -> None:
    pytest.importorskip("resvg_py")
    icons = {"icons": {"half": {"body": '<path fill="currentColor" d="M0 12h24v12H0z"/>'}}, "width": 24, "height": 24}
    picture = render.drawn(render.markup(icons, "half"))
    assert picture is not None
    assert picture.shape == (64, 64, 3)
    assert (picture[:31] == 255).all()
    assert (picture[33:] == 0).all()
    ink, deep = render.thickness(picture)
    assert ink == 0.5
    assert deep > 0.8


def test_a_blank_drawing_is_none() -> None:
    pytest.importorskip("resvg_py")
    assert render.drawn(render.markup({"icons": {"x": {"body": ""}}}, "x")) is None


def test_copies_have_one_key_and_others_do_not() -> None:
    some = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    some[2] = some[0]
    some[1, :32] = 0
    keys = pictures.coarse_keys(some)
    assert keys[0] == keys[2] != keys[1]
