"""Steer: a slate appears picture by picture, a column leads to the next one, and one can go back to any of them."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

Open = Callable[..., Page]
FIRST = "a red lighthouse by the sea"


def begin(page: Page, prompt: str = FIRST) -> None:
    page.get_by_label("What should be drawn?").fill(prompt)
    page.get_by_role("button", name="Begin").click()
    drawn(page)


def drawn(page: Page) -> None:
    """Until all sixteen are there."""
    expect(page.get_by_text("Which column is nearest to what you want?")).to_be_visible(timeout=30_000)
    expect(page.locator(".slate img")).to_have_count(16)


def slates(page: Page) -> list[str]:
    return page.locator(".path li strong").all_inner_texts()


def at(page: Page) -> str:
    return page.locator(".path [aria-current=step] strong").inner_text()


def test_a_sentence_becomes_four_columns_and_a_pick_the_next_four(opened: Open) -> None:
    page = opened("/steer")
    begin(page)
    expect(page.get_by_role("heading", level=1, name=FIRST)).to_be_visible()
    first = page.locator(".slate .words").all_inner_texts()
    assert len(set(first)) == 4
    page.get_by_label("Or say what it should have").fill("at night")
    page.locator(".slate .pick").nth(1).click()
    expect(page.locator(".path li")).to_have_count(2)
    drawn(page)
    assert page.locator(".slate .words").all_inner_texts() != first
    expect(page.locator(".path li").nth(1)).to_contain_text("column 2, “at night”")
    assert at(page) == "Slate 2"
    page.reload()
    drawn(page)
    assert at(page) == "Slate 2"


def test_keys_pick_undo_and_say_none_and_old_branches_stay(opened: Open) -> None:
    page = opened("/steer")
    begin(page, "a green valley")
    page.keyboard.press("3")
    expect(page.locator(".path li")).to_have_count(2)
    drawn(page)
    page.keyboard.press("u")
    expect(page.locator(".path [aria-current=step] strong")).to_have_text("Slate 1")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    page.keyboard.press("0")
    expect(page.locator(".path li")).to_have_count(3)
    drawn(page)
    assert slates(page) == ["Slate 1", "Slate 2", "Slate 3"]
    expect(page.locator(".path li").nth(2)).to_contain_text("none picked")
    page.get_by_role("button", name="Go to slate 2: column 3").click()
    expect(page.locator(".path [aria-current=step] strong")).to_have_text("Slate 2")
    expect(page.locator(".slate img")).to_have_count(16)


def test_arrows_walk_the_columns_and_enter_picks(opened: Open) -> None:
    page = opened("/steer")
    begin(page, "a purple dusk")
    picks = page.locator(".slate .pick")
    picks.first.focus()
    page.keyboard.press("ArrowRight")
    expect(picks.nth(1)).to_be_focused()
    page.keyboard.press("w")
    expect(page.get_by_label("Or say what it should have")).to_be_focused()
    page.keyboard.type("brighter")
    page.keyboard.press("Enter")
    expect(page.locator(".path li")).to_have_count(2)
    expect(page.locator(".path li").nth(1)).to_contain_text("none picked, “brighter”")


def test_pictures_come_one_by_one_and_nobody_waits_for_the_last(opened: Open) -> None:
    page = opened("/steer")
    page.get_by_label("What should be drawn?").fill("an orange canyon")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".slate img").first).to_be_visible(timeout=30_000)
    assert 1 <= page.locator(".slate img").count() < 16
    page.locator(".slate .pick").first.click()
    expect(page.locator(".path li")).to_have_count(2)
    drawn(page)
    assert at(page) == "Slate 2"


def test_the_model_can_be_hidden_and_stays_so(opened: Open) -> None:
    page = opened("/steer")
    page.get_by_label("Drawn by").select_option("m-neon")
    begin(page, "a red harbour")
    expect(page.get_by_text("Neon")).to_have_count(4)
    page.get_by_role("button", name="Models shown").click()
    expect(page.get_by_text("Neon")).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="Models hidden").click()
    expect(page.get_by_text("Neon")).to_have_count(4)


def test_a_conversation_is_listed_and_forgotten(opened: Open) -> None:
    page = opened("/steer")
    begin(page, "a yellow dune to forget")
    page.goto("/steer")
    page.get_by_role("link", name="a yellow dune to forget").click()
    expect(page.locator(".slate img")).to_have_count(16)
    page.get_by_role("button", name="Forget this conversation").click()
    page.get_by_role("button", name="Yes, forget it").click()
    expect(page.get_by_label("What should be drawn?")).to_be_visible()
    expect(page.get_by_text("a yellow dune to forget")).to_have_count(0)
