"""Codes of new pictures, drawn one after the other: the history is read once, for a whole group, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.personalise.janus import Janus, Told, guided
from palate.personalise.prefix import go_on, read_prefix

if TYPE_CHECKING:
    import torch

GUIDANCE = 5.0
"""Janus' own; 1 is no guidance, and half of the work."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """codes, log_probs: (b group, n), rows of one history after each other; log_probs of the branch that sampled."""

    codes: torch.Tensor
    log_probs: torch.Tensor


def sample(
    janus: Janus,
    told: Told,
    *,
    group: int = 1,
    guidance: float = GUIDANCE,
    temperature: float = 1.0,
    seed: int = 0,
) -> Sampled:
    """`group` pictures for each history. With guidance both branches go through the network as one batch."""
    import torch

    chance = torch.Generator(device=janus.device).manual_seed(seed)
    language, head = janus.network.model.language_model, janus.network.model.generation_head
    branches = [told.embedded] if guidance == 1.0 else [told.embedded, told.blank]
    mask = told.mask.repeat(len(branches), 1)
    codes, log_probs = [], []
    with torch.no_grad():
        states, prefix = read_prefix(
            language, torch.cat(branches), mask, group=group, most=max(janus.codes_a_picture - 1, 1)
        )
        states = states.repeat_interleave(group, 0)
        for place in range(janus.codes_a_picture):
            scores = head(states).float().chunk(len(branches))
            mixed = scores[0] if len(scores) == 1 else guided(scores[0], scores[1], guidance)
            likely = torch.log_softmax(mixed / temperature, -1)
            chosen = torch.multinomial(likely.exp(), 1, generator=chance)
            codes.append(chosen)
            log_probs.append(likely.gather(1, chosen))
            if place + 1 < janus.codes_a_picture:
                next_in = janus.network.prepare_embeddings_for_image_generation(chosen).to(told.embedded.dtype)
                states = go_on(prefix, next_in[:, 0].repeat(len(branches), 1))
    return Sampled(torch.cat(codes, 1), torch.cat(log_probs, 1))
