"""Texts that begin alike, read once as far as they do: what a causal network sees of a token hangs on those before it.

The candidates of a turn share most of their words. As a tree of tokens, each seeing its way from the root, 25 of them
are some 260 tokens where rows of one length would be 600, and the vectors are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

OLD_END = 2
"""What the first published configurations say is the end token, and is not."""
LEAST = 512
"""Tokens that a tree may have in any network: to run it once more costs more than what so many see of one another."""
TOKENS_A_WIDTH = 2
"""Tokens that a tree may have for each of the network's dimensions: beyond, seeing one another is what costs most."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """N tokens of some texts, those that begin alike sharing theirs."""

    tokens: NDArray[np.int64]
    """(N,)"""
    places: NDArray[np.int64]
    """(N,) how many tokens stand before each one in its texts."""
    sees: NDArray[np.bool_]
    """(N, N) itself and what stands before it."""
    ends: NDArray[np.int64]
    """A text's last token, for each text."""


def trees(texts: Sequence[Sequence[int]], most: int) -> Iterator[Tree]:
    """In the texts' order, each tree with as many as fit into `most` tokens, and one text at least."""
    known: dict[tuple[int, int], int] = {}
    parents: list[int] = []
    tokens: list[int] = []
    ends: list[int] = []
    for text in texts:
        if ends and len(tokens) + len(text) > most:
            yield _tree(tokens, parents, ends)
            known, parents, tokens, ends = {}, [], [], []
        at = -1
        for token in text:
            key = (at, token)
            if key not in known:
                known[key] = len(tokens)
                parents.append(at)
                tokens.append(token)
            at = known[key]
        ends.append(at)
    if ends:
        yield _tree(tokens, parents, ends)


def _tree(tokens: Sequence[int], parents: Sequence[int], ends: Sequence[int]) -> Tree:
    sees = np.zeros((len(tokens), len(tokens)), dtype=np.bool_)
    places = np.zeros(len(tokens), dtype=np.int64)
    for at, parent in enumerate(parents):
        if parent >= 0:
            sees[at] = sees[parent]
            places[at] = places[parent] + 1
        sees[at, at] = True
    return Tree(np.array(tokens, dtype=np.int64), places, sees, np.array(ends, dtype=np.int64))


def read_trees(network: Any, texts: Sequence[Sequence[int]], device: str) -> torch.Tensor:
    """(n, d) what `CLIPModel.get_text_features` answers for these tokens, each text ending where it is pooled."""
    import torch

    words = network.text_model
    most = max(LEAST, TOKENS_A_WIDTH * words.config.hidden_size)
    found = []
    for tree in trees(texts, most):
        tokens, places, sees = (
            torch.from_numpy(each)[None].to(device) for each in (tree.tokens, tree.places, tree.sees)
        )
        state = words.embeddings.token_embedding(tokens) + words.embeddings.position_embedding(places)
        seen = torch.zeros(sees.shape, dtype=state.dtype, device=device).masked_fill(~sees, float("-inf"))
        state = words.encoder(inputs_embeds=state, attention_mask=seen[:, None]).last_hidden_state
        found.append(network.text_projection(words.final_layer_norm(state)[0, torch.from_numpy(tree.ends).to(device)]))
    return torch.cat(found)


def pooled(text: Sequence[int], end: int) -> Sequence[int]:
    """As far as a CLIP reads a text: to its first end token, the greatest where the configuration has it wrong."""
    last = text.index(end) if end != OLD_END and end in text else int(np.argmax(text))
    return text[: last + 1]
