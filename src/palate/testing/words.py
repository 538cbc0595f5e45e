"""A CLIP tokenizer of our own: every byte is a token, and so is each word that tiny worlds speak of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from palate.testing.shapes import COLOURS, SHAPES

OTHERS = "a an and at big by cat city dog in light night of on painting person photo picture sea small sun the tree"
WORDS: tuple[str, ...] = (*COLOURS, *SHAPES, *OTHERS.split())


def merges_for(words: Iterable[str]) -> list[tuple[str, str]]:
    """Byte-pair merges that join each word letter by letter from its left: ('r', 'e'), ('re', 'd</w>')."""
    merges: dict[tuple[str, str], None] = {}
    for word in words:
        left = word[0]
        for position, letter in enumerate(word[1:], 2):
            right = letter + ("</w>" if position == len(word) else "")
            merges[left, right] = None
            left += right
    return list(merges)


def tiny_tokenizer(length: int = 77, words: Iterable[str] = WORDS) -> Any:
    """A `transformers.CLIPTokenizer` of about 700 tokens that cuts at `length`."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    merges = merges_for(words)
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def words_config(tokenizer: Any, **sizes: int) -> dict[str, Any]:
    """The part of a CLIP text configuration that follows from the tokenizer, and the smallest sizes that work."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": tokenizer.model_max_length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **sizes,
    }
