"""A retriever and a generator trained together: what helps to say the answer is what comes to be retrieved.

RAG-Sequence (Lewis et al. 2020, section 2.1; survey, section 6): the generator's likelihood of the answer is summed
over the passages retrieved, each by how likely it is retrieved, and the sum's gradient reaches both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Generate = Callable[[Sequence[str], Sequence[str]], "torch.Tensor"]
"""(what is asked, with a passage before it; the answers) -> log p(answer | asked), (n,)."""


def marginal(retrieved: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """log p(y|x) = log sum_z softmax(s)_z p(y | x, z); scores s and log-likelihoods (n, k) -> (n,)."""
    import torch

    return torch.logsumexp(torch.log_softmax(retrieved, dim=-1) + generated, dim=-1)


def posterior(retrieved: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """p(z | x, y), (n, k): where the gradient pushes the retriever."""
    import torch

    return torch.softmax(torch.log_softmax(retrieved, dim=-1) + generated, dim=-1)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was asked (and its vector's row), and the answer that is wanted."""

    asked: str
    answer: str


class Retriever:
    """s(x, z) = t (W q_x) . z over fixed passages (m, d); W begins as the identity, so it begins as plain retrieval."""

    def __init__(self, passages: torch.Tensor, *, sharpness: float = 5.0) -> None:
        import torch

        self.passages = passages
        self.sharpness = sharpness
        self.weights = torch.nn.Parameter(torch.eye(passages.shape[1]))

    def scores(self, queries: torch.Tensor) -> torch.Tensor:
        """(n, m)."""
        import torch

        moved = torch.nn.functional.normalize(queries @ self.weights.T, dim=-1)
        return self.sharpness * moved @ self.passages.T


def train_together(
    retriever: Retriever,
    generate: Generate,
    learning: Sequence[Any],
    queries: torch.Tensor,
    lessons: Sequence[Lesson],
    passages: Sequence[str],
    *,
    depth: int = 4,
    steps: int = 50,
    rate: float = 0.02,
) -> list[float]:
    """Lower -log p(y|x) over the first `depth` passages of each lesson; `learning` are the generator's own weights."""
    import torch

    optimiser = torch.optim.Adam(
        [{"params": [retriever.weights]}, *([{"params": list(learning)}] if learning else [])], lr=rate
    )
    losses = []
    for _ in range(steps):
        scores = retriever.scores(queries)
        top = scores.topk(min(depth, scores.shape[1]), dim=1)
        asked = [
            f"{passages[z]} {lesson.asked}"
            for lesson, own in zip(lessons, top.indices.tolist(), strict=True)
            for z in own
        ]
        answers = [lesson.answer for lesson in lessons for _ in range(top.indices.shape[1])]
        told = generate(asked, answers).reshape(top.indices.shape)
        loss = -marginal(top.values, told).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses
