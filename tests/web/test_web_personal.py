"""For you and My taste: what is recommended and why, new pictures, and a taste that is one's own to change."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from painted_world import Served
from playwright.sync_api import Page, expect

from palate.catalogue import choices
from palate.catalogue.choices import Choice

Open = Callable[..., Page]


def liked(page: Page, service: Served, painter: str, person: str = "me", count: int = 3) -> list[str]:
    """Pictures of one painter that somebody likes."""
    found = page.request.get(f"/api/v1/pictures?model=m-{painter}&limit={count}").json()["items"]
    ids = [one["id"] for one in found]
    with service.serving.home.write() as connection:
        for id in ids:
            choices.append(connection, Choice(person, "like", {"picture": id}))
    return ids


def test_an_empty_page_says_how_to_fill_it(opened: Open) -> None:
    page = opened("/for-you")
    expect(page.get_by_text("Nobody has chosen anything yet")).to_be_visible()
    page.goto("/my-taste")
    expect(page.get_by_text("Nothing is known of you yet")).to_be_visible()


def test_what_goes_with_ones_likes_is_shown_with_why_and_rejected(opened: Open, service: Served) -> None:
    page = opened("/for-you")
    mine = liked(page, service, "riso", count=2)
    liked(page, service, "riso", "somebody", count=6)
    page.get_by_role("button", name="Ask again").click()
    first = page.locator(".wall > li").first
    expect(first.locator(".name")).to_have_text("Riso")
    first.get_by_role("button", name="because you chose this").first.click()
    shown = page.get_by_role("dialog").locator("figure img").get_attribute("src") or ""
    assert any(id in shown for id in mine)
    page.keyboard.press("Escape")
    count = page.locator(".wall > li").count()
    name = first.locator(".look").get_attribute("aria-label")
    with page.expect_response("**/api/v1/choices") as told:
        first.get_by_role("button", name="Not for me").click()
    assert (told.value.request.post_data_json or {})["kind"] == "dislike"
    expect(page.locator(".wall > li")).to_have_count(count - 1)
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_role("button", name=name or "", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Models", exact=True).click()
    expect(page.locator(".models h3").first).to_be_visible()


def test_new_pictures_are_drawn_from_what_one_liked_and_wait_for_one(opened: Open, service: Served) -> None:
    page = opened("/for-you")
    liked(page, service, "pastel")
    page.get_by_role("button", name="Draw four for me").click()
    expect(page.get_by_role("button", name="New picture 4", exact=True)).to_be_visible(timeout=30_000)
    with page.expect_response("**/api/v1/choices"):
        page.get_by_role("button", name="I like it: New picture 2").click()
    expect(page.get_by_role("button", name="I like it: New picture 2")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.get_by_role("button", name="New picture 4", exact=True)).to_be_visible()


def test_the_models_here_draw_on_a_hunch_which_is_told(opened: Open, service: Served) -> None:
    page = opened("/for-you")
    liked(page, service, "pastel")
    page.get_by_label("Drawn by").select_option("The models here, on a hunch")
    with page.expect_request("**/api/v1/personalise") as asked:
        page.get_by_role("button", name=re.compile("Draw four for me|Four others")).click()
    assert (asked.value.post_data_json or {}) == {"count": 4, "by": "hub"}
    expect(page.get_by_text("it seems to be about pastel", exact=False)).to_be_visible(timeout=30_000)


def test_a_taste_is_shown_edited_paused_and_begun_anew(opened: Open, service: Served, tmp_path: Path) -> None:
    page = opened("/my-taste")
    liked(page, service, "woodcut", count=6)
    page.reload()
    expect(page.get_by_text("±").first).to_be_visible()
    expect(page.locator(".pictures img").first).to_be_visible()
    page.get_by_label("Words").fill("watercolour")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Do not count watercolour any more")).to_be_visible()
    page.get_by_label("Words").fill("neon")
    page.get_by_role("button", name="Less of it").click()
    page.get_by_role("button", name="Do not count neon any more").click()
    expect(page.get_by_role("button", name="Do not count neon any more")).to_have_count(0)
    page.get_by_role("button", name="Pause learning").click()
    expect(page.locator(".note").get_by_text("Learning is paused")).to_be_visible()
    page.get_by_role("button", name="Learn again").click()
    expect(page.get_by_role("button", name="Pause learning")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as zip").click()
    download.value.save_as(tmp_path / "mine.zip")
    assert {"taste.json", "choices.json", "conversations.json"} <= set(
        zipfile.ZipFile(tmp_path / "mine.zip").namelist()
    )
    page.get_by_role("button", name="Begin anew").click()
    page.get_by_role("button", name="Yes, begin anew").click()
    expect(page.get_by_text("Nothing is known of you yet")).to_be_visible()
