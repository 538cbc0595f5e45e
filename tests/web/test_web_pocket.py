"""Every page's main act on the pocket hub: the command that people type, its own models, and a process that draws.

One service and one browser for all; what waits for a drawing waits for the real one. On the way each page's picture is
taken; with PALATE_PICTURES set those of the guide and of the README are made again.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect
from playwright.sync_api import TimeoutError as TooLongError

from palate.errors import PalateError
from palate.importers.pocket import shipped

Open = Callable[..., Page]
GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PHONE: ViewportSize = {"width": 390, "height": 844}
ALL_THERE = """() => [...document.images].every((one) => !one.classList.contains('coming')
  || one.getBoundingClientRect().top > innerHeight || one.getBoundingClientRect().bottom < 0)"""
PATIENCE = 240_000
"""The first drawing waits for a process that has to load its libraries, on a machine that does other things as well."""


@dataclass
class Running:
    """`palate serve --hub pocket`, as a program of its own."""

    address: str
    token: str

    def fresh_token(self) -> str:
        return self.token


@pytest.fixture(scope="module")
def patience() -> int:
    return PATIENCE


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    try:
        shipped()
    except PalateError as error:
        pytest.skip(f"the pocket hub is not here: {error}")
    home = tmp_path_factory.mktemp("pocket") / "home"
    own = {"PALATE_POCKET_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "palate.cli.main", "serve", "--hub", "pocket", "--port", "0", "--no-browser"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **own}
    )
    try:
        assert server.stdout is not None
        said = re.search(r"(http://[^/]+)/#token=(\S+)", server.stdout.readline())
        assert said is not None, "the service did not start"
        yield Running(said[1], said[2])
    finally:
        server.terminate()
        server.wait(120)
        if server.stdout is not None:
            server.stdout.close()
        shutil.rmtree(home, ignore_errors=True)


def pictured(page: Page, name: str) -> None:
    """What the guide shows is what is here now; for the guide itself what is in sight is waited for, within reason."""
    page.evaluate("scrollTo(0, 0)")
    if os.environ.get("PALATE_PICTURES"):
        with suppress(TooLongError):
            page.wait_for_function(ALL_THERE)
    page.wait_for_timeout(400)
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as taken:
        target = io.BytesIO()
        taken.convert("RGB").save(target, "WEBP", quality=76, method=6)
    assert len(target.getvalue()) > 5_000
    if os.environ.get("PALATE_PICTURES"):
        (GUIDE / f"{name}.webp").write_bytes(target.getvalue())
    assert (GUIDE / f"{name}.webp").is_file(), "make it with PALATE_PICTURES=1"


def drawn(page: Page, selector: str, count: int = 1) -> None:
    """So many of its pictures can be seen."""
    loaded = "([where, many]) => [...document.querySelectorAll(where)].filter((one) => one.naturalWidth).length >= many"
    page.wait_for_function(loaded, arg=[selector, count])


def like_the_first(page: Page, count: int) -> None:
    """The wall's first pictures, opened and liked one after the other."""
    page.locator(".wall .open").first.click()
    for _ in range(count):
        with page.expect_response("**/api/v1/choices"):
            page.get_by_role("button", name="I like it").click()
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")


def test_the_wall_is_there_at_once_and_a_prompt_has_its_own(opened: Open) -> None:
    page = opened("/")
    drawn(page, ".wall img", 24)
    page.get_by_role("button", name="I know my way").click()
    expect(page.get_by_role("region", name="Where to begin")).to_have_count(0)
    pictured(page, "web-explore")
    first = page.locator(".wall .open").first
    first.focus()
    page.keyboard.press("k")
    expect(page.get_by_text("1 kept")).to_be_visible()
    first.click()
    page.get_by_role("button", name="Who drew this?").click()
    expect(page.locator(".makers li")).to_have_count(5)
    page.get_by_role("button", name="More like this").click()
    drawn(page, ".alike img")
    pictured(page, "web-picture")
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    expect(page.get_by_text(re.compile(r"^6\d pictures$"))).to_be_visible()


def test_the_map_lays_out_everything_and_a_click_opens_a_picture(opened: Open) -> None:
    page = opened("/map", scheme="dark")
    expect(page.get_by_text(re.compile(r"^3,\d\d\d pictures$"))).to_be_visible()
    page.get_by_text("Pictures in view (").click()
    page.get_by_text("Pictures in view (").click()
    pictured(page, "web-map")
    page.locator(".hand").focus()
    page.keyboard.press("+")
    page.get_by_text("Pictures in view (").click()
    page.locator(".list li button").first.click()
    expect(page.get_by_role("dialog").get_by_role("heading").first).to_be_visible()


def test_find_ranks_the_models_for_words_and_draws_with_two_side_by_side(opened: Open) -> None:
    page = opened("/find")
    page.get_by_label("What should be drawn?").fill("an icon of a red heart")
    page.keyboard.press("Enter")
    rows = page.locator("li.found")
    expect(rows.first.locator(".reasons .chip").first).to_be_visible()
    drawn(page, "li.found img")
    for place in (0, 1):
        rows.nth(place).get_by_role("button", name="Draw with").click()
    page.get_by_role("button", name="Draw it with 2 models").click()
    expect(page.get_by_text("2 of 2")).to_be_visible()
    drawn(page, "#drawing img", 2)
    pictured(page, "web-find")
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    pictured(page, "web-phone")


def test_a_battle_leads_to_a_podium_and_teaches_what_counts(opened: Open) -> None:
    page = opened("/rank", scheme="dark")
    page.get_by_role("radio", name="Battle").check()
    page.get_by_role("button", name="Start").click()
    drawn(page, ".big img", 2)
    pictured(page, "web-rank")
    for key in ("ArrowLeft", "ArrowRight", "ArrowLeft", "ArrowUp", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Stop here").click()
    expect(page.locator(".podium li")).to_have_count(3)
    drawn(page, ".podium img", 3)
    expect(page.get_by_role("button", name="Use them in Explore")).to_be_visible()
    pictured(page, "web-podium")
    page.get_by_role("button", name="Use them in Explore").click()
    expect(page.get_by_role("heading", level=1, name="Explore")).to_be_visible()


def test_steering_draws_a_slate_and_a_pick_leads_to_the_next(opened: Open) -> None:
    page = opened("/steer")
    page.get_by_label("What should be drawn?").fill("an icon of a house")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("button.pick")).to_have_count(4)
    drawn(page, ".slate img")
    page.locator("button.pick").nth(1).click()  # nobody waits for the last picture
    expect(page.locator(".path li")).to_have_count(2)
    drawn(page, ".slate img", 16)
    pictured(page, "web-steer")
    page.keyboard.press("u")
    expect(page.locator(".path [aria-current=step] strong")).to_have_text("Slate 1")


def test_what_one_likes_leads_to_new_pictures_and_to_ones_that_are_here(opened: Open) -> None:
    page = opened("/")
    like_the_first(page, 3)
    page.goto("/for-you")
    expect(page.locator(".wall > li").first).to_be_visible()
    page.get_by_role("button", name=re.compile("Draw four for me|Four others")).click()
    expect(page.get_by_role("button", name="New picture 4", exact=True)).to_be_visible()
    drawn(page, "section .look img", 4)
    pictured(page, "web-for-you")


def test_a_taste_is_shown_and_one_says_more_oneself(opened: Open) -> None:
    page = opened("/", scheme="dark")
    like_the_first(page, 3)
    page.goto("/my-taste")
    expect(page.get_by_text("±").first).to_be_visible()
    page.get_by_label("Words").fill("duotone")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Do not count duotone any more")).to_be_visible()
    drawn(page, ".pictures img")
    pictured(page, "web-my-taste")
    page.goto("/my-data")
    page.get_by_role("link", name="Export as zip").wait_for()
    pictured(page, "web-my-data")


def test_talk_answers_plain_words_and_has_it_drawn(opened: Open) -> None:
    page = opened("/talk")
    for count, said in enumerate(("an icon of a house", "draw it"), 1):
        page.get_by_role("textbox").fill(said)
        page.keyboard.press("Enter")
        expect(page.locator("article")).to_have_count(count)
    expect(page.locator("article").first.get_by_text("fits best")).to_be_visible()
    expect(page.locator("article").last.get_by_text("drew")).to_be_visible()
    drawn(page, ".pictures img")
    pictured(page, "web-talk")
    page.set_viewport_size(PHONE)
    pictured(page, "web-talk-phone")


def test_studio_lists_the_models_and_fills_a_gap_as_a_job(opened: Open) -> None:
    page = opened("/studio")
    expect(page.get_by_text("65 models")).to_be_visible()
    drawn(page, "table img", 6)
    pictured(page, "web-studio")
    page.goto("/studio/specify")
    page.get_by_label("Models").select_option(index=1)
    page.get_by_label("Prompts, one a line").fill("an icon of a kettle")
    page.get_by_role("button", name="Draw what is missing").click()
    expect(page.locator("article").get_by_text("done")).to_be_visible()
    page.goto("/studio/jobs")
    page.locator("article").first.wait_for()
    pictured(page, "web-jobs")
