"""Which checkpoints and LoRAs the nodes of a ComfyUI graph load, and how much of each goes into a sampler."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from palate.catalogue.records import Credit
from palate.importers.metadata.a1111 import lora_tags
from palate.importers.metadata.graph import Graph, Node
from palate.importers.metadata.reading import adapter, checkpoint, number, small, word

_CHECKPOINTS = ("ckpt_name", "unet_name", "base_ckpt_name", "gguf_name", "diffusion_model", "model_name", "model_path")
_WEIGHTS_FILE = re.compile(r".+\.(?:safetensors|sft|ckpt|gguf|pth?|bin)", re.IGNORECASE)
_LORA = re.compile(r"lora(?:_name)?_?(\d{0,2})", re.IGNORECASE)
_STRENGTHS = ("strength_model", "lora_model_strength", "model_str", "strength", "lora_strength", "lora_wt", "weight")
_NUMBERED = ("strength_model_", "model_str_", "lora_wt_", "model_weight_", "strength_", "lora_strength_", "weight_")

_MODEL_INPUT = re.compile(r"model|unet|lora|guider", re.IGNORECASE)
_OTHER_MODEL = re.compile(r"upscale|style|control|sam_|clip|ip_?adapter|detector|vae|vision|embed", re.IGNORECASE)
_OTHER_LOADER = re.compile(
    r"upscale|control_?net|style_?model|clip_?loader|clip_?vision|ip_?adapter|detector|vae_?loader|sam_?loader", re.I
)
_NO_MODEL_INPUT = re.compile(r"clip|vae|positive|negative|cond|latent|image|pixels|mask|text|seed|sigmas|noise", re.I)


def credits_above(graph: Graph, sampler: Node) -> list[Credit | None]:
    """Every checkpoint and LoRA on the way of the model into the sampler; merged checkpoints by their ratio."""
    parts: dict[str, float] = {}

    def follow(node: Node) -> Collection[str]:
        links = [key for key in graph.links(node) if not _OTHER_MODEL.search(key)]
        wanted = [key for key in links if _MODEL_INPUT.search(key)]
        wanted = wanted or [key for key in links if not _NO_MODEL_INPUT.search(key)]
        for key in wanted:
            if source := graph.feeding(node.inputs[key]):
                parts.setdefault(source.id, parts.get(node.id, 1.0) * _ratio(node, key))
        return wanted

    credits = list(credits_of(sampler))
    for node in graph.above([sampler.inputs[key] for key in follow(sampler)], follow):
        credits += [_in_part(credit, parts.get(node.id, 1.0)) for credit in credits_of(node)]
    return credits


def _ratio(node: Node, key: str) -> float:
    """The part of a merge that comes in through this input: model1 by the ratio, model2 by what is left."""
    ratio = number(node.inputs.get("ratio"))
    if ratio is None or not 0 <= ratio <= 1:
        return 1.0
    return {"model1": ratio, "model2": 1 - ratio}.get(key, 1.0)


def _in_part(credit: Credit | None, part: float) -> Credit | None:
    if credit is None or part == 1.0 or credit.role != "checkpoint":
        return credit
    return Credit(credit.name, credit.role, round(credit.weight * part, 6), credit.hash) if part > 0 else None


def credits_of(node: Node) -> Iterator[Credit | None]:
    """What one node loads."""
    if _OTHER_LOADER.search(node.type):
        return
    names = (_file_name(node.inputs.get(key)) for key in _CHECKPOINTS)
    name = next((name for name in names if name), None)
    if name is None and (model := _file_name(node.inputs.get("model"))) and _WEIGHTS_FILE.fullmatch(model):
        name = model
    if name:
        yield checkpoint(name)
    yield from _loras_of(node)


def _file_name(value: object) -> str | None:
    """A name as a text, or inside what some loaders put around it."""
    return word(value.get("content") if isinstance(value, dict) else value)


def _loras_of(node: Node) -> Iterator[Credit | None]:
    """One LoRA, numbered LoRAs, LoRAs switched on and off, or LoRAs written as tags: each loader has its own way."""
    for key, value in node.inputs.items():
        if not (matched := _LORA.fullmatch(key)):
            continue
        if isinstance(value, dict) and "lora" in value:
            if value.get("on", True):
                yield adapter(value["lora"], value.get("strength", 1.0))
        elif (name := _file_name(value)) and not _switched_off(node.inputs, matched[1]):
            yield adapter(name, _strength(node.inputs, matched[1]))
    if "lora" in node.type.lower() and isinstance(text := node.inputs.get("text"), str):
        for name, strength in lora_tags(text):
            yield adapter(name, strength)


def _strength(inputs: Mapping[str, object], place: str) -> object:
    keys = [prefix + place for prefix in _NUMBERED] if place else list(_STRENGTHS)
    if inputs.get("input_mode") == "simple":  # the stacker shows one weight and keeps the hidden two
        keys.insert(0, f"lora_wt_{place}")
    return next((inputs[key] for key in keys if number(inputs.get(key)) is not None), 1.0)


def _switched_off(inputs: Mapping[str, object], place: str) -> bool:
    count = small(inputs.get("lora_count"))
    switch = inputs.get(f"switch_{place}", inputs.get(f"enabled_{place}"))
    beyond = count is not None and place.isdigit() and int(place) > count
    return beyond or switch in ("Off", False)
