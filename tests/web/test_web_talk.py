"""Talk: plain words are answered with models and pictures, one goes on from there, and a reload keeps the talk."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

Open = Callable[..., Page]


def say(page: Page, said: str, count: int) -> None:
    page.get_by_role("textbox").fill(said)
    page.keyboard.press("Enter")
    expect(page.locator("article")).to_have_count(count, timeout=30_000)


def test_one_asks_criticises_has_it_drawn_and_likes_it(opened: Open) -> None:
    page = opened("/talk")
    say(page, "a blue harbour at night", 1)
    first = page.locator("article").first
    expect(first.get_by_text("fits best")).to_be_visible()
    expect(first.locator(".pictures img")).to_have_count(4)
    say(page, "draw it", 2)
    drawn = page.locator("article").nth(1)
    expect(drawn.get_by_text("drew “a blue harbour at night”")).to_be_visible()
    with page.expect_response("**/api/v1/choices") as told:
        drawn.get_by_role("button", name="I like it: Picture 1").click()
    assert told.value.status == 201
    drawn.locator(".look").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("article")).to_have_count(2)
    page.get_by_role("button", name="Begin anew").click()
    expect(page.get_by_text("What would you like to see?")).to_be_visible()


def test_why_is_answered_with_what_it_rests_on(opened: Open) -> None:
    page = opened("/talk")
    say(page, "a red sun over the sea", 1)
    say(page, "why this model?", 2)
    why = page.locator("article").nth(1)
    expect(why.get_by_text("is number 1 of 8")).to_be_visible()
    expect(why.locator(".why li").first).to_be_visible()


def test_a_talk_that_is_over_begins_anew_with_a_word_about_it(opened: Open) -> None:
    page = opened("/talk", refusals=True)
    say(page, "a green valley", 1)
    csrf = page.request.get("/api/v1/session").json()["csrf"]
    talk = page.url.split("talk=")[1]
    origin = "/".join(page.url.split("/")[:3])
    page.request.delete(f"/api/v1/converse/{talk}", headers={"X-CSRF-Token": csrf, "Origin": origin})
    page.get_by_role("textbox").fill("draw it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This talk is over")
    expect(page.get_by_role("textbox")).to_have_value("draw it")
