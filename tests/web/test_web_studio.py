"""Studio, a model's page, signing in, and one's own data."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
from painted_world import MANNERS, Served, painted
from playwright.sync_api import Browser, Page, expect

Open = Callable[..., Page]


def test_models_are_searched_and_shown(opened: Open) -> None:
    page = opened("/studio")
    expect(page.get_by_text("8 models")).to_be_visible()
    page.get_by_label("Name, tag or base").fill("rise")
    expect(page.get_by_text("0 models")).to_be_visible()
    page.get_by_label("Name, tag or base").fill("riso")
    expect(page.get_by_text("1 model", exact=True)).to_be_visible()
    page.get_by_role("link", name="Riso").click()
    expect(page.get_by_role("heading", name="Riso")).to_be_visible()
    expect(page.get_by_text("riso style", exact=True)).to_be_visible()
    expect(page.locator(".wall .open").first).to_be_visible()


def test_a_folder_is_brought_in_with_progress(opened: Open, tmp_path: Path) -> None:
    for seed in range(3):
        painted(MANNERS["Mist"], "a green tower", seed).save(tmp_path / f"{seed}.png")
    page = opened("/studio/imports")
    page.get_by_label("Folder on the machine that runs Palate").fill(str(tmp_path))
    page.get_by_role("radio", name="Pictures").check()
    page.get_by_role("button", name="Bring in").click()
    expect(page.locator("article").get_by_text("done")).to_be_visible()


def test_a_folder_that_is_not_there_is_said_in_words(opened: Open, tmp_path: Path) -> None:
    page = opened("/studio/imports", refusals=True)
    page.get_by_label("Folder on the machine that runs Palate").fill(str(tmp_path / "nowhere"))
    with page.expect_response("**/api/v1/imports") as answer:
        page.get_by_role("button", name="Bring in").click()
    assert answer.value.status == 422
    expect(page.get_by_role("alert")).to_contain_text(answer.value.json()["error"]["message"])


def test_a_job_is_paused_and_goes_on(opened: Open, service: Served) -> None:
    page = opened("/studio/jobs")
    csrf = page.request.get("/api/v1/session").json()["csrf"]
    order = {"models": ["m-mist"], "prompt": "a blue tower", "seed": 1, "count": 24}
    page.request.post("/api/v1/draw", data=order, headers={"X-CSRF-Token": csrf, "Origin": service.address})
    page.reload()
    job = page.locator("article").first
    job.get_by_role("button", name="Pause").click()
    expect(job.get_by_text("paused")).to_be_visible()
    job.get_by_role("button", name="Go on").click()
    expect(job.get_by_text("24 pictures, done")).to_be_visible(timeout=30_000)


def test_gaps_are_filled_with_prompts_of_ones_own(opened: Open) -> None:
    page = opened("/studio/specify")
    page.get_by_label("Models").select_option("m-mist")
    page.get_by_label("Prompts, one a line").fill("a blue tower\n\n  a red tower ")
    with page.expect_request("**/api/v1/specify") as asked:
        page.get_by_role("button", name="Draw what is missing").click()
    assert asked.value.post_data_json == {"models": ["m-mist"], "prompts": ["a blue tower", "a red tower"], "count": 1}
    expect(page.locator("article").get_by_text("done")).to_be_visible(timeout=30_000)


def test_people_are_added_and_removed(opened: Open) -> None:
    page = opened("/studio/people")
    page.get_by_label("Name").fill("grace")
    page.get_by_label("Password").fill("a long enough word")
    page.get_by_role("button", name="Add person").click()
    expect(page.get_by_label("Role: grace")).to_have_value("member")
    page.get_by_role("button", name="Remove grace").click()
    page.get_by_role("button", name="Yes, remove").click()
    expect(page.get_by_label("Role: grace")).to_have_count(0)


def test_a_key_is_shown_once_works_and_is_revoked(opened: Open, service: Served) -> None:
    page = opened("/studio/keys")
    page.get_by_label("What is it for?").fill("a script")
    page.get_by_role("button", name="Make a key").click()
    key = page.locator(".note code").inner_text()
    header = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{service.address}/api/v1/models", headers=header).status_code == 200
    page.get_by_role("button", name="Revoke a script").click()
    expect(page.get_by_text("No keys.")).to_be_visible()
    assert httpx.get(f"{service.address}/api/v1/models", headers=header).status_code == 401
    page.reload()
    assert key not in page.content()


def test_the_printed_address_signs_in_and_leaves_no_token(browser: Browser, service: Served) -> None:
    page = browser.new_page()
    page.goto(f"{service.address}/#token={service.fresh_token()}")
    expect(page.get_by_role("heading", name="Explore")).to_be_visible()
    assert "token" not in page.url
    page.context.close()


def test_name_and_password_sign_in_and_a_wrong_one_is_told(browser: Browser, service: Served, tmp_path: Path) -> None:
    page = browser.new_page(accept_downloads=True)
    page.goto(f"{service.address}/my-data")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="My data")).to_be_visible()
    page.goto(f"{service.address}/studio/people")
    expect(page.get_by_text("Only the owner of this Palate can do that.")).to_be_visible()
    page.goto(f"{service.address}/my-data")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as zip").click()
    download.value.save_as(tmp_path / "mine.zip")
    assert zipfile.ZipFile(tmp_path / "mine.zip").namelist()
    forget = page.get_by_role("button", name="Forget me")
    expect(forget).to_be_disabled()
    page.get_by_label("Type ada to be sure").fill("ada")
    forget.click()
    expect(page.get_by_role("heading", name="Palate")).to_be_visible()
    page.context.close()


def test_signing_out_leads_to_the_sign_in_page(browser: Browser, service: Served) -> None:
    page = browser.new_page()
    page.goto(f"{service.address}/#token={service.fresh_token()}")
    page.locator("#page h1").wait_for()
    page.get_by_role("button", name="owner").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
    page.context.close()
