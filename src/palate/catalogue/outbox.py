"""What changed among the vectors and was not told to the index yet.

A trigger writes it in the transaction of the change, so an index that is fed from here may lag but never leads. A line
says only what changed: whoever feeds looks at the row as it is now, so feeding twice, or after a kill, does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select, text

from palate.catalogue import postgres, tables
from palate.catalogue.database import Database, in_parts, upsert
from palate.catalogue.nearest import EVERYBODY, Nearest
from palate.catalogue.vectors import Space, load, same_spaces

LINES = 2000
"""Changes that are fed at a time."""
ON = "outbox"
FED, LEFT = "on", "left"
"""Lines are taken out as an index elsewhere is fed, or stay until the index beside the home is built again."""


def state(connection: Connection) -> str | None:
    """FED, LEFT, or None where changes are not written down."""
    return connection.execute(select(tables.meta.c.value).where(tables.meta.c.name == ON)).scalar()


def begin(database: Database, how: str = FED) -> None:
    """From now on changes are written down; for an index that is to be FED, all that is there already has changed."""
    with database.read() as connection:
        if state(connection) == how:
            return
    with database.write() as connection:
        if database.shared:
            postgres.as_owner(connection)
        for statement in TRIGGERS["postgresql" if database.shared else "sqlite"]:
            connection.execute(text(statement))
        if how == FED:
            columns = tables.vectors.c
            names = ["encoder_id", "kind", "thing_id"]
            connection.execute(insert(tables.outbox).from_select(names, select(*(columns[name] for name in names))))
        upsert(connection, tables.meta, [{"name": ON, "value": how}])


def _sqlite(event: str, row: str) -> str:
    said = f"INSERT INTO outbox (encoder_id, kind, thing_id) VALUES ({row}.encoder_id, {row}.kind, {row}.thing_id)"  # noqa: S608
    return f"CREATE TRIGGER IF NOT EXISTS vectors_{event.lower()} AFTER {event} ON vectors BEGIN {said}; END"


TRIGGERS = {
    "sqlite": [_sqlite("INSERT", "new"), _sqlite("UPDATE", "new"), _sqlite("DELETE", "old")],
    "postgresql": [
        """
        CREATE OR REPLACE FUNCTION palate_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE changed vectors; BEGIN
            IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
            INSERT INTO outbox (encoder_id, kind, thing_id)
            VALUES (changed.encoder_id, changed.kind, changed.thing_id);
            RETURN NULL;
        END $$
        """,
        (
            "CREATE OR REPLACE TRIGGER vectors_changed AFTER INSERT OR UPDATE OR DELETE ON vectors "
            "FOR EACH ROW EXECUTE FUNCTION palate_outbox()"
        ),
    ],
}


def waiting(connection: Connection) -> int:
    """How far the index lags."""
    return int(connection.execute(select(func.count()).select_from(tables.outbox)).scalar_one())


def last(connection: Connection) -> int:
    """The number of the latest change that is written down; 0 where none is."""
    return int(connection.execute(select(func.max(tables.outbox.c.sequence))).scalar() or 0)


def after(connection: Connection, space: Space, sequence: int) -> tuple[int, list[str]]:
    """Pictures of this space that changed since, and the number up to which that holds."""
    columns = tables.outbox.c
    query = select(columns.sequence, columns.encoder_id, columns.kind, columns.thing_id).where(
        columns.sequence > sequence
    )
    rows = connection.execute(query.order_by(columns.sequence)).all()
    if not rows:
        return sequence, []
    same = set(same_spaces(connection, space.id))
    changed = [row.thing_id for row in rows if row.kind == "picture" and row.encoder_id in same]
    return rows[-1].sequence, list(dict.fromkeys(changed))


def forget_until(database: Database, sequence: int) -> None:
    """What an index that was built anew holds already."""
    with database.write(beside=True) as connection:
        connection.execute(delete(tables.outbox).where(tables.outbox.c.sequence <= sequence))


def feed(database: Database, space: Space, index: Nearest, *, lines: int | None = None) -> int:
    """Tell the index what changed among this space's pictures, at most so many lines; how many were told."""
    told = 0
    while lines is None or told < lines:
        with database.read() as connection:
            columns = tables.outbox.c
            here = columns.encoder_id.in_(same_spaces(connection, space.id)) & (columns.kind == "picture")
            query = select(columns.sequence, columns.thing_id).where(here).order_by(columns.sequence).limit(LINES)
            changed = connection.execute(query).all()
            ids = list(dict.fromkeys(row.thing_id for row in changed))
            there, rows = load(connection, space, "picture", ids)
            owners = owners_of(connection, there)
        if not changed:
            break
        index.remove([id for id in ids if id not in set(there)])
        index.put(there, rows, owners)
        _forget(database, [row.sequence for row in changed])  # only now that the index has it
        told += len(changed)
    return told


def _forget(database: Database, sequences: Sequence[int]) -> None:
    with database.write(beside=True) as connection:
        for some in in_parts(sequences):
            connection.execute(delete(tables.outbox).where(tables.outbox.c.sequence.in_(some)))


def owners_of(connection: Connection, ids: Sequence[str]) -> list[list[str]]:
    """Whose each picture is: everybody's if one of its drawings is nobody's own, or it has none; else its holders'."""
    drawings, held = tables.drawings.c, tables.holdings.c
    found: dict[str, set[str]] = {}
    for some in in_parts(ids):
        query = (
            select(drawings.picture_id, held.person_id)
            .outerjoin(tables.holdings, held.drawing_id == drawings.id)
            .where(drawings.picture_id.in_(some))
        )
        for picture, person in connection.execute(query):
            found.setdefault(picture, set()).add(EVERYBODY if person is None else person)
    return [sorted(found.get(id, {EVERYBODY})) for id in ids]
