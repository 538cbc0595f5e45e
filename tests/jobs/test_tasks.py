"""A task is done once, by the worker that holds its lease, whatever dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from sqlalchemy import Connection, create_engine, text

from palate.catalogue import tables
from palate.catalogue.home import Home
from palate.jobs import tasks
from palate.jobs.tasks import ATTEMPTS, LeaseLostError, Task


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with Home.create(tmp_path / "home").write() as connection:
        yield connection


def some(count: int, group: str = "g") -> list[Task]:
    return [Task(f"{group}{number}", group, {"n": number}) for number in range(count)]


def test_a_grown_plan_adds_only_the_difference(connection: Connection) -> None:
    job = tasks.plan(connection, "draw", {"a": 1}, some(2))
    [first] = tasks.claim(connection, job, "w", 1)
    tasks.complete(connection, first, "w")
    assert tasks.plan(connection, "draw", {"a": 1}, some(3)) == job
    assert tasks.states(connection, job) == {"done": 1, "planned": 2}


def test_a_claim_takes_tasks_of_one_group(connection: Connection) -> None:
    job = tasks.plan(connection, "draw", {}, [*some(2, "a"), *some(2, "b")])
    assert [task.key for task in tasks.claim(connection, job, "w", 3)] == ["a0", "a1"]
    assert [task.key for task in tasks.claim(connection, job, "w", 3)] == ["b0", "b1"]
    assert tasks.claim(connection, job, "w", 3) == []


def test_a_zombie_cannot_finish_what_another_worker_holds(connection: Connection) -> None:
    job = tasks.plan(connection, "draw", {}, some(1))
    [old] = tasks.claim(connection, job, "zombie", 1)
    tasks.release_all(connection)
    [new] = tasks.claim(connection, job, "living", 1)
    with pytest.raises(LeaseLostError):
        tasks.complete(connection, old, "zombie")
    tasks.complete(connection, new, "living")
    with pytest.raises(LeaseLostError):
        tasks.complete(connection, new, "living")
    assert tasks.states(connection, job) == {"done": 1}


def test_an_expired_lease_is_claimed_again_by_the_databases_clock(connection: Connection) -> None:
    job = tasks.plan(connection, "draw", {}, some(1))
    tasks.claim(connection, job, "w", 1)
    assert tasks.claim(connection, job, "v", 1) == []
    connection.execute(text("update tasks set lease_until = lease_until - 100000"))
    assert [task.epoch for task in tasks.claim(connection, job, "v", 1)] == [2]


def test_a_task_that_fails_is_parked_after_three_attempts_and_says_why(connection: Connection) -> None:
    job = tasks.plan(connection, "draw", {}, some(1))
    for _ in range(ATTEMPTS):
        [task] = tasks.claim(connection, job, "w", 1)
        tasks.fail(connection, task, "w", "out of memory")
    assert tasks.states(connection, job) == {"parked": 1}
    assert tasks.errors(connection, job) == {"out of memory": ["g"]}
    tasks.retry_parked(connection, job)
    assert tasks.states(connection, job) == {"planned": 1}


def test_a_task_that_kills_its_worker_does_not_stand_in_the_way(connection: Connection) -> None:
    job = tasks.plan(connection, "draw", {}, some(3))
    tasks.claim(connection, job, "dies", 1)
    tasks.release_all(connection)
    assert [task.key for task in tasks.claim(connection, job, "w", 3)] == ["g1", "g2"]
    assert [task.key for task in tasks.claim(connection, job, "w", 3)] == ["g0"]


def test_what_a_person_stopped_is_not_an_attempt(connection: Connection) -> None:
    job = tasks.plan(connection, "draw", {}, some(1))
    [task] = tasks.claim(connection, job, "w", 1)
    tasks.give_back(connection, task, "w")
    assert [task.attempts for task in tasks.claim(connection, job, "w", 1)] == [1]


def test_equal_work_of_two_jobs_is_done_once(connection: Connection) -> None:
    first = tasks.plan(connection, "draw", {"a": 1}, some(2))
    second = tasks.plan(connection, "draw", {"b": 1}, some(2))
    assert tasks.states(connection, first) == {}
    assert tasks.states(connection, second) == {"planned": 2}


class AnyOrder(RuleBasedStateMachine):
    """Whatever workers do in whatever order, each task ends done at most once and none is lost."""

    claimed = Bundle("claimed")

    def __init__(self) -> None:
        super().__init__()
        self.connection = create_engine("sqlite://").connect()
        tables.metadata.create_all(self.connection)
        self.job = tasks.plan(self.connection, "draw", {}, some(4))
        self.done: list[str] = []

    @rule(target=claimed, owner=st.sampled_from("ab"), count=st.integers(1, 3))
    def claim(self, owner: str, count: int) -> object:
        return multiple(*((owner, task) for task in tasks.claim(self.connection, self.job, owner, count)))

    @rule(held=consumes(claimed))
    def complete(self, held: tuple[str, Task]) -> None:
        try:
            tasks.complete(self.connection, held[1], held[0])
        except LeaseLostError:
            return
        self.done.append(held[1].key)

    @rule(held=consumes(claimed))
    def fail(self, held: tuple[str, Task]) -> None:
        try:
            tasks.fail(self.connection, held[1], held[0], "no")
        except LeaseLostError:
            assert held[1].key in self.done or held[1].epoch > 0

    @rule()
    def die(self) -> None:
        tasks.release_all(self.connection)

    @rule()
    def grow(self) -> None:
        tasks.plan(self.connection, "draw", {}, some(6))

    @invariant()
    def none_is_lost_or_doubled(self) -> None:
        states = tasks.states(self.connection, self.job)
        assert sum(states.values()) in (4, 6)
        assert len(self.done) == len(set(self.done)) == states.get("done", 0)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
