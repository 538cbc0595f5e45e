"""`draw` and `specify`: from what was asked to a job, run to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Model, Prompt, digest
from palate.errors import PalateError
from palate.jobs import tasks as queue
from palate.jobs.tasks import Task
from palate.settings import Settings
from palate.specify import drawing, orders
from palate.specify.drawing import Outcome, Progress, nothing
from palate.specify.executors import ExecutorName, open_workers

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

EXECUTORS: tuple[ExecutorName, ...] = ("serial", "pool", "ray")


def wanted_settings(settings: Settings) -> dict[str, Any]:
    """The drawing settings of a home that are set at all."""
    return {"steps": settings.steps, "cfg": settings.guidance, "width": settings.size, "height": settings.size}


def run_tasks(
    home: Home,
    settings: Settings,
    specification: dict[str, Any],
    tasks: Iterable[Task],
    models: Sequence[Model],
    *,
    executor: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    progress: Progress = nothing,
) -> Outcome:
    """Plan what is missing and draw it."""
    named = next((name for name in EXECUTORS if name == executor), None)
    if named is None:
        raise PalateError("unknown_executor", f"'{executor}' is none of {', '.join(EXECUTORS)}", about="executor")
    pool = open_workers(named, workers, address=address)
    try:
        with home.writing():
            with home.write() as connection:
                job = queue.plan(connection, "draw", specification, list(tasks))
            by_id = {model.id: model for model in models}
            return drawing.run(home, job, by_id, pool, device=settings.device, progress=progress)
    finally:
        pool.close()


def with_full_hashes(home: Home, models: Sequence[Model]) -> list[Model]:
    """Before a first drawing: the whole file's hash, so that no picture is credited to bytes it did not come from."""
    from dataclasses import replace

    from palate.importers.models import full_hash, quick_check

    ready = []
    for model in models:
        quick_check(model)
        if model.full_hash is None and model.kind in ("checkpoint", "adapter"):
            model = replace(model, full_hash=full_hash(Path(model.location)))
            with home.write() as connection:
                model_rows.put(connection, [model])
        ready.append(model)
    return ready


def able_models(home: Home, names: Sequence[str] | None) -> tuple[list[Model], list[Model]]:
    """The models that were named, or all that can draw; and every model that is here."""
    with home.read() as connection:
        everything = model_rows.listed(connection)
        chosen = [model_rows.named(connection, name) for name in names] if names else everything
    if names:
        for model in chosen:
            orders.require_able(model)
    able = [model for model in chosen if model.kind not in orders.CANNOT_DRAW and model.state == "ready"]
    return able, everything


def without_pictures(home: Home, able: Sequence[Model]) -> list[Model]:
    """Models that no picture from elsewhere speaks for: what somebody already drew is a specification for free."""
    with home.read() as connection:
        shown = picture_rows.models_shown_elsewhere(connection)
    return [model for model in able if model.id not in shown]


def specify(
    home: Home,
    settings: Settings,
    encoder: Callable[[], Encoder],
    *,
    models: Sequence[str] | None = None,
    prompts: Path | None = None,
    count: int = 1,
    executor: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    progress: Progress = nothing,
) -> dict[str, Any]:
    """Draw what is missing, then encode whatever has no vector, imported pictures included."""
    from palate.specify.encoding import encode_missing

    able, everything = able_models(home, models)
    drawers = able if models else without_pictures(home, able)
    asked = orders.read_prompts(prompts) if prompts else orders.default_prompts()
    refused: dict[str, str] = {}
    work: list[Task] = []
    with home.writing():
        for model in drawers:
            try:
                [ready] = with_full_hashes(home, [model])
                work.extend(orders.tasks_of(orders.Plan((ready,), asked, count, wanted_settings(settings)), everything))
            except PalateError as error:
                if models:
                    raise
                refused[model.name] = error.message
        outcome = run_tasks(
            home,
            settings,
            {"what": "specify"},
            work,
            everything,
            executor=executor,
            workers=workers,
            address=address,
            progress=progress,
        )
        encoded = encode_missing(home, encoder(), progress=progress)
    return {
        **outcome.as_json(),
        "models": len(drawers) - len(refused),
        "skipped": len(able) - len(drawers),
        "encoded": encoded.pictures,
        "refused": {**refused, **encoded.refused},
    }


def draw(
    home: Home,
    settings: Settings,
    name: str,
    text: str,
    *,
    seeds: Iterable[int],
    negative: str = "",
    out: Path | None = None,
    progress: Progress = nothing,
) -> list[dict[str, Any]]:
    """Pictures of one prompt by one model; what was drawn before is not drawn again."""
    if not text.strip():
        raise PalateError("empty_prompt", "say what to draw", about="prompt")
    [model], everything = able_models(home, [name])
    prompt = Prompt(text, negative)
    with home.writing():
        [model] = with_full_hashes(home, [model])
        base = orders.base_of(model, everything)
        work = [orders.task_for(model, base, prompt, seed, wanted_settings(settings)) for seed in seeds]
        specification = {"what": "draw", "tasks": digest(*[task.key for task in work])}
        outcome = run_tasks(home, settings, specification, work, everything, progress=progress)
        if outcome.errors:
            raise PalateError("drawing_failed", "; ".join(outcome.errors), about=model.name)
    return [_told(home, task, out) for task in work]


def _told(home: Home, task: Task, out: Path | None) -> dict[str, Any]:
    with home.read() as connection:
        id = picture_rows.of_drawing(connection, digest("drawing", task.key))
    file = home.blobs.path(id)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        target = out / f"{task.payload['seed']:06d}-{id[:8]}.png"
        target.write_bytes(home.blobs.get(id))
        file = target
    return {"id": id, "seed": task.payload["seed"], "file": str(file)}
