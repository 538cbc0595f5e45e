"""A history that is read once for all pictures of its group: its keys and values are kept once, and never copied.

transformers' cache repeats a prefix for every row that goes on from it and copies all of it for every code. Here the
rows of a group ask one prefix together (as in Juravsky et al. 2024, "Hydragen"), and only what they drew is their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass
class Prefix:
    """Of each layer keys and values: of b histories (b, heads, t, d), and of the codes of their groups so far."""

    language: Any
    """The Llama itself, whatever stands around it."""
    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    hidden: torch.Tensor
    """(b, 1, 1, 1, t): -inf where a history is padded."""
    group: int
    own_keys: list[torch.Tensor]
    own_values: list[torch.Tensor]
    """(b, heads, group, most, d) a layer, filled up to `drawn`."""
    drawn: int = 0


def read_prefix(
    network: Any, embedded: torch.Tensor, mask: torch.Tensor, *, group: int, most: int
) -> tuple[torch.Tensor, Prefix]:
    """The last states of b histories, (b, width), and what `most` codes of each of a group go on from."""
    language = network.get_base_model() if hasattr(network, "get_base_model") else network
    read = network(inputs_embeds=embedded, attention_mask=mask, use_cache=True)
    layers = read.past_key_values.layers
    hidden = embedded.new_zeros(mask.shape).masked_fill(mask == 0, float("-inf"))[:, None, None, None]
    rows, heads, _, width = layers[0].keys.shape
    room = [layer.keys.new_empty(rows, heads, group, most, width) for layer in (*layers, *layers)]
    own = room[: len(layers)], room[len(layers) :]
    kept = Prefix(language, [one.keys for one in layers], [one.values for one in layers], hidden, group, *own)
    return read.last_hidden_state[:, -1], kept


def go_on(prefix: Prefix, embedded: torch.Tensor) -> torch.Tensor:
    """One code more for every row: its embedding (b group, width) -> the state after it (b group, width)."""
    language, place = prefix.language, prefix.drawn
    position = embedded.new_full((1, 1), prefix.hidden.shape[-1] + place).long()
    turned = language.rotary_emb(embedded[:, None], position_ids=position)
    prefix.drawn += 1
    states = embedded[:, None]
    for at, layer in enumerate(language.layers):
        states = states + _attended(prefix, at, layer.self_attn, layer.input_layernorm(states), turned)
        states = states + layer.mlp(layer.post_attention_layernorm(states))
    found: torch.Tensor = language.norm(states)[:, 0]
    return found


def _attended(
    prefix: Prefix, at: int, attention: Any, states: torch.Tensor, turned: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """softmax(q k' / sqrt d) v over the shared prefix and the row's own codes. (b group, 1, width), as it was"""
    import torch
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    rows, group, drawn, width = len(states), prefix.group, prefix.drawn, attention.head_dim
    q, k, v = (
        part(states).view(rows, 1, -1, width).transpose(1, 2)
        for part in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    q, k = apply_rotary_pos_emb(q, k, *turned)
    heads = k.shape[1]
    own = (prefix.own_keys[at], prefix.own_values[at])
    for kept, new in zip(own, (k, v), strict=True):
        kept[:, :, :, drawn - 1] = new.view(-1, group, heads, width).transpose(1, 2)
    asked = q.view(rows // group, group, heads, -1, width).permute(0, 2, 3, 1, 4)  # b heads repeats group d
    shared = torch.einsum("bhrgd,bhtd->bhrgt", asked, prefix.keys[at]) * attention.scaling + prefix.hidden
    alone = torch.einsum("bhrgd,bhgtd->bhrgt", asked, own[0][:, :, :, :drawn]) * attention.scaling
    weights = torch.cat([shared, alone], -1).float().softmax(-1).to(states.dtype)
    told = torch.einsum("bhrgt,bhtd->bhrgd", weights[..., :-drawn], prefix.values[at])
    told = told + torch.einsum("bhrgt,bhgtd->bhrgd", weights[..., -drawn:], own[1][:, :, :, :drawn])
    found: torch.Tensor = attention.o_proj(told.permute(0, 3, 1, 2, 4).reshape(rows, 1, -1))
    return found
