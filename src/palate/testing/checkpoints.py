"""One-file checkpoints in the form of the first Stable Diffusion code, as people have them by the hundred."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
UNET_ENDS = {
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}  # fmt: skip
DECODER_ATTENTION = {
    "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
}  # fmt: skip


def build_tiny_checkpoint(file: Path | str, pipeline: Path | str) -> Path:
    """A diffusers folder of `build_tiny_pipeline` as one .safetensors file; it draws the same pictures."""
    from safetensors.torch import load_file, save_file

    root, target = Path(pipeline), Path(file)
    unet = load_file(root / "unet" / "diffusion_pytorch_model.safetensors")
    vae = load_file(root / "vae" / "diffusion_pytorch_model.safetensors")
    words = load_file(root / "text_encoder" / "model.safetensors")
    weights = {f"model.diffusion_model.{old_unet_name(name)}": weight for name, weight in unet.items()}
    for name, weight in vae.items():
        weights[f"first_stage_model.{old_vae_name(name)}"] = _as_convolution(name, weight)
    for name, weight in words.items():
        plain = name.removeprefix("text_model.")
        weights[f"cond_stage_model.transformer.text_model.{plain}"] = weight
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.contiguous() for name, weight in weights.items()}, target, metadata={"format": "pt"})
    return target


def old_unet_name(name: str) -> str:
    """Of a U-Net with two stages of one layer, whose first stage has attention."""
    for new, old in UNET_ENDS.items():
        if name.startswith(f"{new}."):
            return _old_resnet(name.replace(new, old, 1))
    down = re.match(r"down_blocks\.(\d)\.(resnets|attentions|downsamplers)\.(\d)\.(.+)", name)
    if down:
        stage, kind, _, rest = down.groups()
        if kind == "downsamplers":
            return f"input_blocks.2.0.{rest.replace('conv.', 'op.')}"
        return _old_resnet(f"input_blocks.{1 + 2 * int(stage)}.{int(kind == 'attentions')}.{rest}")
    up = re.match(r"up_blocks\.(\d)\.(resnets|attentions|upsamplers)\.(\d)\.(.+)", name)
    assert up is not None, name
    stage, kind, layer, rest = up.groups()
    if kind == "upsamplers":
        return f"output_blocks.1.1.{rest}"
    return _old_resnet(f"output_blocks.{2 * int(stage) + int(layer)}.{int(kind == 'attentions')}.{rest}")


def _old_resnet(name: str) -> str:
    head, _, ending = name.rpartition(".")
    block, _, part = head.rpartition(".")
    is_resnet = part in RESNET and "transformer_blocks" not in name
    return f"{block}.{RESNET[part]}.{ending}" if is_resnet else name


def old_vae_name(name: str) -> str:
    """Of an autoencoder with two stages; the old decoder counts its stages from the other end."""
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda found: f"up.{1 - int(found[1])}.block.{found[2]}", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{1 - int(found[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    for new, old in DECODER_ATTENTION.items():
        name = name.replace(f"mid_block.attentions.0.{new}.", f"mid.attn_1.{old}.")
    return name


def _as_convolution(name: str, weight: Any) -> Any:
    """The old attention is made of 1x1 convolutions."""
    is_matrix = "attentions" in name and name.endswith("weight") and weight.dim() == 2
    return weight[:, :, None, None] if is_matrix else weight
