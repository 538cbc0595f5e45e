"""Group Relative Policy Optimization on picture codes (Shao et al. 2024, as in arXiv 2506.01704): the maths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from palate.personalise.rewards import EPSILON, Floats

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class GrpoConfig:
    """Group, clip, KL and epsilon as T2I-R1 and Janus-Pro-R1 set them; the paper gives none of them."""

    rate: float = field(
        default=1e-5, metadata={"help": "learning rate; 1e-6 where all weights learn, 1e-4 for the pocket"}
    )
    steps: int = field(default=200, metadata={"help": "steps"})
    histories: int = field(default=4, metadata={"help": "histories a step"})
    group: int = field(default=8, metadata={"help": "pictures drawn for each history, G"})
    part: int = field(default=4, metadata={"help": "histories that go through the network at a time"})
    updates: int = field(default=1, metadata={"help": "steps down on one batch of pictures"})
    clip: float = field(default=0.2, metadata={"help": "how far a probability's ratio counts"})
    kl: float = field(default=0.01, metadata={"help": "weight of the distance to the network without its adapter"})
    entropy: float = field(default=0.0, metadata={"help": "weight of the codes' entropy"})
    guidance: float = field(default=1.0, metadata={"help": "while sampling; log-probabilities are of that branch"})
    temperature: float = field(default=1.0, metadata={"help": "while sampling"})
    curriculum: int = field(default=0, metadata={"help": "steps until all histories, the most consistent ones first"})
    rank: int = field(default=16, metadata={"help": "of the LoRA; without it the network is the reference"})
    alpha: float = field(default=32.0, metadata={"help": "the LoRA's scale is alpha / rank"})
    warm: int = field(default=5, metadata={"help": "steps until the whole rate"})
    seed: int = field(default=0, metadata={"help": "of everything random"})


def advantages(rewards: Floats, group: int, epsilon: float = EPSILON) -> Floats:
    """A = (r - mean) / (std + eps) within each history's group; 0 where nothing was scored. (n,) -> (n,)"""
    rows = rewards.reshape(-1, group)
    there = np.isfinite(rows)
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    off = np.where(there, rows - np.where(there, rows, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
    found: Floats = off / (np.sqrt((off**2).sum(axis=1, keepdims=True) / count) + epsilon)
    return found.reshape(-1)


def clipped(new: torch.Tensor, old: torch.Tensor, advantage: torch.Tensor, clip: float) -> torch.Tensor:
    """min(rho A, clip(rho, 1 - e, 1 + e) A) with rho = exp(new - old), to be raised. (b, n), (b, n), (b,)"""
    import torch

    ratio = (new - old).exp()
    A = advantage[:, None]
    return torch.minimum(ratio * A, ratio.clamp(1 - clip, 1 + clip) * A)


def divergence(new: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """KL to the reference from one sample, never below 0: exp(ref - new) - (ref - new) - 1 (Schulman 2020). (b, n)"""
    apart = reference - new
    return apart.exp() - apart - 1


def entropy_of(log_probs: torch.Tensor) -> torch.Tensor:
    """-sum p log p of each place. (b, n, k) -> (b, n)"""
    return -(log_probs.exp() * log_probs).sum(-1)
