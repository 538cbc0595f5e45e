"""CGI's construction on the pocket hub's bank: what all of its models drew already, so that nothing has to be drawn.

Of the 61 prompts that every model drew with four seeds, 14 are set apart by chance as tasks, as many as the paper has;
the others specify, by their first seed. Vectors are the pocket encoder's, captions the true prompts. Pictures of one
colour (`Bank.broken`) are tasks like any others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from palate.catalogue.records import digest
from palate.evaluate.identification import Benchmark, Place, Show, report_of
from palate.evaluate.report import Report
from palate.find.specification import Specifications
from palate.importers.pocket import drawing_models, shipped

if TYPE_CHECKING:
    from PIL import Image

    from palate.catalogue.records import Model

KIND = "specification"
TASKS = 14


def banked(seeds: int = 4, *, split: int = 0) -> Benchmark:
    """M models of the pocket hub, T task prompts with the first `seeds` of their seeds; `split` says which prompts."""
    pocket = shipped()
    bank = pocket.bank()
    base, adapters = drawing_models(pocket)
    models = tuple(adapters[key] for key in bank.models)
    prompts = [at for at, prompt in enumerate(bank.prompts) if prompt.kind == KIND]
    mixed = np.random.default_rng([split, 14]).permutation(prompts).tolist()
    asked, known = sorted(mixed[:TASKS]), sorted(mixed[TASKS:])
    seeds = min(seeds, *(len(bank.prompts[at].seeds) for at in asked))
    spec = [bank.row(m, at) for m in range(len(models)) for at in known]
    task = [bank.row(m, at, s) for m in range(len(models)) for at in asked for s in range(seeds)]
    shape = (len(models), len(asked), seeds, bank.words.shape[1])
    words = bank.words / np.linalg.norm(bank.words, axis=1, keepdims=True)
    return Benchmark(
        models,
        Specifications.build(
            [model.id for model in models],
            np.repeat(np.arange(len(models)), len(known)),
            bank.vectors(spec),
            prompts=np.tile(words[known], (len(models), 1)),
            prompt_ids=[digest("bank prompt", bank.prompts[at].text) for at in known] * len(models),
            downloads=[None if model.downloads is None else float(model.downloads) for model in models],
            encoder_id="pocket",
        ),
        bank.vectors(task).reshape(shape),
        np.broadcast_to(words[asked][None, :, None], shape).astype(np.float32),
        "the true prompts",
        0,
        drawing(bank, models, base, asked),
        tuple(bank.prompts[at].text for at in asked),
    )


def evaluate_banked(seeds: int = 4, *, split: int = 0, out: Path | None = None) -> Report:
    """Every method on the bank; the run goes into `out`, where one is named."""
    began = time.perf_counter()
    about = {"of": "the pocket hub's bank", "seeds": seeds, "split": split}
    return report_of(banked(seeds, split=split), about, out, began)


def drawing(bank: Any, models: Sequence[Model], base: Model, asked: Sequence[int]) -> Show:
    """Draws the bank's pictures again from their keys, a model at a time."""

    def show(places: Sequence[Place]) -> list[Image.Image]:
        from palate.generators.opening import open_generator
        from palate.generators.protocol import Order

        found: dict[Place, Image.Image] = {}
        for m in sorted({place[0] for place in places}):
            own = sorted({place for place in places if place[0] == m})
            orders = [
                Order(
                    bank.prompts[asked[t]].text,
                    bank.prompts[asked[t]].seeds[s],
                    steps=bank.made["steps"],
                    cfg=bank.made["guidance"],
                )
                for _, t, s in own
            ]
            generator = open_generator(models[m], base=base)
            try:
                found |= dict(zip(own, generator.draw(orders), strict=True))
            finally:
                generator.close()
        return [found[place] for place in places]

    return show
