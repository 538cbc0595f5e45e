"""Explore, Map, Find and Talk on the pocket hub: the command that people type, its models, and a process that draws."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from palate.errors import PalateError
from palate.importers.pocket import shipped

Open = Callable[..., Page]
pytestmark = pytest.mark.long  # the first drawing waits for a process that has to load its libraries
SLOW = 300_000
"""Milliseconds for what is drawn, on a machine that has other things to do."""


@dataclass
class Running:
    """`palate serve --hub pocket`, as a program of its own."""

    address: str
    token: str

    def fresh_token(self) -> str:
        return self.token


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
        shutil.rmtree(home, ignore_errors=True)


def test_find_ranks_the_models_for_words_and_draws_with_two(opened: Open) -> None:
    page = opened("/find")
    page.get_by_label("What should be drawn?").fill("an icon of a red heart")
    page.keyboard.press("Enter")
    rows = page.locator("li.found")
    expect(rows.first.locator(".reasons .chip").first).to_be_visible(timeout=SLOW)
    for place in (0, 1):
        rows.nth(place).get_by_role("button", name="Draw with").click()
    page.get_by_role("button", name="Draw it with 2 models").click()
    expect(page.get_by_text("2 of 2")).to_be_visible(timeout=SLOW)


def test_explore_shows_what_the_models_drew_best_first(opened: Open) -> None:
    page = opened("/")
    first = page.locator(".wall .open").first
    first.focus()
    page.keyboard.press("k")
    expect(page.get_by_text("1 kept")).to_be_visible()
    page.wait_for_function("document.querySelector('.wall img').naturalWidth > 0", timeout=SLOW)
    first.click()
    expect(page.get_by_role("dialog").get_by_role("heading").first).to_be_visible()


def test_the_map_lays_out_everything(opened: Open) -> None:
    page = opened("/map")
    page.locator("canvas").wait_for()
    there = page.request.get("/api/v1/map").json()
    assert len(there["ids"]) == len(there["x"]) > 3_000


def test_talk_answers_plain_words_and_has_it_drawn(opened: Open) -> None:
    page = opened("/talk")
    for count, said in enumerate(("an icon of a house", "draw it"), 1):
        page.get_by_role("textbox").fill(said)
        page.keyboard.press("Enter")
        expect(page.locator("article")).to_have_count(count, timeout=SLOW)
    expect(page.locator("article").first.get_by_text("fits best")).to_be_visible()
    expect(page.locator("article").last.get_by_text("drew")).to_be_visible()
