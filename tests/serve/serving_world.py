"""A library whose right answers are known, served to people without a socket."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from palate.catalogue import models as model_rows
from palate.catalogue import tables
from palate.catalogue.records import Model
from palate.encoders import opening
from palate.people import entering, persons
from palate.people.gate import ACTIONS, Principal
from palate.serve.app import application
from palate.serve.rates import Rate
from palate.serve.serving import Rates, Serving
from palate.specify import executors
from palate.studio import Studio
from palate.testing.fakes import FakeEncoder, FakeGenerator

GROUNDS = {"m-white": "white", "m-black": "black", "m-yellow": "yellow"}
MODELS = [
    Model("m-white", "White", "pipeline", "fake://white", base="fake", tags=("plain",), downloads=10),
    Model("m-black", "Black", "pipeline", "fake://black", base="fake", trigger_words=("noir",), downloads=1000),
    Model("m-yellow", "Yellow", "pipeline", "fake://yellow", base="fake", tags=("sunny",), downloads=100),
]
PROMPTS = ("a red circle", "a blue square", "a green triangle")
HOST = "http://127.0.0.1"


def use_fakes(patch: pytest.MonkeyPatch) -> None:
    """Networks that know colours and shapes; drawing happens in this process."""
    encoder = FakeEncoder()
    patch.setattr(opening, "open_encoder", lambda *_, **__: encoder)
    patch.setattr(executors, "generator_for", lambda model, *_: FakeGenerator(model.name, ground=GROUNDS[model.id]))


def build_home(folder: Path) -> None:
    """Three models that drew three prompts."""
    with pytest.MonkeyPatch.context() as patch:
        use_fakes(patch)
        studio = Studio.create(str(folder))
        studio.config_set("encoder", "fake")
        with studio.home.write() as connection:
            model_rows.put(connection, MODELS)
        prompts = folder.parent / "prompts.txt"
        prompts.write_text("\n".join(PROMPTS))
        studio.specify(prompts=prompts)
        studio.close()


class World:
    """The service over one home, and people with their ways to come in."""

    def __init__(self, folder: Path, *, rates: Rates | None = None, **options: Any) -> None:
        self.folder = folder
        self.rates = rates or Rates(requests=Rate(1e9, 1e9), sign_in=Rate(1e9, 1e9), uploads=Rate(1e9, 1e9))
        self.options = options
        self._open = ExitStack()

    def __enter__(self) -> Self:
        patch = self._open.enter_context(pytest.MonkeyPatch.context())
        use_fakes(patch)
        self.serving = Serving(Studio.open(str(self.folder)), rates=self.rates)
        self.serving.errands._workers = executors.Serial()
        self.app = application(self.serving, **self.options)
        self.plain = self._open.enter_context(TestClient(self.app, base_url=HOST, raise_server_exceptions=False))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self.serving.studio.close()

    def visitor(self, cookie: str | None = None, csrf: str | None = None) -> TestClient:
        """A browser of its own."""
        client = TestClient(self.app, base_url=HOST, raise_server_exceptions=False)
        if cookie is not None:
            client.cookies.set(self.serving.cookie, cookie, domain="127.0.0.1")
        if csrf is not None:
            client.headers["X-CSRF-Token"] = csrf
        return client

    def browser(self, person: str) -> TestClient:
        """Somebody who is signed in."""
        with self.serving.home.write() as connection:
            word = entering.begin_visit(connection, self.serving.pepper, person)
        with self.serving.home.read() as connection:
            visit = entering.by_visit(connection, self.serving.pepper, word)
        assert visit is not None
        return self.visitor(word, visit.csrf)

    @property
    def owner(self) -> TestClient:
        return self.browser(persons.OWNER)

    def person(self, name: str, role: str = "member", password: str | None = None) -> str:
        with self.serving.home.write() as connection:
            return persons.make(connection, name, role, password).id

    def key(self, person: str, *scopes: str, expired: bool = False) -> str:
        with self.serving.home.write() as connection:
            found = persons.get(connection, person)
            maker = Principal(person, found.name, found.role, frozenset(ACTIONS), "here")
            key, written = entering.make_key(connection, self.serving.pepper, maker, "a key", scopes)
            if expired:
                columns = tables.keys.c
                connection.execute(update(tables.keys).where(columns.id == key.id).values(expires=1.0))
        return written

    def with_key(self, written: str) -> TestClient:
        client = self.visitor()
        client.headers["Authorization"] = f"Bearer {written}"
        return client

    def wait(self, client: TestClient, job: str) -> dict[str, Any]:
        """Listen until a job has ended."""
        client.get(f"/api/v1/jobs/{job}/events")
        answer: dict[str, Any] = client.get(f"/api/v1/jobs/{job}").json()
        return answer

    def draw(self, client: TestClient, prompt: str, model: str = "m-white", count: int = 1) -> dict[str, Any]:
        order = {"models": [model], "prompt": prompt, "seed": 5, "count": count}
        taken = client.post("/api/v1/draw", json=order)
        assert taken.status_code == 202, taken.text
        return self.wait(client, taken.json()["id"])
