"""The GRPO run: draw a group for each history, score it, go up on what was better than its group, and look for hacking.

A step draws `histories` x `group` pictures; log-probabilities are those of the distribution that sampled. Every few
steps the guard looks; where it stops the run, the weights return to the best look's. Everything random follows from
the seed and the step, so that a killed run goes on as it would have gone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from palate.personalise import adapters
from palate.personalise.course import Course, Row, descend, warmed
from palate.personalise.curves import draw_curves
from palate.personalise.grpo import GrpoConfig, advantages, clipped, divergence, entropy_of
from palate.personalise.guard import GuardConfig, Look, Watch, best_of, verdict
from palate.personalise.histories import Window
from palate.personalise.janus import Told, logits
from palate.personalise.rewards import Floats, Reward, RewardConfig, combine, scored
from palate.personalise.sampling import Sampled, sample
from palate.personalise.shelf import Shelf, histories_of

if TYPE_CHECKING:
    import torch

CURVES = "curves.svg"
FIRST_SHARE = 0.2
"""Of the histories, at the beginning of a curriculum."""


@dataclass(frozen=True)
class Reinforcement:
    """What a run needs besides the network: which windows, which rewards, and who watches."""

    shelf: Shelf
    windows: Sequence[Window]
    rewards: Sequence[Reward]
    weights: RewardConfig
    watch: Watch
    config: GrpoConfig
    guard: GuardConfig


@dataclass(frozen=True)
class Batch:
    """What was drawn in one step, with what each picture is worth beside its group."""

    told: Told
    sampled: Sampled
    advantage: torch.Tensor
    row: Row


def train_grpo(
    run: Reinforcement,
    out: Path,
    *,
    before: Path | None = None,
    resume: bool = False,
    say: Callable[[Row], None] = lambda _: None,
) -> Row:
    """Trains, looks, stops where it must; leaves a trained folder in `out` and answers the last row of its log."""
    import torch

    janus, config = run.shelf.janus, run.config
    adapters.add_adapter(janus, rank=config.rank, alpha=config.alpha, seed=config.seed)
    weights = adapters.learning(janus)
    optimiser = torch.optim.AdamW(weights.values(), lr=config.rate, betas=(0.9, 0.99), weight_decay=0.0)
    asked = {
        "base": janus.name,
        "version": janus.version,
        "seen": run.shelf.seen,
        **asdict(config),
        **_prefixed("reward", run.weights),
    }
    course = Course(out, weights, optimiser, {**asked, **_prefixed("guard", run.guard)})
    ordered = in_order(run.shelf, run.windows) if config.curriculum else list(run.windows)
    begin = course.begin(resume=resume)
    if begin == 0:
        course.state, course.best = {}, None
        _look(run, course, 0, say)
    for step in range(begin, config.steps):
        if course.state.get("stopped"):
            break
        batch = drawn_batch(run, ordered, step)
        row = batch.row
        for _ in range(config.updates):
            row = descend(course, lambda: _climb(run, batch), warmed(config.rate, step, config.warm))  # noqa: B023 - called at once
        course.log(_finite({"step": step, **batch.row, **row}))
        say({"step": step, **batch.row, **row})
        if (step + 1) % run.guard.every == 0 or step + 1 == config.steps:
            _look(run, course, step + 1, say, float(row["kl"]))
    if course.state.get("stopped") and course.best is not None:
        course.restore_weights(course.best)
    _save(run, out, before)
    draw_curves(course.rows(), out / CURVES)
    last = course.rows()[-1]
    return {**last, "stopped": course.state.get("stopped"), "best_step": course.best}


def drawn_batch(run: Reinforcement, ordered: Sequence[Window], step: int) -> Batch:
    """Windows of the step, a group of pictures for each, and their advantages."""
    import torch

    config = run.config
    chance = np.random.default_rng((config.seed, step))
    pool = min(pool_of(len(ordered), config, step), len(ordered))
    windows = [ordered[at] for at in chance.choice(pool, min(config.histories, pool), replace=False)]
    told = run.shelf.told(histories_of(windows))
    sampled = sample(
        run.shelf.janus,
        told,
        group=config.group,
        guidance=config.guidance,
        temperature=config.temperature,
        seed=int(chance.integers(2**31)),
    )
    pictures = run.shelf.janus.decoded(sampled.codes)
    repeated = [window for window in windows for _ in range(config.group)]
    scores = scored(run.rewards, pictures, repeated)
    reward = combine(scores, run.rewards, run.weights, config.group)
    row = {"reward_std": spread_in_groups(scores, config.group)}
    for name, values in scores.items():
        if np.isfinite(values).any():
            row[f"reward/{name}"] = float(np.nanmean(values))
        if np.isfinite(values).all():
            row[f"std/{name}"] = float(values.reshape(-1, config.group).std(axis=1).mean())
    return Batch(
        told, sampled, torch.from_numpy(advantages(reward, config.group)).float().to(run.shelf.janus.device), row
    )


def spread_in_groups(scores: dict[str, Floats], group: int) -> float:
    """The mean over rewards of the standard deviation within a group, as a share of the reward's own over the batch.

    z-scores of a group have no spread of their own to watch; this falls towards 0 where one history's pictures become
    worth the same while histories still differ.
    """
    shares = []
    for values in scores.values():
        rows = values[np.isfinite(values)]
        if len(rows) == len(values) and rows.std() > 0:
            shares.append(float(rows.reshape(-1, group).std(axis=1).mean() / rows.std()))
    return float(np.mean(shares)) if shares else 0.0


def pool_of(windows: int, config: GrpoConfig, step: int) -> int:
    """How many of the ordered windows may be drawn from: all, or with a curriculum more and more of them."""
    if not config.curriculum:
        return windows
    share = FIRST_SHARE + (1 - FIRST_SHARE) * min(1.0, step / config.curriculum)
    return max(config.histories, round(share * windows))


def in_order(shelf: Shelf, windows: Sequence[Window]) -> list[Window]:
    """The most consistent histories first: those whose pictures the reading half sees most alike."""
    import torch

    found = []
    for window in windows:
        shelf.told([window.history])
        rows = torch.stack([item.picture.float().mean(0) for item in shelf.liked(window.history)])
        unit = torch.nn.functional.normalize(rows, dim=-1)
        found.append((-float((unit @ unit.T).mean()), window))
    return [window for _, window in sorted(found, key=lambda pair: pair[0])]


def _climb(run: Reinforcement, batch: Batch) -> Row:
    """Gradients of one batch, a part of its histories at a time."""
    config, janus = run.config, run.shelf.janus
    count, said = len(batch.told.mask), {"objective": 0.0, "kl": 0.0, "entropy": 0.0}
    for start in range(0, count, config.part):
        stop = min(start + config.part, count)
        rows = slice(start * config.group, stop * config.group)
        told, codes = batch.told.rows(start, stop), batch.sampled.codes[rows]
        every = _log_probs(run, told, codes)
        new = every.gather(2, codes[..., None])[..., 0]
        with adapters.reference(janus), _no_grad():
            known = _log_probs(run, told, codes).gather(2, codes[..., None])[..., 0]
        gained = clipped(new, batch.sampled.log_probs[rows], batch.advantage[rows], config.clip).mean()
        apart = divergence(new, known).mean()
        spread = entropy_of(every).mean() if config.entropy else entropy_of(every.detach()).mean()
        loss = config.kl * apart - gained - config.entropy * spread
        share = (stop - start) / count
        (loss * share).backward()  # type: ignore[no-untyped-call]
        for name, value in (("objective", gained), ("kl", apart), ("entropy", spread)):
            said[name] += float(value.detach()) * share
    return dict(said)


def _log_probs(run: Reinforcement, told: Told, codes: torch.Tensor) -> torch.Tensor:
    config = run.config
    found = logits(
        run.shelf.janus,
        told,
        codes,
        group=config.group,
        guidance=config.guidance,
        temperature=config.temperature,
    )
    return found.log_softmax(-1)


def _look(run: Reinforcement, course: Course, step: int, say: Callable[[Row], None], kl: float = 0.0) -> None:
    """A look with the same histories and seeds, a checkpoint, and the guard's verdict."""
    state, guard = course.state, run.guard
    janus = run.shelf.janus
    told = run.shelf.told(histories_of(run.watch.windows))
    codes = sample(janus, told, group=guard.pictures, guidance=run.config.guidance, seed=run.config.seed).codes
    scale = state.setdefault("scale", {})
    look = run.watch.look(step, janus.decoded(codes), guard.pictures, scale, kl)
    looks = [*map(_read, state.get("looks", [])), look]
    state["looks"] = [asdict(one) for one in looks]
    course.best = best_of(looks).step
    reason = verdict(looks, guard)
    if reason and guard.stops:
        state["stopped"] = reason
    row = {"step": max(step - 1, 0), **look.as_row(), "best_step": course.best, **({"alarm": reason} if reason else {})}
    course.log(_finite(row))
    course.keep(step)
    draw_curves(course.rows(), course.folder / CURVES)
    say(row)


def _read(kept: dict[str, Any]) -> Look:
    return Look(**{**kept, "trained": tuple(kept["trained"]), "unseen": tuple(kept["unseen"])})


def _save(run: Reinforcement, out: Path, before: Path | None) -> None:
    earlier = adapters.read_trained(before) if before is not None else None
    names = (*(earlier.adapters if earlier else ()), "grpo")
    base = earlier.base if earlier else run.shelf.janus.name
    version = earlier.version if earlier else run.shelf.janus.version
    trained = adapters.Trained(base, "grpo", run.shelf.seen, names, version=version)
    adapters.save_trained(run.shelf.janus, out, trained, before=before)


def _prefixed(prefix: str, config: Any) -> Row:
    return {f"{prefix}-{name}": value for name, value in asdict(config).items()}


def _finite(row: Row) -> Row:
    """JSON has no nan: a number that is none is left out of the log."""
    return {name: value for name, value in row.items() if not isinstance(value, float) or math.isfinite(value)}


def _no_grad() -> Any:
    import torch

    return torch.no_grad() if torch.is_grad_enabled() else nullcontext()
