"""Rank: battles, sorts, the podium, and what was learned from them."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

Open = Callable[..., Page]


def begin(page: Page, way: str) -> None:
    page.get_by_label("Pictures from").select_option("an orange canyon (8)")
    page.get_by_role("radio", name=way).check()
    page.get_by_role("button", name="Start").click()


def test_a_battle_is_fought_by_arrow_keys_to_the_podium(opened: Open) -> None:
    page = opened("/rank")
    before = page.request.get("/api/v1/choices").json()["total"]
    begin(page, "Battle")
    expect(page.get_by_text("Round 1 of 7")).to_be_visible()
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", *["ArrowLeft"] * 7):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="The podium")).to_be_visible()
    expect(page.locator(".podium li")).to_have_count(3)
    expect(page.get_by_role("button", name="Use them in Explore")).to_be_visible()
    kinds = [one["kind"] for one in page.request.get("/api/v1/choices?limit=20").json()["items"]]
    assert kinds.count("battle") >= 5
    assert kinds.count("skip") == 1
    assert page.request.get("/api/v1/choices").json()["total"] > before


def test_four_are_sorted_with_the_keyboard(opened: Open) -> None:
    page = opened("/rank")
    begin(page, "Drag and sort")
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(4)
    last = tiles.nth(3).get_attribute("data-id")
    tiles.nth(3).focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert tiles.first.get_attribute("data-id") == last
    expect(tiles.first).to_be_focused()
    with page.expect_response("**/api/v1/choices") as told:
        page.get_by_role("button", name="That is my order").click()
    sent = dict(told.value.request.post_data_json or {})
    assert sent["kind"] == "sort"
    assert sent["payload"]["pictures"][0] == last
    page.get_by_role("button", name="That is my order").click()
    expect(page.get_by_role("heading", name="The podium")).to_be_visible()


def test_four_are_sorted_by_dragging(opened: Open) -> None:
    page = opened("/rank")
    begin(page, "Drag and sort")
    tiles = page.locator(".tile")
    third = tiles.nth(2).get_attribute("data-id")
    tiles.nth(2).drag_to(tiles.nth(0))
    assert tiles.first.get_attribute("data-id") == third


def test_the_podium_can_be_put_in_another_order(opened: Open) -> None:
    page = opened("/rank")
    begin(page, "Battle")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Stop here").click()
    rows = page.locator(".all li")
    second = rows.nth(1).locator(".name").inner_text()
    rows.nth(1).locator("button").first.click()
    assert rows.first.locator(".name").inner_text() == second
    page.get_by_role("button", name="Keep this order").click()
    expect(page.get_by_role("button", name="Your order is kept.")).to_be_disabled()
