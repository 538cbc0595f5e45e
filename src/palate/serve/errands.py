"""Doing what people asked for, one thing after the other, while the service answers.

A thread of the service works through the errands and alone writes to the catalogue; the drawing itself happens in a
process beside it. An errand that is stopped, or whose service was killed, goes on where it was: its tasks say what is
missing.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from palate.catalogue import conversations
from palate.catalogue import models as model_rows
from palate.catalogue.records import Model, Prompt, digest
from palate.errors import PalateError
from palate.jobs import tasks as queue
from palate.jobs.tasks import Task
from palate.people import errands as rows
from palate.people import holdings
from palate.people.errands import Errand
from palate.people.gate import unknown
from palate.serve import slates
from palate.serve.library import Shelf
from palate.serve.telling import Event, Tellings
from palate.specify import drawing, orders
from palate.specify.again import look
from palate.specify.executors import Batch, Drawn, Workers, open_workers
from palate.specify.ordering import wanted_settings, with_full_hashes
from palate.studio import Studio

if TYPE_CHECKING:
    from palate.writers.variants import PromptWriter

log = logging.getLogger("palate.serve")

MOST_OPEN = 20
PICTURES_A_DAY = 2000
LONGEST_WAIT = 300.0
LOOK_SECONDS = 0.1
ENDED = ("done", "failed", "cancelled")
HASTE = ("steer", "personalise")
"""Somebody sits and waits for these: they come first, and what can go on later makes way for them."""
MAKE_WAY = ("draw", "specify")


class StoppedError(Exception):
    """Raised in the middle of an errand because somebody paused or cancelled it, or the service ends."""


class Errands:
    """Starts with the service; `close` lets what is being done stop where it can go on."""

    def __init__(self, studio: Studio, shelf: Shelf, *, workers: Workers | None = None) -> None:
        self.studio, self.shelf = studio, shelf
        self._workers = workers
        self._told = Tellings()
        self._stop: dict[str, str] = {}
        self._served: list[str] = []
        self._hasty: set[str] = set()
        self._writer: PromptWriter | None = None
        self._doing: str | None = None
        self._wake = threading.Condition()
        self._opening = threading.Lock()
        self._closing = False
        self._thread: threading.Thread | None = None
        with studio.home.write() as connection:
            rows.wait_again(connection)
            self._hasty |= {errand.id for errand in rows.waiting(connection) if errand.kind in HASTE}

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="errands", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Whoever waits for a drawing waits no longer."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()

    def close(self) -> None:
        self.end()
        if self._thread is not None:
            self._thread.join()
        if self._workers is not None:
            self._workers.close()

    # -- asked by routes ----------------------------------------------------------------------------------------

    def add(self, person: str, kind: str, plan: Mapping[str, Any], total: int) -> Errand:
        """Refused before any work where it is more than a person's share."""
        with self.studio.home.write() as connection:
            require_share(connection, person, kind, total)
            errand = rows.put(connection, person, kind, plan, total)
        if kind in HASTE:
            self._hasty.add(errand.id)
        self._ring()
        return errand

    def get(self, id: str, person: str) -> Errand:
        with self.studio.home.read() as connection:
            return self._as_far(rows.get(connection, id, person))

    def listed(self, person: str, offset: int, limit: int) -> tuple[list[Errand], int]:
        with self.studio.home.read() as connection:
            found, total = rows.listed(connection, person, offset, limit)
        return [self._as_far(errand) for errand in found], total

    def _as_far(self, errand: Errand) -> Errand:
        far = self._told.far(errand.id)
        return errand if far is None else replace(errand, done=far[0], total=far[1])

    def turn(self, id: str, person: str, act: str) -> Errand:
        """Pause, resume or cancel; asking for what is so already is no error."""
        with self.studio.home.write() as connection:
            errand = rows.get(connection, id, person)
            allowed = {"pause": ("waiting", "running", "paused"), "resume": ("paused", "waiting", "running")}
            if errand.state not in allowed.get(act, rows.OPEN):
                raise PalateError("wrong_state", f"it is {errand.state}", about="job")
            if act == "resume":
                self._stop.pop(id, None)
                if errand.state == "paused":
                    rows.set_state(connection, id, "waiting")
            else:
                state = {"pause": "paused", "cancel": "cancelled"}[act]
                if errand.state == "running":
                    self._stop[id] = state
                rows.set_state(connection, id, state)
            if act != "resume":
                self._hasty.discard(id)
        if act == "cancel" and errand.state != "running":  # a running one tells itself when it has stopped
            self._told.of(id).tell("done", {"state": "cancelled", "error": None})
        self._ring()
        return self.get(id, person)

    @property
    def closing(self) -> bool:
        return self._closing

    def forget(self, person: str) -> None:
        """Stop whatever is done for somebody who leaves."""
        with self.studio.home.read() as connection:
            mine, _ = rows.listed(connection, person, 0, MOST_OPEN * 10)
        for errand in mine:
            if errand.state in rows.OPEN:
                self.turn(errand.id, person, "cancel")

    def events_since(self, errand: Errand, seen: int) -> list[tuple[int, str, dict[str, Any]]]:
        """What was told after the first `seen`, numbered from one."""
        told = self._told.of(errand.id)
        if errand.state in ENDED:
            told.events = told.events or self._retold(errand)
            if told.ended:  # who heard more of an earlier telling hears how it ended
                seen = min(seen, len(told.events) - 1)
        return told.since(seen)

    def _retold(self, errand: Errand) -> list[Event]:
        """An errand of an earlier run of the service, or of long ago: what it drew, and how it ended."""
        with self.studio.home.read() as connection:
            drawn = holdings.drawn_for(connection, errand.id)
        end = "failed" if errand.state == "failed" else "done"
        return [*(("picture", {"id": id}) for id in drawn), (end, {"state": errand.state, "error": errand.error})]

    # -- the thread ---------------------------------------------------------------------------------------------

    def _ring(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def _work(self) -> None:
        while not self._closing:
            try:
                errand = self._next()
                if errand is not None:
                    self._doing = errand.id
                    self._do(errand)
                    continue
            except PalateError as error:  # a disk that is full now need not be so in a second
                log.error(json.dumps({"event": "errands", "error": error.code}))
            self._doing = None
            with self._wake:
                if not self._closing:
                    self._wake.wait(timeout=1.0)

    def _next(self) -> Errand | None:
        """The first of whoever was served longest ago: one person's hundred jobs do not hold up another's one."""
        known = set(self._hasty)
        with self.studio.home.read() as connection:
            waiting = rows.waiting(connection)
        self._hasty -= known - {errand.id for errand in waiting}  # begun before its asker could say that it is hasty
        self._told.forget_old()
        if not waiting:
            return None
        served = {person: place for place, person in enumerate(self._served)}
        chosen = min(waiting, key=lambda one: (one.kind not in HASTE, served.get(one.person, -1), one.made))
        self._served = [*(person for person in self._served if person != chosen.person), chosen.person]
        return chosen

    def _do(self, errand: Errand) -> None:
        told = self._told.of(errand.id)
        self._hasty.discard(errand.id)
        with self.studio.home.write() as connection:
            if rows.get(connection, errand.id, errand.person).state != "waiting":
                return
            rows.set_state(connection, errand.id, "running")
        told.tell("progress", {"done": errand.done, "total": errand.total, "text": "starting"})
        try:
            doing = {"draw": self._draw, "import": self._import, "specify": self._specify, "steer": self._steer}
            {**doing, "personalise": self._personalise}[errand.kind](errand)
            state, error = "done", None
        except StoppedError:
            state, error = self._stop.pop(errand.id, "waiting"), None
        except PalateError as failure:
            state, error = "failed", str(failure)
        except Exception as failure:
            log.error(json.dumps({"event": "errand", "kind": errand.kind, "error": type(failure).__name__}))
            state, error = "failed", f"it failed ({type(failure).__name__})"
        with self.studio.home.write() as connection:
            rows.set_state(connection, errand.id, state, error)
            rows.set_progress(connection, errand.id, *(told.far or (errand.done, errand.total)))
        if state in ENDED:
            told.tell("failed" if state == "failed" else "done", {"state": state, "error": error})
        elif state == "paused":
            done, total = told.far or (errand.done, errand.total)
            told.tell("progress", {"done": done, "total": total, "text": "paused"})

    def _progress(self, errand: Errand, what: str, done: int, of: int) -> None:
        told = self._told.of(errand.id)
        told.far = (done, of)
        told.tell("progress", {"done": done, "total": of, "text": what})
        if self._closing or errand.id in self._stop or (self._hasty and errand.kind in MAKE_WAY):
            raise StoppedError

    def workers(self) -> Workers:
        """One process that draws, kept with its model loaded until the service ends."""
        with self._opening:
            if self._workers is None:
                self._workers = open_workers("pool", 1, aside=True)
            return self._workers

    @property
    def idle(self) -> bool:
        """Whether nothing is being done that somebody ordered."""
        return self._doing is None

    def look(self, pictures: Sequence[str]) -> Mapping[str, Path]:
        """Pictures that are known by their key alone, drawn beside the service because somebody looks at them."""
        return look(self.studio.home, self.studio.settings, pictures, draw=self._drawn_beside)

    def _drawn_beside(self, batch: Batch) -> list[Drawn]:
        try:
            return self.workers().submit(batch).result()
        except PalateError:
            raise
        except Exception as failure:
            log.error(json.dumps({"event": "look", "error": type(failure).__name__}))
            raise PalateError("picture_missing", "it could not be drawn", hint="try again") from failure

    # -- what is done -------------------------------------------------------------------------------------------

    def _draw(self, errand: Errand) -> None:
        home, settings = self.studio.home, self.studio.settings
        with home.read() as connection:
            everything = model_rows.listed(connection)
        models = with_full_hashes(home, _named(everything, errand.plan["models"]))
        tasks = tasks_of(errand, models, everything, {**wanted_settings(settings), **plan_size(errand.plan)})
        with home.write() as connection:
            holdings.hold(connection, errand.person, errand.id, [digest("drawing", task.key) for task in tasks])
            job = queue.plan(connection, "draw", {"what": "errand", "errand": errand.id}, tasks)
        by_id = {model.id: model for model in [*everything, *models]}

        def told(what: str, done: int, of: int) -> None:
            self._show(errand)
            self._progress(errand, what, done, of)

        at_once = drawing.at_once(tasks, by_id, settings.device)
        outcome = drawing.run(home, job, by_id, self.workers(), device=settings.device, progress=told, batch=at_once)
        self._show(errand)
        self._encode()
        self.shelf.forget_own(errand.person)
        if outcome.errors:
            raise PalateError("drawing_failed", "; ".join(outcome.errors))

    def _show(self, errand: Errand) -> None:
        """Tell of every picture that is new."""
        told = self._told.of(errand.id)
        with self.studio.home.read() as connection:
            drawn = holdings.drawn_for(connection, errand.id)
        fresh = [id for id in drawn if id not in told.shown]
        if fresh:
            self.shelf.forget_own(errand.person)
        for id in fresh:
            told.shown.add(id)
            told.tell("picture", {"id": id})

    def _encode(self) -> None:
        """What was drawn can be liked and looked for; a home without an encoder draws all the same."""
        from palate.specify.encoding import encode_missing

        try:
            encode_missing(self.studio.home, self.studio.encoder)
        except PalateError as error:
            if error.code.startswith("storage"):
                raise

    def _steer(self, errand: Errand) -> None:
        """The next slate of a conversation, or what is missing of the one that waits for an answer."""
        home, settings, library = self.studio.home, self.studio.settings, self.shelf.library
        tell = self._told.of(errand.id).tell
        with home.read() as connection:
            conversation = conversations.get(connection, errand.plan["conversation"], errand.person)
        self._encode()  # an answer may be about pictures that were drawn a moment ago
        turn = slates.written(library, self.writer(), conversation, errand.plan["wish"])
        tell("slate", slates.told(conversation, turn, library.models))
        slate = slates.planned(home, settings, conversation, turn)
        hands = slates.hands_of(conversation, turn)
        models = with_full_hashes(home, _named(list(slate.models.values()), hands))
        with home.write() as connection:
            holdings.hold(connection, errand.person, errand.id, list(slate.places))
            job = queue.plan(connection, "steer", {"what": "errand", "errand": errand.id}, slate.tasks)
        shown: set[tuple[int, int]] = set()

        def told(what: str, done: int, of: int) -> None:
            drawn = slate.drawn(home)
            fresh = sorted(set(drawn) - shown)
            if fresh:
                shown.update(fresh)
                self.shelf.forget_own(errand.person)
            for column, row in fresh:
                tell("picture", {"id": drawn[column, row], "turn": turn.number, "column": column, "row": row})
            self._progress(errand, what, done, of)

        told("drawing", 0, len(slate.tasks))
        by_id = {**slate.models, **{model.id: model for model in models}}
        at_once = drawing.at_once(slate.tasks, by_id, settings.device)
        outcome = drawing.run(home, job, by_id, self.workers(), device=settings.device, progress=told, batch=at_once)
        told("drawing", outcome.done, len(slate.tasks))
        slates.keep_drawn(home, settings, conversation, turn)
        self._encode()
        if outcome.errors:
            raise PalateError("drawing_failed", "; ".join(outcome.errors))

    def _personalise(self, errand: Errand) -> None:
        """From what the person liked straight to pictures; the network draws all of them at once."""
        from palate.personalise.drawing import janus_of

        told, by = self._told.of(errand.id), errand.plan.get("by")
        drawn = self.studio.personalise(
            errand.person,
            by=janus_of(self.studio.home.folder) if by == "janus" else by,
            count=errand.plan["count"],
            seed=errand.plan["seed"],
            errand=errand.id,
        )
        self._encode()
        self.shelf.forget_own(errand.person)
        for picture in drawn.pictures:
            told.tell("picture", {"id": picture["id"]})
        said = [f"it seems to be about {', '.join(drawn.because)}"] if drawn.because else []
        text = "; ".join([*said, *drawn.warnings]) or "drawn"
        self._progress(errand, text, len(drawn.pictures), len(drawn.pictures))

    def writer(self) -> PromptWriter:
        """Opened when the first conversation needs it, and kept."""
        if self._writer is None:
            from palate.specify.pocket import things_of
            from palate.writers.language import offline_writer, open_writer

            offline = offline_writer(things_of(self.studio.home.folder))
            self._writer = open_writer(self.studio.settings.writer, offline=offline)
        return self._writer

    def _import(self, errand: Errand) -> None:
        def told(what: str, done: int, of: int) -> None:
            self._progress(errand, what, done, of)

        folder = Path(errand.plan["folder"])
        add = self.studio.add_models if errand.plan["kind"] == "models" else self.studio.add_pictures
        added = add(folder, progress=told)
        self._told.of(errand.id).tell("progress", {"done": 1, "total": 1, "text": added.in_words()})
        self.shelf.renew()

    def _specify(self, errand: Errand) -> None:
        def told(what: str, done: int, of: int) -> None:
            self._progress(errand, what, done, of)

        plan = errand.plan
        with TemporaryDirectory() as scratch:
            prompts = None
            if plan["prompts"]:
                prompts = Path(scratch) / "prompts.jsonl"
                prompts.write_text("\n".join(json.dumps({"prompt": text}) for text in plan["prompts"]), "utf-8")
            done = self.studio.specify(
                models=plan["models"] or None,
                prompts=prompts,
                count=plan["count"],
                executor="pool",
                workers=1,
                progress=told,
            )
        self.shelf.renew()
        if done["parked"] and not done["done"]:
            raise PalateError("drawing_failed", "; ".join(done["errors"]))


def require_share(connection: Connection, person: str, kind: str, total: int) -> None:
    """What one person may have under way, and have drawn in a day."""
    if rows.under_way(connection, person) >= MOST_OPEN:
        raise PalateError("quota", f"{MOST_OPEN} jobs are under way already", hint="wait for one, or cancel it")
    if kind in rows.DRAWING and rows.asked_today(connection, person) + total > PICTURES_A_DAY:
        raise PalateError("quota", f"at most {PICTURES_A_DAY} pictures a day", hint="ask again tomorrow")


def finished(errands: Errands, errand: Errand) -> Errand:
    """Wait in a thread that may wait, until it is done; a PalateError says why it is not."""
    end = time.monotonic() + LONGEST_WAIT
    while errand.state not in ENDED:
        if time.monotonic() > end or errands.closing:
            raise PalateError("too_slow", "it is still being drawn; it will be under Studio, Jobs")
        time.sleep(LOOK_SECONDS)
        errand = errands.get(errand.id, errand.person)
    if errand.state != "done":
        raise PalateError("drawing_failed", errand.error or "the drawing was stopped")
    return errand


def tasks_of(
    errand: Errand, models: Sequence[Model], everything: Sequence[Model], settings: Mapping[str, Any]
) -> list[Task]:
    """Model by model, so that each is loaded once.

    The key says for whom it is: two people who ask for the same picture have one each, and neither learns of the other.
    """
    plan = errand.plan
    prompt = Prompt(plan["prompt"], plan.get("negative", ""))
    tasks = [
        orders.task_for(model, orders.base_of(model, everything), prompt, seed, settings)
        for model in models
        for seed in range(plan["seed"], plan["seed"] + plan["count"])
    ]
    if plan.get("start"):
        tasks = [orders.changing(task, plan["start"], plan["strength"]) for task in tasks]
    return [replace(task, key=digest("for", errand.person, task.key)) for task in tasks]


def plan_size(plan: Mapping[str, Any]) -> dict[str, int]:
    """Width and height, where an order names them."""
    return {name: plan[name] for name in ("width", "height") if plan.get(name)}


def _named(everything: Sequence[Model], ids: Sequence[str]) -> list[Model]:
    by_id = {model.id: model for model in everything}
    if any(id not in by_id for id in ids):
        raise unknown("model")
    for id in ids:
        orders.require_able(by_id[id])
    return [by_id[id] for id in dict.fromkeys(ids)]


def require_able(everything: Mapping[str, Model], ids: Sequence[str]) -> None:
    """Refuse an order for models that are not here or cannot draw, before it is taken."""
    models = list(everything.values())
    for model in _named(models, ids):
        orders.base_of(model, models)


def pictures_of(studio: Studio, errand: Errand) -> list[str]:
    with studio.home.read() as connection:
        return holdings.drawn_for(connection, errand.id)


def words_drawn(studio: Studio, model: str, prompt: str) -> str:
    """What the model was really told."""
    with studio.home.read() as connection:
        found = model_rows.get(connection, model)
    return prompt if found is None else orders.words_drawn(found, prompt)
