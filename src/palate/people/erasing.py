"""All that is one person's own: written out as one archive, or erased without a rest."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, select

from palate.catalogue import choices as choice_rows
from palate.catalogue import conversations, tables
from palate.catalogue.database import in_parts
from palate.catalogue.home import Home
from palate.people import entering, holdings, persons, talks
from palate.people.persons import OWNER


def export(home: Home, person: str) -> Path:
    """A zip of JSON and pictures in a temporary file, which is the caller's to remove."""
    handle, name = tempfile.mkstemp(prefix="palate-", suffix=".zip")
    with home.read(person=person) as connection:  # a database that knows whose a row is hides all others as well
        facts = _facts(connection, person)
        pictures = sorted({row["picture"] for row in facts["drawings"]})
        uploads = holdings.uploads_of(connection, person)
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for part, value in facts.items():
            archive.writestr(f"{part}.json", json.dumps(value, indent=2, ensure_ascii=True))
        for id in pictures:
            _write(archive, f"pictures/{id}.png", home.blobs.path(id))
        for upload in uploads:
            _write(archive, f"uploads/{upload.id}.{upload.format}", home.uploads / upload.id)
    return Path(name)


def _write(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    if path.is_file():
        archive.writestr(name, path.read_bytes())


def _facts(connection: Connection, person: str) -> dict[str, Any]:
    """No digests, no passwords: what the person gave and got."""
    found = persons.get(connection, person)
    made = choice_rows.of_person(connection, person)
    keys = entering.keys_of(connection, person)
    errands = connection.execute(select(tables.errands).where(tables.errands.c.person_id == person)).all()
    return {
        "person": {"id": found.id, "name": found.name, "role": found.role, "weights": found.weights},
        "choices": [{"sequence": c.sequence, "kind": c.kind, "at": c.at, **c.payload} for c in made],
        "drawings": _drawings(connection, person),
        "jobs": [{"id": e.id, "kind": e.kind, "plan": e.plan, "state": e.state, "made": e.made} for e in errands],
        "conversations": [
            {**asdict(one), "turns": [asdict(turn) for turn in conversations.turns_of(connection, one.id)]}
            for one in conversations.of_person(connection, person)
        ],
        "talks": talks.told(connection, person),
        "taste": asdict(conversations.stated(connection, person)),
        "keys": [{"id": key.id, "name": key.name, "scopes": key.scopes, "made": key.made} for key in keys],
    }


def _drawings(connection: Connection, person: str) -> list[dict[str, Any]]:
    drawings, held, prompts = tables.drawings.c, tables.holdings.c, tables.prompts.c
    query = (
        select(drawings.picture_id, drawings.seed, drawings.settings, prompts.text, prompts.negative)
        .join(tables.holdings, held.drawing_id == drawings.id)
        .outerjoin(tables.prompts, prompts.id == drawings.prompt_id)
        .where(held.person_id == person)
        .order_by(drawings.id)
    )
    names = ("picture", "seed", "settings", "prompt", "negative")
    return [dict(zip(names, row, strict=True)) for row in connection.execute(query)]


def erase(home: Home, person: str) -> None:
    """Rows in one transaction, then the files that no row speaks of any more.

    The last owner's account stays, so that the home stays somebody's; nothing else does.
    """
    with home.write() as connection:
        found = persons.get(connection, person)
        uploads = [upload.id for upload in holdings.uploads_of(connection, person)]
        pictures = _forget_drawings(connection, person)
        for table in (tables.holdings, tables.visits, tables.keys, tables.uploads, tables.errands, tables.exchanges):
            connection.execute(delete(table).where(table.c.person_id == person))
        conversations.forget(connection, person)
        others = select(tables.persons.c.id).where(tables.persons.c.role == "owner", tables.persons.c.id != person)
        stays = found.role == "owner" and (found.id == OWNER or connection.execute(others).first() is None)
        persons.set_weights(connection, person, None)
        if not stays:
            connection.execute(delete(tables.persons).where(tables.persons.c.id == person))
    for id in uploads:
        (home.uploads / id).unlink(missing_ok=True)
    for id in pictures:
        home.blobs.remove(id)
        for thumb in (home.derived / "thumbs").glob(f"*/{id[:2]}/{id}"):
            thumb.unlink(missing_ok=True)


def _forget_drawings(connection: Connection, person: str) -> list[str]:
    """The person's drawings with their tasks and words, and the pictures that nothing else made; answers those."""
    held, drawings = tables.holdings.c, tables.drawings.c
    mine = sorted(holdings.held_by(connection, person))
    errands = set(connection.execute(select(held.errand_id).where(held.person_id == person)).scalars())
    made = _of(connection, mine)
    pictures = {row.picture_id for row in made}
    prompts = {row.prompt_id for row in made if row.prompt_id}
    _delete(connection, tables.credits, "drawing_id", mine)
    _delete(connection, tables.drawings, "id", mine)
    jobs = [job.id for job in connection.execute(select(tables.jobs)) if job.plan.get("errand") in errands]
    _delete(connection, tables.tasks, "job_id", jobs)
    _delete(connection, tables.jobs, "id", jobs)
    known = set(connection.execute(select(drawings.picture_id)).scalars())
    known |= set(connection.execute(select(tables.files.c.picture_id)).scalars())
    orphans = sorted(pictures - known)
    spoken = set(connection.execute(select(drawings.prompt_id)).scalars())
    _delete(connection, tables.vectors, "thing_id", [*orphans, *sorted(prompts - spoken)])
    _delete(connection, tables.pictures, "id", orphans)
    _delete(connection, tables.prompts, "id", sorted(prompts - spoken))
    return orphans


def _of(connection: Connection, ids: Sequence[str]) -> list[Any]:
    columns = tables.drawings.c
    found: list[Any] = []
    query = select(columns.id, columns.picture_id, columns.prompt_id)
    for some in in_parts(ids):
        found += connection.execute(query.where(columns.id.in_(some))).all()
    return found


def _delete(connection: Connection, table: Table, column: str, ids: Sequence[str]) -> None:
    for some in in_parts(ids):
        connection.execute(delete(table).where(table.c[column].in_(some)))
