"""Janus at the smallest size that works: with the pocket's marks or with Janus-Pro's; and the plain loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from palate.quiet import quietly
from palate.testing.words import WORDS, merges_for

if TYPE_CHECKING:
    import torch

    from palate.personalise.janus import Janus, Told

POCKET_MARKS = {"person_token": "<|user|>", "assistant_token": "<|assistant|>"}
PICTURE_MARKS = {"image_token": "<image_placeholder>", "boi_token": "<begin_of_image>", "eoi_token": "<end_of_image>"}


def build_tiny_janus(
    folder: Path | str,
    *,
    like: str = "pocket",
    side: int = 16,
    patches: int = 4,
    width: int = 32,
    layers: int = 2,
    codes: int = 32,
    longest: int = 1024,
    seed: int = 0,
) -> Path:
    """`like` is pocket or pro. A picture of `side` pixels is patches x patches codes and as many vectors."""
    import torch
    from transformers import JanusForConditionalGeneration, JanusImageProcessorPil, JanusProcessor

    torch.manual_seed(seed)
    place = Path(folder)
    words = janus_tokenizer(like)
    config = _config(words, side, patches, width, layers, codes, longest)
    network = JanusForConditionalGeneration(config)
    with torch.no_grad():  # as random weights are drawn, every code would be as likely as any other
        network.model.generation_head.vision_head.weight.mul_(20.0)
    with quietly():
        network.save_pretrained(place)
    half = [0.5, 0.5, 0.5]
    processor = JanusImageProcessorPil(size={"height": side, "width": side}, image_mean=half, image_std=half)
    JanusProcessor(processor, words, num_image_tokens=patches * patches).save_pretrained(place)
    return place


def _config(words: Any, side: int, patches: int, width: int, layers: int, codes: int, longest: int) -> Any:
    from transformers import JanusConfig

    scale = side // patches
    text = {
        "model_type": "llama",
        "vocab_size": len(words),
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": longest,
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
    }
    sight = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": side,
        "patch_size": scale,
        "projection_dim": width,
        "num_image_tokens": patches * patches,
    }
    coder = {
        "embed_dim": 8,
        "num_embeddings": codes,
        "latent_channels": 32,
        "base_channels": 32,
        "channel_multiplier": [1] * scale.bit_length(),
        "num_res_blocks": 1,
        "num_patches": patches,
        "projection_dim": width,
        "image_token_embed_dim": width,
    }
    place_id = words.convert_tokens_to_ids("<image_placeholder>")
    return JanusConfig(text_config=text, vision_config=sight, vq_config=coder, image_token_id=place_id)


def janus_tokenizer(like: str = "pocket") -> Any:
    """A tokenizer of the tiny worlds' words with the marks of a Janus, which puts its first mark before a text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPTokenizer, PreTrainedTokenizerFast

    turns = POCKET_MARKS if like == "pocket" else {}
    first, last, padding = "<|startoftext|>", "<|endoftext|>", "<|pad|>"
    marks = [first, last, padding, *PICTURE_MARKS.values(), *turns.values()]
    marks += [] if like == "pocket" else ["<|User|>", "<|Assistant|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = merges_for(WORDS)
    tokens = [*marks, *letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    numbers = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    shape = CLIPTokenizer().backend_tokenizer
    inner = Tokenizer(models.BPE(numbers, merges, end_of_word_suffix="</w>"))
    inner.normalizer, inner.pre_tokenizer = shape.normalizer, shape.pre_tokenizer
    inner.post_processor = processors.TemplateProcessing(single=f"{first} $A", special_tokens=[(first, numbers[first])])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=first,
        eos_token=last,
        pad_token=padding,
        padding_side="left",
        extra_special_tokens={**PICTURE_MARKS, **turns},
        additional_special_tokens=[] if like == "pocket" else ["<|User|>", "<|Assistant|>"],
    )


def plain_logits(janus: Janus, told: Told, codes: torch.Tensor, guidance: float) -> torch.Tensor:
    """(b, n, codebook) by the plain loop: one history at a time, no cache, the whole text read again for each code."""
    import torch

    network = janus.network
    rows = []
    with torch.no_grad():
        for row, own in enumerate(codes):
            length = int(told.mask[row].sum())
            steps = []
            for place in range(len(own)):
                after = network.prepare_embeddings_for_image_generation(own[None, :place])
                branches = []
                for prefix in (told.embedded, told.blank):
                    whole = torch.cat([prefix[row : row + 1, -length:], after], 1)
                    state = network.model.language_model(inputs_embeds=whole, use_cache=False).last_hidden_state[:, -1]
                    branches.append(network.model.generation_head(state))
                steps.append(branches[1] + guidance * (branches[0] - branches[1]))
            rows.append(torch.cat(steps))
    return torch.stack(rows)
