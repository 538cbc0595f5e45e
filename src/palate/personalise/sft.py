"""Supervised fine-tuning: the codes of the next item's picture after the history (arXiv 2506.01704, section on SFT).

Cross-entropy over the codes of the new picture alone; what the words and the pictures before it cost is not counted.
`<begin_of_image>` stands before the first code, in training as in drawing. In one of ten histories everything but the
first and the last token is padding, which is the unconditional branch that guidance needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from palate.personalise import adapters
from palate.personalise.adapters import WHOLE
from palate.personalise.course import Course, Row, descend, warmed
from palate.personalise.histories import Window, Windows
from palate.personalise.janus import Janus, Told, logits, version_of
from palate.personalise.memorising import Memory
from palate.personalise.shelf import Shelf, histories_of

if TYPE_CHECKING:
    import torch

Said = Callable[[Row], None]
NEAREST = 20
"""Things that look like one, of which a made history is drawn."""
AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class SftConfig:
    """How to fine-tune. The rate 4e-5 and one epoch are the paper's, for all weights at full size."""

    rate: float = field(default=4e-5, metadata={"help": "learning rate; 5e-4 suits the pocket and LoRA"})
    epochs: int = field(default=1, metadata={"help": "how often each window is learned from"})
    batch: int = field(default=16, metadata={"help": "windows a step"})
    part: int = field(default=16, metadata={"help": "windows that go through the network at a time"})
    rank: int = field(default=16, metadata={"help": "of the LoRA; 0 trains all of the language model"})
    alpha: float = field(default=32.0, metadata={"help": "the LoRA's scale is alpha / rank"})
    without_history: float = field(
        default=0.1, metadata={"help": "share of windows that teach the unconditional branch"}
    )
    shorter: float = field(
        default=0.25, metadata={"help": "share of steps whose histories are told with fewer items, or none"}
    )
    alike: float = field(default=0.0, metadata={"help": "share of windows whose history is made of what looks alike"})
    targets: int = field(default=1, metadata={"help": "of what was liked next, so many for each reading of a history"})
    warm: int = field(default=20, metadata={"help": "steps until the whole rate"})
    every: int = field(default=100, metadata={"help": "steps between checkpoints and measurements"})
    held: int = field(default=128, metadata={"help": "windows of the part for tuning that are measured on"})
    watched: int = field(default=16, metadata={"help": "pictures drawn to see whether training pictures come back"})
    most: int = field(default=0, metadata={"help": "steps at most; 0 is no limit"})
    frugal: bool = field(default=False, metadata={"help": "recompute activations: slower, and much less memory"})
    half: bool = field(default=False, metadata={"help": "multiply in bfloat16: faster on processors with units for it"})
    seed: int = field(default=0, metadata={"help": "of everything random"})

    def steps(self, windows: int) -> int:
        whole = -(-windows // self.batch) * self.epochs
        return min(whole, self.most) if self.most else whole


def picture_loss(janus: Janus, told: Told, codes: torch.Tensor, *, group: int = 1) -> torch.Tensor:
    """Mean cross-entropy of the codes (b group, n) given the histories, in nats a code."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits(janus, told, codes, group=group).flatten(0, 1), codes.flatten())


def targets_of(window: Window, count: int, chance: np.random.Generator) -> list[int]:
    """The next item, or `count` of what was liked next within the window's part, some again where there are fewer.

    A history is far longer than a picture: asking it for several costs little more than for one.
    """
    if count == 1:
        return [window.target]
    return [window.future[at] for at in np.resize(chance.permutation(len(window.future)), count).tolist()]


def without_history(told: Told, dropped: torch.Tensor) -> Told:
    """The rows in `dropped` (b,) are told nothing."""
    import torch

    return Told(torch.where(dropped[:, None, None], told.blank, told.embedded), told.blank, told.mask)


def batch_of(windows: Sequence[Window], config: SftConfig, step: int) -> list[Window]:
    """The windows of a step: a permutation an epoch, from the seed."""
    a_round = -(-len(windows) // config.batch)
    epoch, place = divmod(step, a_round)
    order = np.random.default_rng((config.seed, epoch)).permutation(len(windows))
    return [windows[at] for at in order[place * config.batch : (place + 1) * config.batch]]


def shortened(windows: Sequence[Window], share: float, chance: np.random.Generator) -> list[Window]:
    """With a chance of `share` the latest items alone, as many as chance says: of some people little is known.

    All of a batch alike, since padding costs as much as what is told.
    """
    if chance.random() >= share:
        return list(windows)
    count = int(chance.integers(max(1, *(len(window.history) for window in windows))))
    return [replace(window, history=window.history[max(len(window.history) - count, 0) :]) for window in windows]


def told_otherwise(windows: Sequence[Window], config: SftConfig, step: int, alike: Alike | None) -> list[Window]:
    """The windows of a step with made histories and shorter ones among theirs, from the seed."""
    chance, made = np.random.default_rng((config.seed, step, 2)), np.random.default_rng((config.seed, step, 3))
    found = [
        alike.history(window, made) if alike is not None and made.random() < config.alike else window
        for window in windows
    ]
    return shortened(found, config.shorter, chance)


class Alike:
    """Made histories: things of training that look like the target, to the half that reads.

    What people like next seldom looks like what they liked before, so that real windows teach little listening.
    """

    def __init__(self, shelf: Shelf, windows: Sequence[Window]) -> None:
        import torch

        self.items = sorted({item for window in windows for item in (*window.history, window.target)})
        rows = []
        for start in range(0, len(self.items), AT_A_TIME):
            some = self.items[start : start + AT_A_TIME]
            shelf.told([[item] for item in some])
            rows += [item.picture.float().mean(0) for item in shelf.liked(some)]
        looks = torch.stack(rows)
        unit = torch.nn.functional.normalize(looks - looks.mean(0), dim=-1)
        near = (unit @ unit.T).fill_diagonal_(-2.0).topk(min(NEAREST, len(self.items) - 1)).indices
        self.nearest = {item: near[at].tolist() for at, item in enumerate(self.items)}

    def history(self, window: Window, chance: np.random.Generator) -> Window:
        """As many as the window's own, of the nearest to its target."""
        near = self.nearest[window.target]
        chosen = chance.permutation(len(near))[: len(window.history)]
        return replace(window, history=tuple(self.items[near[at]] for at in chosen.tolist()))


def train_sft(
    shelf: Shelf,
    parts: Windows,
    out: Path,
    config: SftConfig,
    *,
    before: Path | None = None,
    resume: bool = False,
    say: Said = lambda _: None,
) -> Row:
    """Trains, checkpoints, measures; leaves a trained folder in `out` and answers the last row of its log.

    `before` is where the shelf's network was opened from, if its codes were taught first.
    """
    import torch

    janus = shelf.janus
    base = janus.name
    adapters.learn_all(janus) if config.rank == 0 else adapters.add_adapter(
        janus, rank=config.rank, alpha=config.alpha, seed=config.seed
    )
    frugally(janus, config.frugal)
    weights = adapters.learning(janus)
    optimiser = torch.optim.AdamW(weights.values(), lr=config.rate, betas=(0.9, 0.95), weight_decay=0.0)
    asked = {"base": base, "version": janus.version, "seen": shelf.seen, **asdict(config)}
    course = Course(out, weights, optimiser, asked | ({"codes": version_of(before / WHOLE)} if before else {}))
    memory = Memory(shelf, parts, config.watched)
    alike = Alike(shelf, parts.train) if config.alike else None
    steps = config.steps(len(parts.train))
    for step in range(course.begin(resume=resume), steps):
        rate = warmed(config.rate, step, config.warm)
        row = {"step": step, **descend(course, lambda: _step(shelf, parts.train, config, step, alike), rate)}  # noqa: B023 - called at once
        if (step + 1) % config.every == 0 or step + 1 == steps:
            with resting(janus):
                row |= {"held": held_loss(shelf, parts.valid[: config.held], config.part), **memory.measured(step)}
        course.log(row)
        say(row)
        if (step + 1) % config.every == 0 or step + 1 == steps:
            course.keep(step + 1)
    names = () if config.rank == 0 else ("sft",)
    trained = adapters.Trained(base, "sft", shelf.seen, names, full=config.rank == 0, version=janus.version)
    frugally(janus, False)
    adapters.save_trained(janus, out, trained, before=before)
    return course.rows()[-1]


def _step(shelf: Shelf, windows: Sequence[Window], config: SftConfig, step: int, alike: Alike | None = None) -> Row:
    """Gradients of one batch, a part at a time."""
    import torch

    chance = np.random.default_rng((config.seed, step, 1))
    chosen = told_otherwise(batch_of(windows, config, step), config, step, alike)
    dropped = torch.from_numpy(chance.random(len(chosen)) < config.without_history).to(shelf.janus.device)
    total = 0.0
    for start in range(0, len(chosen), config.part):
        some = chosen[start : start + config.part]
        told = without_history(shelf.told(histories_of(some)), dropped[start : start + len(some)])
        codes = shelf.codes_of([item for window in some for item in targets_of(window, config.targets, chance)])
        with shelf.janus.mixed(config.half):  # not around what is looked at: that is kept, and must not depend on when
            loss = picture_loss(shelf.janus, told, codes, group=config.targets)
        share = len(some) / len(chosen)
        (loss * share).backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach()) * share
    return {"loss": total}


def held_loss(shelf: Shelf, windows: Sequence[Window], part: int) -> float:
    """What the codes of next pictures cost that training has not seen."""
    import torch

    total = 0.0
    with torch.no_grad():
        for start in range(0, len(windows), part):
            some = windows[start : start + part]
            codes = shelf.codes_of([window.target for window in some])
            total += float(picture_loss(shelf.janus, shelf.told(histories_of(some)), codes)) * len(some)
    return total / max(len(windows), 1)


@contextmanager
def resting(janus: Janus) -> Iterator[None]:
    """Drawing keeps what was read; a network that recomputes its activations does so only while it does not learn."""
    language = janus.network.model.language_model
    learning = language.training
    language.train(False)
    yield
    language.train(learning)


def frugally(janus: Janus, wanted: bool) -> None:
    """Recomputed activations; the networks have no dropout, so that training mode changes nothing else.

    Later transformers call them activation checkpoints, and warn of the earlier name.
    """
    language: Any = janus.network.model.language_model
    name = "activation" if hasattr(language, "activation_checkpointing_enable") else "gradient"
    if wanted:
        getattr(language, f"{name}_checkpointing_enable")({"use_reentrant": False})
    elif language.training:
        getattr(language, f"{name}_checkpointing_disable")()
    language.train(wanted)
