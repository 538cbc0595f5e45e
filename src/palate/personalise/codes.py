"""Codes for pictures of another kind: nothing in front of its codes can draw what a Janus' codes cannot hold.

A picture goes through the encoder, the codebook and the decoder and should come back (van den Oord et al. 2017,
equation 3), on pictures that training windows hold; others say how well it went. The language model does not learn
here: it takes up the new codes in the stage that follows, `sft` with all of its weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.errors import PalateError
from palate.metrics.likeness import sharpness
from palate.personalise import adapters
from palate.personalise.course import Course, Row, descend, warmed
from palate.personalise.histories import Collection, Windows
from palate.personalise.janus import Janus
from palate.personalise.opening import taught_items
from palate.personalise.scorers import pixels_of

if TYPE_CHECKING:
    import torch

COMMITMENT = 0.25
COLOURS = 4.0
EDGE = 9
"""A picture is cut out of one that is larger by 1 part in so many, somewhere else each time."""
FILTERS, FILTER_SIDE = 24, 5
REVIVING = 128
"""Pictures whose codes say which codes nobody uses."""
FEWEST_HELD = 16


@dataclass(frozen=True, slots=True)
class CodesConfig:
    """How to teach the codes; steps and rate are those of the pocket, in ten minutes of a processor."""

    rate: float = field(default=5e-4, metadata={"help": "learning rate"})
    steps: int = field(default=400, metadata={"help": "steps"})
    batch: int = field(default=32, metadata={"help": "pictures a step"})
    texture: float = field(default=1.0, metadata={"help": "weight of what a place's grain is like; 0 blurs"})
    moved: int = field(default=50, metadata={"help": "steps after which codes that nobody uses are moved"})
    until: int = field(default=250, metadata={"help": "step from which no code is moved any more"})
    warm: int = field(default=20, metadata={"help": "steps until the whole rate"})
    every: int = field(default=50, metadata={"help": "steps between checkpoints and measurements"})
    held: int = field(default=64, metadata={"help": "pictures outside of training that are measured on"})
    half: bool = field(default=False, metadata={"help": "multiply in bfloat16: faster on processors with units for it"})
    seed: int = field(default=0, metadata={"help": "of everything random"})


def quantised(vectors: torch.Tensor, codebook: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(b, d, h, w), (k, d) -> what the decoder gets, gradients passed straight through; codes (b, h w); loss.

    Directions are compared, since Janus decodes directions (Yu et al. 2022, section 3.2):
    |sg(z) - e|^2 + beta |z - sg(e)|^2 of unit vectors.
    """
    from torch.nn.functional import mse_loss, normalize

    unit = normalize(vectors.permute(0, 2, 3, 1), dim=-1)
    codes = (unit @ normalize(codebook, dim=-1).T).argmax(-1)
    chosen = normalize(codebook[codes], dim=-1)
    loss = mse_loss(chosen, unit.detach()) + COMMITMENT * mse_loss(unit, chosen.detach())
    passed = unit + (chosen - unit).detach()
    return passed.permute(0, 3, 1, 2), codes.flatten(1), loss


def grain(pictures: torch.Tensor, filters: torch.Tensor, cell: int) -> torch.Tensor:
    """(b, 3, s, s), (k, 3, f, f) -> (b, k, s / cell, s / cell): how strongly each filter answers in each cell, rms.

    Random filters are enough to tell textures (Ustyuzhaninov et al. 2016). Which way an edge lies within a cell is not
    asked, so that what a code cannot hold may be drawn as something of its kind, instead of as a blur.
    """
    from torch.nn.functional import avg_pool2d, conv2d

    answers = conv2d(pictures, filters, padding=filters.shape[-1] // 2)
    found: torch.Tensor = (avg_pool2d(answers**2, cell) + 1e-4).sqrt()
    return found


def random_filters(seed: int) -> torch.Tensor:
    """(k, 3, f, f), each of mean 0 and length 1."""
    import torch

    rows = torch.randn(FILTERS, 3 * FILTER_SIDE**2, generator=torch.Generator().manual_seed(seed))
    rows = rows - rows.mean(1, keepdim=True)
    return torch.nn.functional.normalize(rows, dim=1).reshape(FILTERS, 3, FILTER_SIDE, FILTER_SIDE)


def given_back_error(
    drawn: torch.Tensor, wanted: torch.Tensor, filters: torch.Tensor, cell: int, texture: float
) -> torch.Tensor:
    """Mean absolute error of pixels, of half cells' means and their colours, and of the cells' grain. (b, 3, s, s) both

    A colour is a mean less its lightness: light and dark fill most of a poster, and without a weight of their own its
    colours are not found.
    """
    from torch.nn.functional import avg_pool2d

    error = drawn - wanted
    apart = (grain(drawn, filters, cell) - grain(wanted, filters, cell)).abs().mean()
    means = avg_pool2d(error, max(cell // 2, 1))
    colours = (means - means.mean(1, keepdim=True)).abs().mean()
    total: torch.Tensor = error.abs().mean() + means.abs().mean() + COLOURS * colours + texture * apart
    return total


def learn_codes(janus: Janus) -> None:
    """Encoder, codebook and decoder of the writing half learn; nothing else does."""
    janus.network.requires_grad_(False)
    janus.network.model.vqmodel.float().requires_grad_(True)


class Pictures:
    """(n, s, s, 3) of training somewhat too large, to be cut; and some that training does not hold."""

    def __init__(self, collection: Collection, parts: Windows, side: int, held: int) -> None:
        taught = taught_items(parts.train)
        known = set(taught)
        new = [item for item in taught_items([*parts.valid, *parts.test]) if item not in known]
        if len(new) < FEWEST_HELD:  # nearly everything was liked before: every tenth is left out instead
            taught, new = [item for at, item in enumerate(taught) if at % 10], taught[::10]
        if not taught or not new:
            raise PalateError("too_few_pictures", "there is nothing to learn codes from", about=collection.name)
        self.side, self.larger = side, side + max(side // EDGE, 1)
        self.taught = np.stack([squashed(collection.picture(item), self.larger) for item in taught])
        self.held = [collection.picture(item) for item in np.random.default_rng(0).permutation(new)[:held].tolist()]

    def batch(self, count: int, chance: np.random.Generator) -> torch.Tensor:
        """(count, 3, s, s) in [-1, 1]: cut out somewhere, half of them mirrored."""
        chosen = chance.choice(len(self.taught), min(count, len(self.taught)), replace=False)
        room = self.larger - self.side + 1
        cut = []
        for at in chosen:
            top, left = (int(n) for n in chance.integers(0, room, 2))
            one = self.taught[at, top : top + self.side, left : left + self.side]
            cut.append(one[:, ::-1] if chance.random() < 0.5 else one)
        return as_tensor(np.stack(cut))


def squashed(picture: Image.Image, side: int) -> NDArray[np.uint8]:
    return np.asarray(picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))


def as_tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """(n, s, s, 3) -> (n, 3, s, s) in [-1, 1]"""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1


def train_codes(
    janus: Janus,
    collection: Collection,
    parts: Windows,
    out: Path,
    config: CodesConfig,
    *,
    resume: bool = False,
    say: Callable[[Row], None] = lambda _: None,
) -> Row:
    """Trains, checkpoints, measures; leaves the whole network in `out` and answers the last row of its log."""
    import torch

    inner = janus.network.model
    pictures = Pictures(collection, parts, int(janus.network.config.vision_config.image_size), config.held)
    learn_codes(janus)
    weights = adapters.learning(janus)
    optimiser = torch.optim.AdamW(weights.values(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.0)
    course = Course(out, weights, optimiser, {"base": janus.name, "version": janus.version, **asdict(config)})
    filters = random_filters(config.seed).to(janus.device)
    for step in range(course.begin(resume=resume), config.steps):
        if step % config.moved == 0 and step < config.until:
            move_unused(janus, pictures, config, step)
        rate = warmed(config.rate, step, config.warm)
        row = {"step": step, **descend(course, lambda: _step(janus, pictures, filters, config, step), rate)}  # noqa: B023 - called at once
        to_unit_length(janus)
        last = step + 1 == config.steps
        if (step + 1) % config.every == 0 or last:
            row |= measured(janus, pictures)
        course.log(row)
        say(row)
        if (step + 1) % config.every == 0 or last:
            course.keep(step + 1)
    janus.network.model.vqmodel.requires_grad_(False)
    with torch.no_grad():  # the language model meets the new codes as their own vectors: near ones mean nearly the same
        inner.generation_embeddings.weight.copy_(inner.vqmodel.quantize.embedding.weight)
    trained = adapters.Trained(janus.name, "codes", "vision", (), full=True, version=janus.version)
    adapters.save_trained(janus, out, trained)
    return course.rows()[-1]


def _step(janus: Janus, pictures: Pictures, filters: torch.Tensor, config: CodesConfig, step: int) -> Row:
    vq: Any = janus.network.model.vqmodel
    wanted = pictures.batch(config.batch, np.random.default_rng((config.seed, step))).to(janus.device)
    with janus.mixed(config.half):
        vectors = vq.quant_conv(vq.encoder(wanted))
    passed, _, own = quantised(vectors.float(), vq.quantize.embedding.weight)
    with janus.mixed(config.half):
        drawn = vq.decoder(vq.post_quant_conv(passed))
    cell = pictures.side // int(janus.network.config.vq_config.num_patches)
    error = given_back_error(drawn.float(), wanted, filters, cell, config.texture)
    (error + own).backward()  # type: ignore[no-untyped-call]
    return {"loss": float(error.detach()), "codes": float(own.detach())}


def move_unused(janus: Janus, pictures: Pictures, config: CodesConfig, step: int) -> int:
    """Codes that none of some training pictures has go to where those pictures are; how many."""
    import torch
    from torch.nn.functional import normalize

    vq, chance = janus.network.model.vqmodel, np.random.default_rng((config.seed, step, 1))
    with torch.no_grad():
        seen = pictures.batch(REVIVING, chance).to(janus.device)
        vectors = vq.quant_conv(vq.encoder(seen))
        codebook = vq.quantize.embedding.weight
        _, codes, _ = quantised(vectors, codebook)
        counts = torch.bincount(codes.flatten(), minlength=len(codebook))
        unit = normalize(vectors.permute(0, 2, 3, 1), dim=-1).flatten(0, 2)
        dead = torch.nonzero(counts == 0).flatten()[: len(unit)]
        codebook[dead] = unit[torch.from_numpy(chance.permutation(len(unit))[: len(dead)]).to(janus.device)]
    return len(dead)


def to_unit_length(janus: Janus) -> None:
    """The codebook: Janus finds codes by distance and decodes them by direction, which agree at one length alone."""
    import torch

    codebook = janus.network.model.vqmodel.quantize.embedding.weight
    with torch.no_grad():
        codebook.copy_(torch.nn.functional.normalize(codebook, dim=-1))


def measured(janus: Janus, pictures: Pictures) -> Row:
    """`kept` of the variance of pictures that training does not hold, `sharp` beside them, `used` of the codes."""
    codes = janus.coded(pictures.held)
    real = sum(sharpness(pixels_of(one, pictures.side)) for one in pictures.held)
    drawn = sum(sharpness(pixels_of(one, pictures.side)) for one in janus.decoded(codes))
    used = len(set(codes.flatten().tolist())) / len(janus.network.model.vqmodel.quantize.embedding.weight)
    return {"kept": janus.given_back(pictures.held), "sharp": drawn / max(real, 1e-9), "used": used}
