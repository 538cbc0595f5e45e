"""What is to be drawn, as tasks whose keys say exactly what they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from palate.catalogue.records import Model, Prompt, canonical, digest
from palate.errors import PalateError
from palate.generators.protocol import Order
from palate.jobs.tasks import Task

DRAWING_VERSION = 1
"""Part of every key: raised when the same order would give another picture."""

CANNOT_DRAW = {"listed": "it is known by its pictures only", "convert first": "convert it to safetensors first"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Which models draw which prompts with how many seeds each."""

    models: tuple[Model, ...]
    prompts: tuple[Prompt, ...]
    pictures_a_prompt: int = 1
    settings: Mapping[str, Any] | None = None


def default_prompts() -> tuple[Prompt, ...]:
    """The 61 prompts that ship, for models whose makers gave none."""
    return _shipped("prompts.jsonl")


def task_prompts() -> tuple[Prompt, ...]:
    """The 14 prompts that identification is measured on; none of them is a specification prompt."""
    return _shipped("tasks.jsonl")


def _shipped(name: str) -> tuple[Prompt, ...]:
    text = files("palate.specify").joinpath(name).read_text("utf-8")
    return tuple(Prompt(text=row["prompt"], tag=row["tag"]) for row in map(json.loads, text.splitlines()))


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """One prompt a line, or JSON Lines with `prompt` and, if known, `negative`, `tag`, `seed` and settings."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PalateError("prompts_unreadable", f"cannot be read: {error}", about=str(path)) from error
    found = [_prompt(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise PalateError("no_prompts", "there is no prompt in it", about=str(path))
    return tuple(found)


def _prompt(line: str, about: str) -> Prompt:
    if not line.lstrip().startswith("{"):
        return Prompt(text=line.strip())
    try:
        row = json.loads(line)
        text = row.pop("prompt")
    except (ValueError, KeyError, RecursionError) as error:
        raise PalateError("prompts_unreadable", "not a JSON object with a `prompt`", about=about) from error
    if not isinstance(text, str) or not text.strip():
        raise PalateError("prompts_unreadable", "`prompt` must be words", about=about)
    negative, tag = row.pop("negative", ""), row.pop("tag", None)
    return Prompt(text=text, negative=str(negative), tag=None if tag is None else str(tag), settings=row)


def seed_for(prompt: Prompt, index: int) -> int:
    """The seed of a prompt's n-th picture: the same for every model, as GEMRec fixes it."""
    given = prompt.settings.get("seed")
    if index == 0 and isinstance(given, int):
        return given
    return int(digest("seed", prompt.id, str(index))[:12], 16)


def words_drawn(model: Model, text: str) -> str:
    """The text as the model gets it: its first trigger word in front, where the text does not have it."""
    if not model.trigger_words or model.trigger_words[0].lower() in text.lower():
        return text
    return f"{model.trigger_words[0]}, {text}"


def task_for(model: Model, base: Model | None, prompt: Prompt, seed: int, settings: Mapping[str, Any]) -> Task:
    """One picture to draw. Equal keys mean equal pictures."""
    drawn = words_drawn(model, prompt.text)
    wanted = {name: value for name, value in {**prompt.settings, **settings}.items() if value and name in SETTINGS}
    parts = (model.id, base.id if base else "", drawn, prompt.negative, str(seed), canonical(wanted))
    payload = {
        "model": model.id,
        "base": base.id if base else None,
        "text": drawn,
        "prompt": {"text": prompt.text, "negative": prompt.negative, "tag": prompt.tag},
        "seed": seed,
        "settings": wanted,
    }
    return Task(digest("draw", str(DRAWING_VERSION), *parts), model.id, payload)


SETTINGS = ("width", "height", "steps", "cfg", "sampler")


def changing(task: Task, start: str, strength: float) -> Task:
    """The same order, beginning from this upload in place of noise."""
    settings = {**task.payload["settings"], "start": start, "strength": strength}
    return Task(digest("from", task.key, start, repr(strength)), task.group, {**task.payload, "settings": settings})


def start_of(task: Task) -> str | None:
    """The upload that a task begins from."""
    found: str | None = task.payload["settings"].get("start")
    return found


def order_of(task: Task, starts: Mapping[str, bytes] | None = None) -> Order:
    """`starts` are the bytes of uploads by their ids."""
    payload, start = task.payload, start_of(task)
    known: dict[str, Any] = {name: payload["settings"].get(name) for name in SETTINGS}
    if start is not None:
        if start not in (starts or {}):
            raise PalateError("start_missing", "the picture to begin from is gone", hint="send it again")
        known |= {"start": (starts or {})[start], "strength": payload["settings"]["strength"]}
    return Order(text=payload["text"], seed=payload["seed"], negative=payload["prompt"]["negative"], **known)


def base_of(model: Model, models: Sequence[Model]) -> Model | None:
    """What an adapter sits on: what its card names, else its base family's, else the only base there is."""
    if model.kind != "adapter":
        return None
    able = [other for other in models if other.kind in ("pipeline", "checkpoint") and other.state == "ready"]
    named = [other for other in able if model.base_location in (other.location, other.name, other.id)]
    if named:
        return named[0]
    family = [other for other in able if model.base is not None and other.base == model.base]
    if family:
        return min(family, key=lambda other: (other.kind != "pipeline", other.name))
    if model.base is None and len(able) == 1:
        return able[0]
    raise PalateError(
        "no_base",
        f"it is an adapter for {model.base or 'an unknown base'}, and no such base is here",
        about=model.name,
        hint="add the base with `palate add models`",
    )


def require_able(model: Model) -> None:
    """Say why a model cannot draw, before any work."""
    reason = CANNOT_DRAW.get(model.kind) or (None if model.state == "ready" else model.state_reason or model.state)
    if reason:
        raise PalateError("cannot_draw", reason, about=model.name)


def tasks_of(plan: Plan, models: Sequence[Model]) -> Iterable[Task]:
    """Every picture of a plan, model by model so that each is loaded once."""
    for model in plan.models:
        base = base_of(model, models)
        for prompt in plan.prompts:
            for index in range(plan.pictures_a_prompt):
                yield task_for(model, base, prompt, seed_for(prompt, index), plan.settings or {})
