"""The service with an index beside the home: the same answers, from what is looked up and not held."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from serving_world import World
from starlette.testclient import TestClient

from palate.catalogue.home import CELLS
from palate.serve.wide import WideLibrary
from palate.testing.shapes import draw_shape

API = "/api/v1"


def said(client: TestClient, way: str, asked: dict[str, Any]) -> Any:
    answer = client.post(f"{API}/{way}", json=asked)
    assert answer.status_code == 200, answer.text
    return [{**row, "pictures": sorted(row["pictures"])} for row in answer.json()["ranking"]]


def uploaded(client: TestClient) -> str:
    file = io.BytesIO()
    draw_shape("circle", "red", ground="black").save(file, "PNG")
    sent = client.post(f"{API}/uploads", files={"file": ("a.png", file.getvalue(), "image/png")})
    return str(sent.json()["id"])


def test_the_service_answers_as_without_an_index(
    shared_world: World, built_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(built_home, tmp_path / "home")
    monkeypatch.setenv("PALATE_INDEX", CELLS)
    with World(tmp_path / "home") as wide:
        assert isinstance(wide.serving.shelf.library, WideLibrary)
        wide.serving.warm()
        answers = []
        for world in (shared_world, wide):
            client = world.owner
            pictures = [uploaded(client)]
            answers.append(
                [
                    said(client, "identify", {"pictures": pictures}),
                    said(client, "identify", {"pictures": pictures, "tag": "sunny"}),
                    said(client, "identify", {"pictures": pictures, "by": "pmi"}),
                    said(client, "find", {"pictures": pictures, "by": "style"}),
                    said(client, "find", {"prompt": "a red circle"}),
                ]
            )
            assert client.get(f"{API}/models").json()["total"] == 3
            assert client.get(f"{API}/models/m-white").json()["name"] == "White"
            assert client.get(f"{API}/models/none").status_code == 404
            assert client.get(f"{API}/pictures").json()["items"]
        for one, other in zip(*answers, strict=True):
            assert [row["id"] for row in one] == [row["id"] for row in other]
            for row, same in zip(one, other, strict=True):
                assert row["score"] == pytest.approx(same["score"], rel=1e-4, abs=1e-4)
                assert (row["name"], row["reasons"][:1] == []) == (same["name"], same["reasons"][:1] == [])


def test_a_home_without_pictures_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from palate.studio import Studio

    studio = Studio.create(str(tmp_path / "home"))
    studio.config_set("encoder", "fake")
    studio.close()
    monkeypatch.setenv("PALATE_INDEX", CELLS)
    with World(tmp_path / "home") as wide:
        client = wide.owner
        answer = client.post(f"{API}/identify", json={"pictures": [uploaded(client)]})
        assert answer.json()["error"]["code"] == "nothing_specified"
