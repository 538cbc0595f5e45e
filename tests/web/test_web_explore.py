"""Explore: the wall, what it is sorted by, what is kept, and the map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

Open = Callable[..., Page]
FIRST = ".wall li[aria-posinset='1'] .open"


def pictures(page: Page, query: str = "") -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = page.request.get(f"/api/v1/pictures?limit=200&{query}").json()["items"]
    return answer


def set_slider(page: Page, name: str, value: str) -> None:
    page.get_by_role("slider", name=name).fill(value)


def test_a_prompt_shows_what_every_model_drew_for_it(opened: Open) -> None:
    page = opened("/")
    expect(page.get_by_text("80 pictures")).to_be_visible()
    page.get_by_label("Prompt", exact=True).select_option("an orange canyon (8)")
    expect(page.get_by_text("8 pictures")).to_be_visible()
    names = page.locator(".wall .open").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert len(names) == 8
    assert all(name.endswith("an orange canyon") for name in names)
    page.reload()
    expect(page.get_by_text("8 pictures")).to_be_visible()


def test_weights_rank_again_in_the_browser_at_once(opened: Open) -> None:
    page = opened("/?prompt=" + next(one["prompt"]["id"] for one in pictures(opened("/"))))
    page.locator(FIRST).wait_for()
    found = pictures(page, page.url.split("?")[1])
    alike = max(found, key=lambda one: one["scores"]["mcos"])
    unlike = min(found, key=lambda one: one["scores"]["mcos"])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/pictures?" in request.url else None)
    for name, value in (("Fits the words", "0"), ("Popular", "0"), ("Distinctive", "1")):
        set_slider(page, name, value)
    expect(page.locator(FIRST)).to_have_attribute(
        "aria-label", f"Picture by {unlike['model']['name']}: {unlike['prompt']['text']}"
    )
    set_slider(page, "Distinctive", "-1")
    expect(page.locator(FIRST)).to_have_attribute(
        "aria-label", f"Picture by {alike['model']['name']}: {alike['prompt']['text']}"
    )
    assert asked == []


def test_a_range_of_scores_leaves_out_the_others(opened: Open) -> None:
    page = opened("/?sort=clip")
    expect(page.get_by_text("80 pictures")).to_be_visible()
    scores = sorted(one["scores"]["clip"] for one in pictures(page))
    low = page.get_by_role("slider", name="Lowest score shown")
    middle = (scores[0] + scores[-1]) / 2
    low.fill(str(middle))
    shown = float(low.get_attribute("aria-valuetext") or "nan")
    assert abs(shown - middle) < (scores[-1] - scores[0]) / 50
    expect(page.get_by_text("of 80 pictures")).to_be_visible()
    page.get_by_role("button", name="Show all scores").click()
    expect(page.get_by_text("80 pictures", exact=True)).to_be_visible()


def test_the_keyboard_walks_opens_and_keeps(opened: Open) -> None:
    page = opened("/")
    page.locator(FIRST).focus()
    page.keyboard.press("ArrowRight")
    second = page.locator(".wall li[aria-posinset='2'] .open")
    expect(second).to_be_focused()
    page.keyboard.press("k")
    expect(page.get_by_text("1 kept")).to_be_visible()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(second).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator(".wall li[aria-posinset='80'] .open")).to_be_focused()
    page.reload()
    expect(page.get_by_text("1 kept")).to_be_visible()


def test_dice_lead_to_another_prompt(opened: Open) -> None:
    page = opened("/")
    page.get_by_role("button", name="Roll the dice: another prompt").click()
    expect(page.get_by_text("8 pictures")).to_be_visible()
    first = page.url
    page.keyboard.press("d")
    page.wait_for_url(lambda url: url != first)


def test_a_picture_tells_what_is_like_it_and_who_drew_it(opened: Open) -> None:
    page = opened("/")
    page.locator(FIRST).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="More like this").click()
    expect(dialog.locator(".alike li").first).to_be_visible()
    dialog.get_by_role("button", name="Who drew this?").click()
    expect(dialog.locator(".makers li").first).to_be_visible()
    dialog.get_by_role("button", name="I like it").click()
    expect(dialog.get_by_role("button", name="I like it")).to_have_attribute("aria-pressed", "true")
    likes = page.request.get("/api/v1/choices?kind=like").json()
    assert likes["total"] >= 1


def test_a_click_on_the_map_opens_a_picture(opened: Open) -> None:
    page = opened("/map")
    canvas = page.locator("canvas")
    spot: Any = None
    for _ in range(40):
        page.wait_for_timeout(150)
        # Dots let the ground through; what is opaque is a picture.
        spot = canvas.evaluate(
            """canvas => {
                const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                const ratio = canvas.width / canvas.clientWidth;
                for (let at = 3; at < all.length; at += 4) {
                    if (all[at] !== 255) continue;
                    const pixel = (at - 3) / 4;
                    return [(pixel % canvas.width) / ratio + 20, Math.floor(pixel / canvas.width) / ratio + 20];
                }
                return null;
            }"""
        )
        if spot:
            break
    assert spot, "no picture was painted on the map"
    canvas.click(position={"x": spot[0], "y": spot[1]})
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_map_is_a_list_for_those_who_do_not_use_a_pointer(opened: Open) -> None:
    page = opened("/map")
    page.get_by_role("application").focus()
    for key in ("+", "ArrowLeft", "0"):
        page.keyboard.press(key)
    page.get_by_text("Pictures in view").click()
    page.locator(".list li button").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
