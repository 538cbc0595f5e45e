"""The base family of a model in one short form, from any tool's spelling or from its tensors; and what fits what.

Short forms: SD14, SD15, SD20, SD20-768, SD21, SD21-768, SDXL, Pony, Illustrious, NoobAI, SD3, SD35, SD35-medium,
SD35-large, Flux1, Flux1-dev, Flux1-schnell, Flux1-krea, Flux1-kontext, Flux2, Chroma, AuraFlow, Cascade, PixArt-alpha,
PixArt-sigma, HunyuanDiT, Kolors, Lumina, HiDream, Qwen-Image, Z-Image, Sana, Playground2, pocket.

**Compatibility** is a tree. Naming a family includes what was trained from it: `SDXL` includes Pony, Illustrious and
NoobAI; `Illustrious` includes NoobAI; `Pony` is only Pony, because plain SDXL adapters are drawn badly by it often
enough that a hard filter should not promise them. Families that differ in their training data alone, and exchange
adapters freely, stand for one another: SD14 and SD15, SD20 and SD21 (and their 768-pixel, velocity-predicting forms,
which do not mix with the 512-pixel ones). SD35-medium and SD35-large have different shapes and share nothing but the
parent SD35. A model of unknown base is compatible with nothing that is asked for by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from palate.safety.header import Tensors

PARENT: Mapping[str, str] = {
    "Pony": "SDXL",
    "Illustrious": "SDXL",
    "NoobAI": "Illustrious",
    "SD35-medium": "SD35",
    "SD35-large": "SD35",
    "Flux1-dev": "Flux1",
    "Flux1-schnell": "Flux1",
    "Flux1-krea": "Flux1-dev",
    "Flux1-kontext": "Flux1-dev",
}
SAME: Mapping[str, str] = {"SD14": "SD15", "SD20": "SD21", "SD20-768": "SD21-768"}
"""Each stands for the other: compared by the right-hand name."""

USUAL_HOME: Mapping[str, str] = {
    "SD14": "CompVis/stable-diffusion-v1-4",
    "SD15": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "SDXL": "stabilityai/stable-diffusion-xl-base-1.0",
    "SD3": "stabilityai/stable-diffusion-3-medium-diffusers",
    "SD35-medium": "stabilityai/stable-diffusion-3.5-medium",
    "SD35-large": "stabilityai/stable-diffusion-3.5-large",
    "Flux1-dev": "black-forest-labs/FLUX.1-dev",
    "Flux1-schnell": "black-forest-labs/FLUX.1-schnell",
}
"""The hub id that people usually mean by a family: what to offer where an adapter's own base is not at hand."""

# The first pattern that is found in the spelling, lower-case and without spaces, dots, dashes and underscores, wins;
# finetunes therefore stand before the families they come from.
_SPELLINGS = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (r"^pocket", "pocket"),
        (r"noobai|noobxl", "NoobAI"),
        (r"illustrious|^ilxl|^il$", "Illustrious"),
        (r"ponyv7|ponydiffusionv7|auraflow", "AuraFlow"),
        (r"pony(?!tail)", "Pony"),
        (r"kontext", "Flux1-kontext"),
        (r"krea.*flux|flux.*krea", "Flux1-krea"),
        (r"flux2", "Flux2"),
        (r"chroma", "Chroma"),
        (r"flux1?s(chnell)?$|flux.*schnell", "Flux1-schnell"),
        (r"flux1?d(ev)?$|flux.*dev", "Flux1-dev"),
        (r"flux", "Flux1"),
        (r"^cascade|stable(diffusion)?cascade|wuerstchen", "Cascade"),
        (r"(sd|stablediffusion|v)35m|(sd|stablediffusion)35.*medium", "SD35-medium"),
        (r"(sd|stablediffusion|v)35l|(sd|stablediffusion)35.*large", "SD35-large"),
        (r"(sd|stablediffusion)(v)?35", "SD35"),
        (r"(sd|stablediffusion)(v)?3", "SD3"),
        (r"pixart(sigma|e$|Σ|σ)", "PixArt-sigma"),
        (r"pixart", "PixArt-alpha"),
        (r"kolors", "Kolors"),
        (r"hidream", "HiDream"),
        (r"hunyuan(dit|1|$|image)", "HunyuanDiT"),
        (r"lumina", "Lumina"),
        (r"qwenimage|^qwen", "Qwen-Image"),
        (r"zimage", "Z-Image"),
        (r"^sana|efficientlargemodelsana", "Sana"),
        (r"playgroundv2|playground2", "Playground2"),
        (r"refiner|video|svd|videodiffusion", ""),
        (r"sdxl|stablediffusionxl|^xl\d*$|animagine", "SDXL"),
        (r"^stabilityaistablediffusion2$", "SD20-768"),
        (r"^stabilityaistablediffusion21$", "SD21-768"),
        (r"(sd|stablediffusion)(v)?21(v|768|unclip768)|v2-?1768|768v21", "SD21-768"),
        (r"(sd|stablediffusion)(v)?20(v|768)|stablediffusionv2768v|sdv2v|768vema", "SD20-768"),
        (r"(sd|stablediffusion)(v)?21|^v21", "SD21"),
        (r"(sd|stablediffusion)(v)?2|^v20", "SD20"),
        (r"(sd|stablediffusion)(v)?14|^v14", "SD14"),
        (r"(sd|stablediffusion)(v)?1|^v15|animefull|^nai", "SD15"),
    )
)


@lru_cache(maxsize=4096)
def base_family(spelling: str) -> str | None:
    """The short form of any tool's spelling: Civitai's, kohya's, modelspec's, a hub id, a pipeline's class; else None.

    `SD1` without a minor number is taken as SD15, `SD2` as SD20, as their makers' file names do.
    """
    plain = re.sub(r"[\s._\-/()]+", "", spelling[:256].casefold())
    for pattern, family in _SPELLINGS:
        if pattern.search(plain):
            return family or None
    return None


def compatible(model_base: str | None, wanted: str) -> bool:
    """Whether a model of this base belongs in an answer restricted to `wanted`; the module's docstring says why."""
    if model_base is None:
        return False
    target = base_family(wanted) or wanted
    target = SAME.get(target, target)
    family: str | None = base_family(model_base) or model_base
    while family is not None:
        if SAME.get(family, family).casefold() == target.casefold():
            return True
        family = PARENT.get(family)
    return False


# ---------------------------------------------------------------------------------------------------- told by tensors

_CONTEXT = {768: "SD15", 1024: "SD21", 2048: "SDXL", 4096: "PixArt-sigma"}
"""Width of the words a cross-attention reads: which text encoders a U-Net was trained with."""

_LAYER_NAMES = (
    # Order matters: the first substring present among the names decides.
    ("distilled_guidance_layer", "Chroma"),
    ("double_stream_modulation", "Flux2"),
    ("img_in.proj", None),  # HunyuanVideo has Flux's double blocks
    ("txt_mlp", "Qwen-Image"),
    ("double_layers", "AuraFlow"),
    ("joint_transformer_blocks", "AuraFlow"),
    ("double_blocks", "Flux1-dev"),
    ("single_transformer_blocks", "Flux1-dev"),
    ("adaln_single", "PixArt-sigma"),
    ("lora_te2_", "SDXL"),
    ("text_encoder_2.", "SDXL"),
    ("conditioner.embedders.1", "SDXL"),
)
_READS = ("to_k.weight", "down.weight", "lora_A.weight", "lora_A.default.weight", "hada_w1_b")
"""Endings of a matrix whose second dimension is what the layer reads."""


@lru_cache(maxsize=128)
def base_of_tensors(tensors: Tensors) -> str | None:
    """The family that the names and shapes allow, where they allow one.

    A U-Net is told by what its cross-attention reads: 768 numbers a word in SD 1, 1,024 in SD 2, 2,048 in SDXL.
    Finetunes have their parent's shapes: Pony comes out as SDXL, SD14 as SD15. Adapters of Flux come out as Flux1-dev:
    the distilled schnell is hardly ever trained on, and runs what was trained on dev.
    """
    width = _read_width(tensors, "attn2")
    if width is not None:
        return _CONTEXT.get(width)
    names = "\n".join(tensors.names)
    for part, family in _LAYER_NAMES:
        if part in names:
            return "Flux1-schnell" if part == "double_blocks" and _lacks_guidance(names) else family
    if "joint_blocks" in names:
        return _stable_diffusion_3(names)
    width = _read_width(tensors, "transformer_blocks.0.attn.to_")
    if width is not None:
        deep = "transformer_blocks.19." in names
        return {1536: "SD3", 2432: "SD35-large", 3072: "Qwen-Image" if deep else "Flux1-dev"}.get(width)
    # An adapter of the text encoder alone: CLIP-L belongs to SD 1, OpenCLIP-H to SD 2.
    return {768: "SD15", 1024: "SD21"}.get(_read_width(tensors, "self_attn") or 0)


def _lacks_guidance(names: str) -> bool:
    """A whole Flux (its input layer is there, an adapter has only what it changes) without dev's guidance input."""
    return "img_in.weight" in names and "guidance_in" not in names and "lora" not in names


def _read_width(tensors: Tensors, layer: str) -> int | None:
    """What the first such layer's key (or adapter half that reads) takes in: the last of its two dimensions."""
    for position, name in enumerate(tensors.names):
        if layer not in name or not name.endswith(_READS):
            continue
        shape = tensors.shapes[position]
        if len(shape) == 2 and ("to_k" in name or layer != "attn2"):
            return shape[1]
    return None


def _stable_diffusion_3(names: str) -> str:
    """24 joint blocks in SD3 and SD3.5 medium, whose first 13 attend twice; 38 in SD3.5 large."""
    if re.search(r"joint_blocks[._]37[._]", names):
        return "SD35-large"
    return "SD35-medium" if re.search(r"joint_blocks[._]\d+[._]x_block[._]attn2", names) else "SD3"


_SHAPED_LIKE: Mapping[str, str] = {"SD20": "SD21", "SD20-768": "SD21", "SD21-768": "SD21", "SD14": "SD15"} | {
    "Kolors": "SDXL",
    "Playground2": "SDXL",
}


def architecture(family: str) -> str:
    """The family whose shapes this one has: SDXL for Pony, SD21 for all of SD 2."""
    while family in PARENT:
        family = PARENT[family]
    return _SHAPED_LIKE.get(family, family)
