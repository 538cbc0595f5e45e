"""Find: words, pictures, reasons that can be taken away, and drawing with several models side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

from painted_world import MANNERS, NEW_WORDS, painted
from playwright.sync_api import Page, expect

Open = Callable[..., Page]


def a_picture(name: str = "Neon", text: str = "a blue tower in the sea") -> bytes:
    out = io.BytesIO()
    painted(MANNERS[name], text, seed=77).save(out, "PNG")
    return out.getvalue()


def ranked(page: Page) -> list[str]:
    page.locator("li.found").first.wait_for()
    return page.locator("li.found h2 a").all_inner_texts()


def found_by_service(page: Page, asked: dict[str, Any]) -> list[str]:
    csrf = page.request.get("/api/v1/session").json()["csrf"]
    origin = "/".join(page.url.split("/")[:3])
    headers = {"X-CSRF-Token": csrf, "Origin": origin}
    answer = page.request.post("/api/v1/find", data={"top": 12, **asked}, headers=headers)
    return [row["name"] for row in answer.json()["ranking"]]


def test_words_rank_the_models_with_pictures_and_reasons(opened: Open) -> None:
    page = opened("/find")
    page.get_by_label("What should be drawn?").fill(NEW_WORDS)
    page.keyboard.press("Enter")
    assert ranked(page) == found_by_service(page, {"prompt": NEW_WORDS})
    first = page.locator("li.found").first
    expect(first.locator(".best img").first).to_be_visible()
    expect(first.locator(".reasons .chip").first).to_be_visible()
    page.reload()
    assert page.get_by_label("What should be drawn?").input_value() == NEW_WORDS
    assert ranked(page)


def test_a_reason_taken_away_asks_again_without_it_and_can_come_back(opened: Open) -> None:
    page = opened("/find?q=" + NEW_WORDS.replace(" ", "+"))
    ranked(page)
    downloads = page.locator(".chip", has_text="downloads")
    expect(downloads.first).to_be_visible()
    with page.expect_response("**/api/v1/find") as asked:
        downloads.first.get_by_role("button", name="Ask again without: Downloads").click()
    assert dict(asked.value.request.post_data_json or {})["weights"]["popularity"] == 0
    expect(downloads).to_have_count(0)
    page.get_by_role("button", name="Downloads").click()
    expect(downloads.first).to_be_visible()


def test_an_example_picture_finds_who_draws_like_it(opened: Open) -> None:
    page = opened("/find")
    page.locator("input[type=file]").set_input_files(
        {"name": "one.png", "mimeType": "image/png", "buffer": a_picture()}
    )
    expect(page.get_by_role("img", name="Example 1")).to_be_visible()
    assert len(ranked(page)) == len(MANNERS)
    page.get_by_role("button", name="Remove example 1").click()
    expect(page.get_by_role("img", name="Example 1")).to_have_count(0)


def test_pictures_can_be_dropped_and_pasted(opened: Open) -> None:
    page = opened("/find")
    for number, kind in enumerate(("drop", "paste"), 1):
        data = base64.b64encode(a_picture(text=f"a red tower {number}")).decode()
        page.evaluate(
            """([kind, data]) => {
                const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
                const transfer = new DataTransfer();
                transfer.items.add(new File([bytes], 'picture.png', { type: 'image/png' }));
                const target = kind === 'drop' ? document.querySelector('.zone') : document.body;
                const event = kind === 'drop'
                    ? new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer })
                    : new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: transfer });
                target.dispatchEvent(event);
            }""",
            [kind, data],
        )
        expect(page.get_by_role("img", name=f"Example {number}")).to_be_visible()


def test_a_picture_of_the_wall_becomes_an_example(opened: Open) -> None:
    page = opened("/")
    page.locator(".wall .open").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Find models for this").click()
    page.wait_for_url("**/find")
    expect(page.get_by_role("img", name="Example 1")).to_be_visible()
    assert ranked(page)


def test_two_models_draw_side_by_side_while_one_looks(opened: Open) -> None:
    page = opened("/find?q=" + NEW_WORDS.replace(" ", "+"))
    names = ranked(page)[:2]
    for name in names:
        page.get_by_role("button", name=f"Draw with {name}").click()
    page.get_by_label("Each").select_option("2")
    page.get_by_role("button", name="Draw it with 2 models").click()
    for name in names:
        expect(page.get_by_role("button", name=f"Drawn by {name}, 2")).to_be_visible()
    expect(page.get_by_text("4 of 4")).to_be_visible()
    expect(page.get_by_role("button", name="Stop drawing")).to_have_count(0)


def test_name_and_trigger_words_are_copied(opened: Open) -> None:
    page = opened("/find?q=" + NEW_WORDS.replace(" ", "+"))
    ranked(page)
    riso = page.locator("li.found", has=page.get_by_role("link", name="Riso"))
    for button, text in (("Copy name", "Riso"), ("Copy trigger words", "riso style")):
        riso.get_by_role("button", name=button).click()
        expect(page.get_by_text(f"Copied: {text}")).to_be_attached()
        assert page.evaluate("navigator.clipboard.readText()") == text
