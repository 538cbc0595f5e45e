"""THREATS T5 to T18, one named test or more each."""

from __future__ import annotations

import io
import json
import logging
import shutil
import socket
import struct
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_world import World
from starlette.testclient import TestClient

from palate.catalogue import tables
from palate.errors import PalateError
from palate.people import persons
from palate.people.gate import ACTIONS, ALLOWED, Principal, authorize
from palate.serve import running
from palate.serve.guarding import Guard
from palate.serve.openapi import text
from palate.serve.rates import Rate, TooOftenError
from palate.serve.serving import Rates
from palate.specify import executors
from palate.studio import Studio
from palate.testing.fakes import FakeGenerator
from palate.testing.outputs import chunk, png

UPLOADS = "/api/v1/uploads"


def send(client: TestClient, data: bytes, name: str = "a.png", kind: str = "image/png") -> int:
    return client.post(UPLOADS, files={"file": (name, data, kind)}).status_code


def huge_png(width: int, height: int) -> bytes:
    """A few bytes that say they are very many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


# -- files -------------------------------------------------------------------------------------------------------


def test_t5_a_picture_bomb_is_refused_and_the_next_request_is_served(shared_world: World) -> None:
    client = shared_world.owner
    assert send(client, huge_png(30_000, 30_000)) == 413
    assert send(client, huge_png(5_000, 5_000)) == 422  # within the limits, and cut off
    assert send(client, b"GIF89a" + bytes(100), "a.gif", "image/gif") == 422
    assert send(client, png()) == 201


def test_t6_what_is_appended_to_a_picture_is_gone_when_it_is_fetched_back(shared_world: World) -> None:
    client = shared_world.owner
    kept = client.post(UPLOADS, files={"file": ("x.html", png() + b"<script>alert(1)</script>", "text/html")})
    assert kept.status_code == 201
    back = client.get(f"/api/v1/media/{kept.json()['id']}?size=full")
    assert back.headers["content-type"] == "image/png"
    assert back.headers["x-content-type-options"] == "nosniff"
    assert back.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert b"<script" not in back.content
    assert send(client, b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "a.svg", "image/svg+xml") == 422
    assert send(client, b"<html><script>alert(1)</script>", "a.png") == 422


def test_t7_nothing_but_pixels_of_an_upload_is_kept(shared_world: World) -> None:
    client = shared_world.owner
    secret = png({"parameters": "a secret prompt", "Location": "52.5, 13.4"})
    kept = client.post(UPLOADS, files={"file": ("\n../a\r.png", secret, "image/png")}).json()["id"]
    stored = (shared_world.folder / "uploads" / kept).read_bytes()
    assert b"secret" not in stored
    assert b"Location" not in stored


PATHS = ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%252e%252e%252f", "/etc/passwd", "C:\\x", "file:///etc/passwd",
         "a%00b", "http:///#/../", "x" * 5000, "..\\..\\palate.db", "%2e%2e", "CON")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_t8_no_parameter_is_ever_a_path(shared_world: World, path: str) -> None:
    client = shared_world.owner
    for route in ("models", "pictures", "media", "jobs"):
        answer = client.get(f"/api/v1/{route}/{path}")
        assert answer.status_code in (404, 422) or answer.headers["content-type"].startswith("text/html")
        assert b"root:" not in answer.content
    found = client.post("/api/v1/find", json={"pictures": [path]})
    assert found.status_code in (404, 422)
    page = client.get(f"/{path}")
    assert b"root:" not in page.content
    assert b"SQLite format" not in page.content


def test_t8_no_answer_names_a_path_of_this_machine(shared_world: World) -> None:
    client = shared_world.browser(shared_world.person("T8"))
    for address in ("/models", "/models/m-white", "/pictures", "/prompts", "/session", "/jobs"):
        assert str(shared_world.folder) not in client.get(f"/api/v1{address}").text


def test_t9_an_archive_is_no_upload(shared_world: World) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("../../x", b"0" * 1000)
    assert send(shared_world.owner, target.getvalue(), "a.zip", "application/zip") == 422


# -- network -----------------------------------------------------------------------------------------------------


def test_t10_no_address_of_a_client_is_ever_fetched(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    client = shared_world.owner
    for address in ("http://169.254.169.254/", "http://127.0.0.1:1/", "//0x7f.1/", "https://example.org/a.png"):
        assert client.post("/api/v1/find", json={"pictures": [address]}).status_code == 422
        assert client.post("/api/v1/imports", json={"folder": address, "kind": "models"}).status_code == 422
        order = {"prompt": "a red circle", "image_url": address, "response_format": "url"}
        assert client.post("/v1/images/generations", json=order).status_code == 422


def test_t11_what_one_person_drew_is_nowhere_in_what_another_one_sees(world: World) -> None:
    a, b = world.browser(world.person("A")), world.browser(world.person("B"))
    job = world.draw(a, "a purple cross", "m-white")
    [picture] = job["pictures"]
    assert picture in [one["id"] for one in a.get("/api/v1/pictures?limit=500").json()["items"]]
    world.serving.shelf.renew()
    for address in ("/pictures?limit=500", "/prompts", "/map", "/jobs", "/models", "/models/m-white", "/choices"):
        said = b.get(f"/api/v1{address}").text
        assert picture not in said
        assert "purple" not in said
    shared = b.get("/api/v1/pictures").json()["items"][0]["id"]
    assert picture not in b.get(f"/api/v1/pictures/{shared}/similar?top=500").text
    found = b.post("/api/v1/find", json={"prompt": "a purple cross", "top": 200}).text
    assert picture not in found
    assert b.post("/api/v1/find", json={"prompt": "x", "person": "me", "by": "style"}).status_code == 422
    other = a.get("/api/v1/session").json()["person"]["id"]
    assert b.post("/api/v1/find", json={"prompt": "x", "person": other}).status_code == 404


def test_t12_the_same_picture_is_drawn_anew_for_another_person_and_its_hash_opens_nothing(world: World) -> None:
    a, b = world.browser(world.person("A")), world.browser(world.person("B"))
    first = world.draw(a, "a purple cross")
    assert b.get(f"/api/v1/media/{first['pictures'][0]}").status_code == 404
    second = world.draw(b, "a purple cross")
    assert second["pictures"] == first["pictures"]  # the same pixels, and each has a drawing of their own
    assert b.get(f"/api/v1/media/{first['pictures'][0]}").status_code == 200
    upload = a.post(UPLOADS, files={"file": ("a.png", png(), "image/png")}).json()["id"]
    again = b.post(UPLOADS, files={"file": ("a.png", png(), "image/png")}).json()["id"]
    assert upload != again
    assert b.get(f"/api/v1/media/{upload}").status_code == 404
    assert b.post("/api/v1/identify", json={"pictures": [upload]}).status_code == 404


def test_t13_nobody_says_for_whom_or_what_they_are(world: World) -> None:
    id = world.person("A")
    a = world.browser(id)
    for extra in ({"user_id": "me"}, {"is_admin": True}, {"created_at": 0}, {"person_id": "me"}):
        order = {"models": ["m-white"], "prompt": "a red circle", **extra}
        assert a.post("/api/v1/draw", json=order).status_code == 422
        assert a.post("/api/v1/choices", json={"kind": "skip", "payload": {}, **extra}).status_code == 422
    order = {"prompt": "a red circle", "model": "White", "user": "me"}
    assert a.post("/v1/images/generations", json=order).status_code == 200
    assert world.owner.get("/api/v1/jobs").json()["total"] == 0
    assert a.get("/api/v1/jobs").json()["total"] == 1


WRONG: tuple[dict[str, object], ...] = (
    {"count": 10**9}, {"count": 0}, {"seed": -1}, {"seed": 2**64}, {"models": []}, {"models": "m-white"},
    {"count": "NaN"}, {"prompt": ""}, {"prompt": "x" * 100_000}, {"prompt": None}, {"models": ["m-white"] * 100},
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:30])
def test_t14_what_is_too_large_or_of_the_wrong_type_is_refused_by_its_field(
    shared_world: World, wrong: dict[str, object]
) -> None:
    answer = shared_world.owner.post("/api/v1/draw", json={"models": ["m-white"], "prompt": "a red circle", **wrong})
    assert answer.status_code == 422
    assert answer.json()["error"]["about"].split(".")[0] == next(iter(wrong))


RAW = (
    b"[" * 100_000,
    b'{"prompt": NaN}',
    b'{"prompt": "\xff"}',
    b"",
    b"null",
    b'{"prompt":"a","weights":{"clip":Infinity,"mcos":1,"popularity":1}}',
    b'{"prompt":"a","weights":{"clip":1e308,"mcos":1,"popularity":1}}',
    b'{"prompt":"a","weights":{"clip":0,"mcos":0,"popularity":0}}',
)


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_t14_broken_json_is_never_our_fault(shared_world: World, raw: bytes) -> None:
    client = shared_world.owner
    answer = client.post("/api/v1/find", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert "error" in answer.json()


def test_t14_a_body_beyond_the_limit_is_refused_before_it_is_read(shared_world: World) -> None:
    client = shared_world.owner
    large = json.dumps({"prompt": "x" * 1_100_000})
    headers = {"content-type": "application/json"}
    assert client.post("/api/v1/find", content=large, headers=headers).status_code == 413
    pieces = (b"x" * 100_000 for _ in range(20))
    assert client.post("/api/v1/find", content=pieces, headers=headers).status_code == 413


@settings(deadline=None)  # the first question opens the library, and a machine may be busy
@given(st.text(min_size=1, max_size=200))
def test_t15_any_prompt_is_an_answer_or_a_plain_refusal(shared_world: World, prompt: str) -> None:
    client = shared_world.with_key(key_of(shared_world))
    answer = client.post("/api/v1/find", json={"prompt": prompt})
    assert answer.status_code == (200 if prompt.strip() else 422), answer.text


def key_of(world: World) -> str:
    made: str | None = getattr(world, "a_key", None)
    if made is None:
        made = world.key("me", "read")
        world.a_key = made  # type: ignore[attr-defined]
    return made


def test_t15_a_lone_surrogate_is_refused(shared_world: World) -> None:
    raw = b'{"prompt": "\\ud800"}'
    answer = shared_world.owner.post("/api/v1/find", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)


FOREIGN = ("null", "http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1", "http://127.0.0.1:abc", "file://")


@pytest.mark.parametrize("origin", FOREIGN)
def test_t16_a_page_of_another_site_changes_nothing(shared_world: World, origin: str) -> None:
    client = shared_world.owner
    for path, methods in json.loads(text())["paths"].items():
        for method in methods:
            if method != "get":
                answer = client.request(method, path.replace("{id}", "x"), headers={"origin": origin})
                ours = origin == "https://127.0.0.1"  # the same name: only the csrf value tells
                assert answer.status_code == 403 or (ours and answer.status_code != 500), (path, answer.text)
                if ours:
                    return


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_t16_a_form_is_no_json(shared_world: World, kind: str) -> None:
    client = shared_world.owner
    for path, methods in json.loads(text())["paths"].items():
        if "post" in methods and not (path in ("/api/v1/uploads", "/v1/images/edits") and kind.startswith("multi")):
            answer = client.post(path.replace("{id}", "x"), content=b'{"token":"x"}', headers={"content-type": kind})
            assert answer.status_code == 415, path


def test_t16_without_the_csrf_value_a_cookie_changes_nothing(shared_world: World) -> None:
    client = shared_world.owner
    del client.headers["X-CSRF-Token"]
    assert client.post("/api/v1/find", json={"prompt": "a red circle"}).status_code == 403
    assert client.get("/api/v1/models").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost:80:80", "", "[::1", "127.0.0.1:x"]
)
def test_t16_a_rebound_name_is_not_answered(shared_world: World, host: str) -> None:
    assert shared_world.owner.get("/api/v1/models", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "[::1]:8000", "LOCALHOST:1"])
def test_t16_the_names_of_this_machine_are_answered(host: str) -> None:
    async def nothing(*_: object) -> None: ...

    assert Guard(nothing, ("127.0.0.1", "localhost", "[::1]"), lambda *_: None).knows(host)


def test_t16_no_public_address_without_accounts_tls_and_a_name(built_home: Path, tmp_path: Path) -> None:
    shutil.copytree(built_home, tmp_path / "home")
    studio = Studio.open(str(tmp_path / "home"))

    def refused(**options: object) -> str:
        with pytest.raises(PalateError) as error:
            running.serve(studio, lambda _: None, host="0.0.0.0", port=0, **options)  # type: ignore[arg-type]
        return error.value.code

    assert refused() == "no_accounts"
    with studio.home.write() as connection:
        persons.change(connection, "me", password="long enough for this")
    assert refused() == "no_tls"
    assert refused(behind_tls=True) == "no_name"
    studio.close()


# -- keys --------------------------------------------------------------------------------------------------------


def test_t17_neither_keys_nor_tokens_nor_prompts_are_in_the_log_or_the_database(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    token = world.serving.offer_token()
    browser = world.visitor()
    with caplog.at_level(logging.DEBUG):
        csrf = browser.post("/api/v1/session", json={"token": token}).json()["csrf"]
        made = browser.post(
            "/api/v1/keys", json={"name": "k", "scopes": ["read"]}, headers={"X-CSRF-Token": csrf}
        ).json()["key"]
        world.with_key(made).post("/api/v1/find", json={"prompt": "a most secret circle"})
        world.with_key(made).get("/api/v1/models", params={"q": "secret"})
    kept = (world.folder / "palate.db").read_bytes()
    cookie = browser.cookies.get(world.serving.cookie)
    assert cookie is not None
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("palate"))
    assert logged
    for secret in (token, made, made.split("_", 2)[2], cookie):
        assert secret not in logged
        assert secret.encode() not in kept
    assert "secret" not in logged


def test_t17_a_revoked_key_opens_nothing_from_then_on(world: World) -> None:
    client, owner = world.with_key(world.key("me", "read")), world.owner
    assert client.get("/api/v1/models").status_code == 200
    [key] = owner.get("/api/v1/keys").json()["items"]
    assert "key" not in key or key["key"] is None
    assert owner.delete(f"/api/v1/keys/{key['id']}").status_code == 204
    assert client.get("/api/v1/models").status_code == 401


def test_t17_a_key_makes_no_wider_key(world: World) -> None:
    narrow = world.with_key(world.key("me", "read", "choose"))
    assert narrow.post("/api/v1/keys", json={"name": "w", "scopes": ["admin"]}).status_code == 422
    assert narrow.post("/api/v1/keys", json={"name": "w", "scopes": ["read", "draw"]}).status_code == 422
    assert narrow.post("/api/v1/keys", json={"name": "n", "scopes": ["read"]}).status_code == 201


@given(st.sampled_from(sorted(ALLOWED)), st.sets(st.sampled_from(ACTIONS)), st.sampled_from(ACTIONS), st.booleans())
def test_t17_the_gate_never_allows_more_than_role_and_key(role: str, may: set[str], action: str, own: bool) -> None:
    principal = Principal("a", "A", role, frozenset(may), "key")
    owner, allowed = "a" if own else "b", action in may & ALLOWED[role]
    if allowed and own:
        assert authorize(principal, action, owner) is principal  # type: ignore[arg-type]
        return
    with pytest.raises(PalateError) as refused:
        authorize(principal, action, owner)  # type: ignore[arg-type]
    assert refused.value.code == ("unknown_thing" if allowed else "not_allowed")


def test_t17_a_cookie_from_before_is_not_the_cookie_from_after(world: World) -> None:
    token = world.serving.offer_token()
    planted = world.visitor("planted")
    assert planted.post("/api/v1/session", json={"token": token}).status_code == 200
    assert world.visitor("planted").get("/api/v1/session").status_code == 401


def test_t17_guessing_passwords_is_slowed_down(built_home: Path, tmp_path: Path) -> None:
    shutil.copytree(built_home, tmp_path / "home")
    with World(tmp_path / "home", rates=Rates(sign_in=Rate(3, 0.01))) as world:
        world.person("A", password="long enough for this")
        guess = {"name": "A", "password": "wrong"}
        said = [world.visitor().post("/api/v1/session", json=guess).status_code for _ in range(4)]
        assert said == [401, 401, 401, 429]
        refused = world.visitor().post("/api/v1/session", json=guess)
        assert 0 < int(refused.headers["retry-after"]) <= 100


def test_t17_a_person_who_is_not_there_is_answered_like_a_wrong_password(world: World) -> None:
    world.person("A", password="long enough for this")
    answers = [
        world.visitor().post("/api/v1/session", json={"name": name, "password": "wrong"}) for name in ("A", "nobody")
    ]
    assert answers[0].json() == answers[1].json()
    right = world.visitor().post("/api/v1/session", json={"name": "A", "password": "long enough for this"})
    assert right.status_code == 200


def test_t18_one_person_gets_a_share_of_jobs_and_of_the_days_pictures(world: World) -> None:
    world.serving.errands.close()  # nothing is worked on
    client = world.owner
    order = {"models": ["m-white"], "prompt": "a red circle", "count": 64}
    said = [client.post("/api/v1/draw", json=order).status_code for _ in range(21)]
    assert said == [202] * 20 + [429]
    other = world.browser(world.person("A"))
    assert other.post("/api/v1/draw", json=order).status_code == 202


def test_t18_a_rate_refills_with_time() -> None:
    clock = [0.0]
    rate = Rate(2, 0.5, clock=lambda: clock[0])
    rate.take("a")
    rate.take("a")
    with pytest.raises(TooOftenError) as refused:
        rate.take("a")
    assert refused.value.seconds == 2
    rate.take("b")
    clock[0] = 2.0
    rate.take("a")


# -- what is one's own -------------------------------------------------------------------------------------------


def test_forgetting_a_person_leaves_nothing_of_theirs(world: World) -> None:
    id = world.person("A")
    a = world.browser(id)
    job = world.draw(a, "a purple cross")
    a.post(UPLOADS, files={"file": ("a.png", png(), "image/png")})
    a.post("/api/v1/choices", json={"kind": "like", "payload": {"picture": job["pictures"][0]}})
    with zipfile.ZipFile(io.BytesIO(a.get("/api/v1/me/export").content)) as archive:
        names = archive.namelist()
        assert f"pictures/{job['pictures'][0]}.png" in names
        assert any(name.startswith("uploads/") for name in names)
        assert json.loads(archive.read("drawings.json"))[0]["prompt"] == "a purple cross"
        assert json.loads(archive.read("conversations.json")) == []
        assert json.loads(archive.read("choices.json"))[0]["kind"] == "like"
    assert a.delete("/api/v1/me").status_code == 204
    assert a.get("/api/v1/session").status_code == 401
    assert not world.serving.home.blobs.path(job["pictures"][0]).exists()
    assert not list((world.folder / "uploads").iterdir())
    with world.serving.home.read() as connection:
        for table in tables.metadata.sorted_tables:
            rows = str(connection.execute(table.select()).all())
            assert id not in rows
            assert "purple" not in rows
    with world.serving.home.read() as connection, pytest.raises(PalateError):
        persons.get(connection, id)
    assert world.owner.get("/api/v1/pictures").json()["total"] == 9


def test_a_job_is_paused_and_goes_on_where_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(FakeGenerator):
        def draw(self, orders):  # type: ignore[no-untyped-def]
            time.sleep(0.1)
            return super().draw(orders)

    monkeypatch.setattr(executors, "generator_for", lambda model, *_: Slow(model.name))
    client = world.owner
    order = {"models": ["m-white"], "prompt": "a red cross", "count": 12}
    job = client.post("/api/v1/draw", json=order).json()["id"]
    until(lambda: client.get(f"/api/v1/jobs/{job}").json()["done"] >= 1)
    client.post(f"/api/v1/jobs/{job}/pause")
    until(lambda: world.serving.errands.get(job, "me").state == "paused")
    time.sleep(0.3)
    before = client.get(f"/api/v1/jobs/{job}").json()
    assert before["state"] == "paused"
    assert 1 <= len(before["pictures"]) < 12
    client.post(f"/api/v1/jobs/{job}/resume")
    done = world.wait(client, job)
    assert done["state"] == "done"
    assert len(done["pictures"]) == 12
    heard = client.get(f"/api/v1/jobs/{job}/events").text
    assert heard.count("event: picture") == 12
    assert heard.count("event: done") == 1


def until(true: object, seconds: float = 20.0) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
