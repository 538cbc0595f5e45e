"""`/session`, `/people`, `/keys` and `/me`: who comes in, with what, and what is theirs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from palate.errors import PalateError
from palate.people import entering, erasing, persons
from palate.people.gate import ACTIONS, ALLOWED, Principal, authorize
from palate.people.secrets import right_password
from palate.serve import shapes
from palate.serve.serving import Here, Owning, Reading, Serving, principal_of
from palate.serve.shapes import Items

routes = APIRouter(tags=["people"])
AnId = Annotated[str, Path(max_length=64)]


def _session(principal: Principal, csrf: str | None) -> shapes.Session:
    may = principal.may & ALLOWED[principal.role]
    can: dict[str, bool] = {action: action in may for action in ACTIONS}
    extra = {
        "identify": True,
        "import": can["admin"],
        "specify": can["admin"],
        "steer": can["draw"] and can["choose"],
        "recommend": True,
    }
    extra |= {"personalise": can["draw"], "converse": True}
    return shapes.Session(person=_person(principal), csrf=csrf, can={**can, **extra})


def _person(found: Principal | persons.Person) -> shapes.Person:
    id = found.person if isinstance(found, Principal) else found.id
    return shapes.Person.model_validate({"id": id, "name": found.name, "role": found.role})


@routes.post("/session")
def sign_in(body: shapes.SignIn, request: Request, response: Response, here: Here) -> shapes.Session:
    """Come in with the one-time token, or with name and password. Answers a cookie."""
    peer = request.client.host if request.client else "?"
    here.rates.sign_in_anywhere.take("all")
    here.rates.sign_in.take(f"{peer} {body.name or ''}"[:200])
    if (body.token is None) == (body.name is None or body.password is None):
        raise PalateError("wrong_field", "send either a token, or a name and a password")
    person = here.take_token(body.token) if body.token is not None else _by_password(here, body)
    with here.home.write() as connection:
        word = entering.begin_visit(connection, here.pepper, person)
    with here.home.read() as connection:
        principal = entering.by_visit(connection, here.pepper, word)
    assert principal is not None
    response.set_cookie(
        here.cookie,
        word,
        max_age=int(entering.VISIT_SECONDS),
        httponly=True,
        samesite="strict",
        secure=here.secure,
        path="/",
    )
    return _session(principal, principal.csrf)


def _by_password(here: Serving, body: shapes.SignIn) -> str:
    assert body.name is not None and body.password is not None  # noqa: PT018
    with here.home.read() as connection:
        id, kept = persons.password_of(connection, body.name)
    if not right_password(kept, body.password) or id is None:
        raise PalateError("wrong_password", "name and password do not fit")
    return id


@routes.get("/session")
def who_am_i(principal: Reading) -> shapes.Session:
    return _session(principal, principal.csrf)


@routes.delete("/session", status_code=204)
def sign_out(request: Request, response: Response, here: Here) -> None:
    """End this visit; a key is revoked under `/keys` instead."""
    principal = authorize(principal_of(request), "read")
    if principal.by == "visit":
        with here.home.write() as connection:
            entering.end_visit(connection, principal.entry)
    response.delete_cookie(here.cookie, path="/", secure=here.secure, httponly=True, samesite="strict")


# -- people ------------------------------------------------------------------------------------------------------


@routes.get("/people")
def list_people(here: Here, _: Owning) -> Items[shapes.Person]:
    with here.home.read() as connection:
        found = [_person(person) for person in persons.listed(connection)]
    return Items[shapes.Person](items=found, total=len(found))


@routes.post("/people", status_code=201)
def add_person(body: shapes.NewPerson, here: Here, _: Owning) -> shapes.Person:
    with here.home.write() as connection:
        return _person(persons.make(connection, body.name, body.role, body.password))


@routes.patch("/people/{id}")
def change_person(id: AnId, body: shapes.PersonChange, here: Here, _: Owning) -> shapes.Person:
    """A new role or password; their visits end."""
    with here.home.write() as connection:
        return _person(persons.change(connection, id, role=body.role, password=body.password))


@routes.delete("/people/{id}", status_code=204)
def remove_person(id: AnId, here: Here, _: Owning) -> None:
    """With everything that was theirs alone."""
    with here.home.write() as connection:
        if persons.get(connection, id).role == "owner":
            persons.require_another_owner(connection, id)
    _erase(here, id)


# -- keys --------------------------------------------------------------------------------------------------------


def _key(key: entering.Key, written: str | None = None) -> shapes.Key:
    facts = {"id": key.id, "name": key.name, "scopes": list(key.scopes), "made": key.made, "expires": key.expires}
    return shapes.Key.model_validate({**facts, "used": key.used, "key": written})


@routes.get("/keys")
def list_keys(here: Here, principal: Reading) -> Items[shapes.Key]:
    with here.home.read(person=principal.person) as connection:
        found = [_key(key) for key in entering.keys_of(connection, principal.person)]
    return Items[shapes.Key](items=found, total=len(found))


@routes.post("/keys", status_code=201)
def make_key(body: shapes.NewKey, here: Here, principal: Reading) -> shapes.Key:
    """A key that can do no more than whoever makes it; its words are in this answer and never again."""
    seconds = None if body.days is None else body.days * 24 * 3600.0
    with here.home.write() as connection:
        key, written = entering.make_key(connection, here.pepper, principal, body.name, body.scopes, seconds)
    return _key(key, written)


@routes.delete("/keys/{id}", status_code=204)
def revoke_key(id: AnId, here: Here, principal: Reading) -> None:
    with here.home.write() as connection:
        entering.revoke_key(connection, id, principal.person)


# -- one's own ---------------------------------------------------------------------------------------------------


@routes.get(
    "/me/export",
    response_class=FileResponse,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
def export_me(here: Here, principal: Reading) -> FileResponse:
    """Everything that is this person's own: choices, drawings with their pictures, uploads, keys, jobs."""
    path = erasing.export(here.home, principal.person)
    return FileResponse(
        path, media_type="application/zip", filename="palate.zip", background=BackgroundTask(path.unlink, True)
    )


@routes.delete("/me", status_code=204)
def forget_me(response: Response, here: Here, principal: Reading) -> None:
    """Erase everything that is this person's own. The last owner's account stays, and is empty."""
    if principal.by == "key":
        authorize(principal, "admin")
    _erase(here, principal.person)
    response.delete_cookie(here.cookie, path="/", secure=here.secure, httponly=True, samesite="strict")


def _erase(here: Serving, person: str) -> None:
    here.errands.forget(person)
    erasing.erase(here.home, person)
    here.shelf.forget_own(person)
    here.talks.forget(person)
