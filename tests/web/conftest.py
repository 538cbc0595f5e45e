"""A browser and a service to open in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'palate[dev]'")
from painted_world import Served, build_home, served
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no browser is installed (apt install chromium)")
    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except Error as error:
            pytest.skip(f"{found} does not start: {error.message.splitlines()[0]}")
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def painted_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("painted") / "home"
    build_home(folder)
    return folder


@pytest.fixture(scope="module")
def service(painted_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What one file of tests draws and chooses, no other one sees."""
    folder = tmp_path_factory.mktemp("web") / "home"
    shutil.copytree(painted_home, folder)
    with served(folder) as running:
        yield running


@pytest.fixture(scope="module")
def patience() -> int:
    """Milliseconds that a test waits for what is to come; on a machine with other things to do that is long."""
    return 15_000


@pytest.fixture(scope="module")
def visit(browser: Browser, service: Served, patience: int) -> Iterator[Any]:
    """The owner's cookies, from having opened the printed address once."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(patience)
    page.goto(f"{service.address}/#token={service.fresh_token()}")
    page.locator("header").wait_for()
    yield context.storage_state()
    context.close()


@pytest.fixture
def opened(browser: Browser, service: Served, visit: Any, patience: int) -> Iterator[Callable[..., Page]]:
    """Opens a path as the owner; a page that logs an error or breaks the content policy fails its test."""
    expect.set_options(timeout=patience)
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def open_page(
        path: str, *, width: int = 1280, height: int = 860, scheme: str = "light", refusals: bool = False
    ) -> Page:
        context = browser.new_context(
            base_url=service.address,
            storage_state=visit,
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(patience)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        if not refusals:
            page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        page.goto(path, wait_until="domcontentloaded")  # a wall may still be drawing its pictures
        page.locator("h1").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
