"""Work is data: a job's tasks, leased with an epoch so that a late zombie cannot overwrite."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, or_, select, update

from palate.catalogue import postgres, tables
from palate.catalogue.database import in_parts, now, upsert
from palate.catalogue.records import canonical, digest

TaskState = Literal["planned", "leased", "done", "failed", "parked", "cancelled", "unknown_outcome"]

ATTEMPTS = 3
LEASE_SECONDS = 600.0


class LeaseLostError(Exception):
    """Another worker has this task now; what we did with it is not recorded."""


@dataclass(frozen=True, slots=True)
class Task:
    """`key` says what the work is, so equal work is done once; `group` says what it shares with its neighbours."""

    key: str
    group: str
    payload: Mapping[str, Any]
    epoch: int = 0
    attempts: int = 0


def worker_name() -> str:
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def plan(connection: Connection, kind: str, specification: Mapping[str, Any], work: Sequence[Task]) -> str:
    """A job whose id is its kind and specification; planning it again, grown, adds only the difference.

    A task that another job planned and did not finish is taken over: equal work is done once.
    """
    job = digest("job", kind, canonical(specification))
    upsert(
        connection, tables.jobs, [{"id": job, "kind": kind, "plan": dict(specification), "state": "open"}], keep=True
    )
    first = connection.execute(select(func.count()).select_from(tables.tasks)).scalar_one()
    rows = [
        {
            "key": task.key,
            "job_id": job,
            "position": first + offset,
            "group": task.group,
            "payload": dict(task.payload),
            "state": "planned",
            "attempts": 0,
            "owner": None,
            "epoch": 0,
            "lease_until": None,
            "error": None,
        }
        for offset, task in enumerate(work)
    ]
    upsert(connection, tables.tasks, rows, keep=True)
    columns = tables.tasks.c
    for keys in in_parts([task.key for task in work]):
        connection.execute(
            update(tables.tasks).where(columns.key.in_(keys), columns.state != "done").values(job_id=job)
        )
    return job


HowMany = Callable[[str, Mapping[str, Any]], int]
"""Of a group whose first task has this payload."""


def claim(connection: Connection, job: str, owner: str, count: int | HowMany) -> list[Task]:
    """Up to `count` tasks of one group, leased to `owner`; expired leases are up for claiming again.

    What was tried before comes last, and alone: a task that fails or kills its worker takes no other with it. Where
    several work, who finds nothing left takes over what those held who are gone.
    """
    columns = tables.tasks.c
    open_ = or_(columns.state == "planned", (columns.state == "leased") & (columns.lease_until < now(connection)))
    query = select(columns.key, columns.group, columns.payload, columns.epoch, columns.attempts).where(open_)
    query = query.where(columns.job_id == job).order_by(columns.attempts, columns.position, columns.key)
    query = query.with_for_update(skip_locked=True)  # two workers of a shared database claim side by side
    first = connection.execute(query.limit(1)).first()
    if first is None:
        shared = connection.dialect.name == "postgresql"
        return claim(connection, job, owner, count) if shared and release_all(connection) else []
    most = count if isinstance(count, int) else count(first.group, first.payload)
    fresh = query.where(columns.group == first.group, columns.attempts == 0).limit(most)
    rows = [first] if first.attempts else connection.execute(fresh).all()
    lease = {"state": "leased", "owner": owner, "lease_until": now(connection) + LEASE_SECONDS}
    chosen = columns.key.in_([row.key for row in rows])
    changes = {**lease, "epoch": columns.epoch + 1, "attempts": columns.attempts + 1}
    connection.execute(update(tables.tasks).where(chosen).values(**changes))
    return [Task(row.key, row.group, row.payload, row.epoch + 1, row.attempts + 1) for row in rows]


def _finish(connection: Connection, task: Task, owner: str, **values: Any) -> None:
    columns = tables.tasks.c
    mine = (columns.key == task.key) & (columns.owner == owner) & (columns.epoch == task.epoch)
    changed = connection.execute(
        update(tables.tasks).where(mine, columns.state == "leased").values(owner=None, lease_until=None, **values)
    )
    if changed.rowcount != 1:
        raise LeaseLostError(task.key)


def complete(connection: Connection, task: Task, owner: str) -> None:
    """In the same transaction as the rows that the task made."""
    _finish(connection, task, owner, state="done", error=None)


def fail(connection: Connection, task: Task, owner: str, error: str, *, for_good: bool = False) -> None:
    """Up for another attempt, or parked after the last so that one bad task does not stop the others."""
    spent = for_good or task.attempts >= ATTEMPTS
    _finish(connection, task, owner, state="parked" if spent else "planned", error=error)


def release_all(connection: Connection) -> int:
    """Called as work begins: where one process writes, whoever held a lease is dead; else the database knows who is."""
    columns = tables.tasks.c
    dead = columns.state == "leased"
    if connection.dialect.name == "postgresql":
        owners = connection.execute(select(columns.owner).where(dead).distinct()).scalars()
        dead &= columns.owner.in_(postgres.gone(connection, sorted(owner or "" for owner in owners)))
    changed = connection.execute(update(tables.tasks).where(dead).values(state="planned", owner=None, lease_until=None))
    return changed.rowcount


def give_back(connection: Connection, task: Task, owner: str) -> None:
    """Stopped by a person before it was done: not an attempt."""
    _finish(connection, task, owner, state="planned", attempts=task.attempts - 1)


def retry_parked(connection: Connection, job: str) -> int:
    """A person runs the job again: what was parked gets one more attempt, after everything else."""
    parked = (tables.tasks.c.job_id == job) & (tables.tasks.c.state == "parked")
    return connection.execute(
        update(tables.tasks).where(parked).values(state="planned", attempts=ATTEMPTS - 1)
    ).rowcount


def states(connection: Connection, job: str) -> dict[str, int]:
    columns = tables.tasks.c
    query = select(columns.state, func.count()).where(columns.job_id == job).group_by(columns.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def errors(connection: Connection, job: str) -> dict[str, list[str]]:
    """Why tasks are parked: the error to the groups it hit."""
    columns = tables.tasks.c
    query = select(columns.error, columns.group).where(columns.job_id == job, columns.state == "parked").distinct()
    query = query.order_by(columns.error, columns.group)
    answer: dict[str, list[str]] = {}
    for error, group in connection.execute(query):
        answer.setdefault(error or "no reason was recorded", []).append(group)
    return answer
