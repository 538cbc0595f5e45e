"""What a weights file is for, told by the names and shapes of its tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from palate.safety.header import Tensors


@dataclass(frozen=True, slots=True)
class Anatomy:
    """`kind` is None for what does not draw by itself; `what` says in words what it is."""

    kind: Literal["checkpoint", "adapter"] | None
    what: str
    whole: bool = True
    """False for a checkpoint without the text encoders or the picture decoder, which its family's base lends it."""


_ADAPTER = re.compile(
    r"lora[_.](?:A|B|down|up|mid|linear_layer)|hada_w1|lokr_w|oft_(?:diag|blocks|R)|dora_scale|\.diff(?:_b)?$|ia3_l"
    r"|\.glora\.|boft_",
    re.MULTILINE,
)
_CONTROL = ("control_model.", "controlnet", "input_hint_block", "control_lora", "adapter.body")
_IP = ("ip_adapter", "image_proj.", "to_k_ip")
_MOTION = ("motion_modules", "temporal_transformer")
_DIFFUSION = (
    "model.diffusion_model.",
    "double_blocks.",
    "joint_blocks.",
    "double_layers.",
    "model_ema.diffusion_model.",
)
_DECODER = ("first_stage_model.", "vae.decoder.")
_WORDS = ("cond_stage_model.", "conditioner.embedders.", "text_encoders.", "te.text_model.")


@lru_cache(maxsize=128)
def anatomy(tensors: Tensors) -> Anatomy:
    """Adapter, checkpoint, or which part of one."""
    names = "\n".join(tensors.names)
    if any(part in names for part in _CONTROL):
        return Anatomy(None, "a ControlNet")
    if any(part in names for part in _IP):
        return Anatomy(None, "an IP-Adapter")
    if any(part in names for part in _MOTION):
        return Anatomy(None, "a motion module")
    if _ADAPTER.search(names):
        if re.search(r"model\.layers\.\d+\.", names) and not re.search(r"unet|transformer|diffusion|lora_te", names):
            return Anatomy(None, "an adapter of a language model")
        return Anatomy("adapter", "an adapter")
    if any(part in names for part in _DIFFUSION):
        return _checkpoint(tensors, names)
    return Anatomy(None, _part(tensors, names))


def _checkpoint(tensors: Tensors, names: str) -> Anatomy:
    channels = _input_channels(tensors)
    if channels == 9:
        return Anatomy(None, "an inpainting checkpoint, which repairs pictures and draws none from words alone")
    if channels == 8:
        return Anatomy(None, "an editing checkpoint, which changes pictures and draws none from words alone")
    whole = any(part in names for part in _DECODER) and any(part in names for part in _WORDS)
    return Anatomy("checkpoint", "a checkpoint" if whole else "the diffusion weights of a checkpoint", whole)


def _input_channels(tensors: Tensors) -> int | None:
    """Channels that a U-Net takes in: four of noise, and four or five more where it also takes a picture."""
    for name, shape in zip(tensors.names, tensors.shapes, strict=True):
        if name.endswith("diffusion_model.input_blocks.0.0.weight") and len(shape) == 4:
            return shape[1]
    return None


_PARTS = (
    (re.compile(r"^decoder\.up|^first_stage_model\.|^decoder\.(?:conv_in|mid)", re.MULTILINE), "a VAE"),
    (re.compile(r"^down_blocks\.\d", re.MULTILINE), "the U-Net of a diffusers pipeline"),
    (re.compile(r"^transformer_blocks\.\d", re.MULTILINE), "the transformer of a diffusers pipeline"),
    (re.compile(r"vision_model\.|^visual\.", re.MULTILINE), "a picture encoder"),
    (re.compile(r"text_model\.|encoder\.block\.\d+\.layer|^model\.layers\.\d", re.MULTILINE), "a text encoder"),
    (re.compile(r"emb_params|string_to_param|^clip_[lg]$|^<", re.MULTILINE), "a textual inversion"),
    (re.compile(r"^body\.\d|conv_first|^model\.1\.sub", re.MULTILINE), "an upscaler"),
)


def _part(tensors: Tensors, names: str) -> str:
    if not len(tensors):
        return "an empty file"
    return next((what for pattern, what in _PARTS if pattern.search(names)), "no kind of model that is known here")
