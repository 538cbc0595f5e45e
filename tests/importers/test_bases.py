"""Every tool's spelling of a base family comes out as one short form, and the hard filter knows what fits what."""

from __future__ import annotations

import pytest

from palate.importers.bases import PARENT, SAME, base_family, base_of_tensors, compatible
from palate.safety.header import Tensors

SPELLINGS = {
    # Civitai, as in GEMRec's roster
    "SD 1.4": "SD14", "SD 1.5": "SD15", "SD 2.1": "SD21", "SD 2.1 768": "SD21-768", "Other": None,
    "SD 1.5 LCM": "SD15", "SD 2.0": "SD20", "SD 2.0 768": "SD20-768", "SDXL 0.9": "SDXL", "SDXL 1.0": "SDXL",
    "SDXL Lightning": "SDXL", "Pony": "Pony", "Illustrious": "Illustrious", "NoobAI": "NoobAI", "SD 3": "SD3",
    "SD 3.5": "SD35", "SD 3.5 Medium": "SD35-medium", "SD 3.5 Large Turbo": "SD35-large", "Flux.1 S": "Flux1-schnell",
    "Flux.1 D": "Flux1-dev", "Flux.1 Kontext": "Flux1-kontext", "Flux.1 Krea": "Flux1-krea", "PixArt a": "PixArt-alpha",
    "PixArt E": "PixArt-sigma", "Hunyuan 1": "HunyuanDiT", "Hunyuan Video": None, "SVD": None, "Chroma": "Chroma",
    "Stable Cascade": "Cascade", "Playground v2": "Playground2", "Qwen": "Qwen-Image", "ZImageTurbo": "Z-Image",
    # kohya and modelspec
    "sd_v1": "SD15", "sd_v2": "SD20", "sd_v2_v": "SD20-768", "sdxl_base_v1-0": "SDXL", "flux1": "Flux1",
    "stable-diffusion-v1/lora": "SD15", "stable-diffusion-v2-768-v": "SD20-768", "flux-1-dev/lora": "Flux1-dev",
    "stable-diffusion-xl-v1-base/lora": "SDXL", "stable-diffusion-3-medium": "SD3",
    # hub ids
    "runwayml/stable-diffusion-v1-5": "SD15", "CompVis/stable-diffusion-v1-4": "SD14",
    "stabilityai/stable-diffusion-2": "SD20-768", "stabilityai/stable-diffusion-2-base": "SD20",
    "stabilityai/stable-diffusion-2-1": "SD21-768", "stabilityai/stable-diffusion-2-1-base": "SD21",
    "stabilityai/stable-diffusion-xl-base-1.0": "SDXL", "stabilityai/stable-diffusion-xl-refiner-1.0": None,
    "stabilityai/stable-diffusion-3.5-large": "SD35-large", "black-forest-labs/FLUX.1-schnell": "Flux1-schnell",
    # files and classes
    "ponyDiffusionV6XL.safetensors": "Pony", "Illustrious-XL-v0.1.safetensors": "Illustrious",
    "v1-5-pruned-emaonly.safetensors": "SD15", "v2-1_768-ema-pruned.ckpt": "SD21-768", "my-ponytail-girl": None,
    "StableDiffusionXLPipeline": "SDXL", "StableDiffusionPipeline": None, "FluxPipeline": "Flux1",
    "pocket": "pocket", "": None, "x" * 100_000: None,
}  # fmt: skip


@pytest.mark.parametrize(("spelling", "family"), SPELLINGS.items(), ids=lambda value: str(value)[:40])
def test_a_spelling_has_its_short_form(spelling: str, family: str | None) -> None:
    assert base_family(spelling) == family


SHORT_FORMS = sorted({family for family in SPELLINGS.values() if family} | PARENT.keys() | SAME.keys())


@pytest.mark.parametrize("family", SHORT_FORMS)
def test_a_short_form_is_its_own_and_fits_itself(family: str) -> None:
    assert base_family(family) == family
    assert compatible(family, family)


@pytest.mark.parametrize(
    ("model", "wanted", "fits"),
    [
        ("Pony", "SDXL", True),
        ("NoobAI", "SDXL", True),
        ("NoobAI", "Illustrious", True),
        ("SDXL", "Pony", False),
        ("Illustrious", "Pony", False),
        ("Illustrious", "NoobAI", False),
        ("SD14", "SD15", True),
        ("SD15", "SD14", True),
        ("SD15", "SD21", False),
        ("SD20", "SD21", True),
        ("SD21-768", "SD20-768", True),
        ("SD21-768", "SD21", False),
        ("SD35-large", "SD35", True),
        ("SD35-large", "SD35-medium", False),
        ("Flux1-krea", "Flux1-dev", True),
        ("Flux1-dev", "Flux1-schnell", False),
        ("Flux1-dev", "flux", True),
        ("SD15", "sd 1.5", True),
        ("Tiny", "tiny", True),
        (None, "SD15", False),
    ],
)
def test_what_fits_what(model: str | None, wanted: str, *, fits: bool) -> None:
    assert compatible(model, wanted) is fits


def tensors(**shapes: tuple[int, ...]) -> Tensors:
    names = tuple(name.replace("__", ".") for name in shapes)
    return Tensors(names, ("F16",) * len(names), tuple(shapes.values()), (0,) * len(names))


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k__lora_down__weight": (8, 768)}, "SD15"),
        ({"lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k__lora_down__weight": (8, 1024)}, "SD21"),
        ({"unet__up_blocks__0__attentions__0__transformer_blocks__0__attn2__to_k__lora_A__weight": (8, 2048)}, "SDXL"),
        ({"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k__hada_w1_b": (4, 768)}, "SD15"),
        ({"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k__lora_up__weight": (320, 768)}, None),
        ({"lora_te2_text_model_encoder_layers_0_mlp_fc1__lora_down__weight": (8, 1280)}, "SDXL"),
        ({"lora_te_text_model_encoder_layers_0_self_attn_q_proj__lora_down__weight": (8, 768)}, "SD15"),
        ({"lora_unet_double_blocks_0_img_attn_proj__lora_down__weight": (8, 3072)}, "Flux1-dev"),
        ({"transformer__single_transformer_blocks__0__attn__to_q__lora_A__weight": (8, 3072)}, "Flux1-dev"),
        ({"transformer__transformer_blocks__0__attn__to_q__lora_A__weight": (8, 1536)}, "SD3"),
        ({"model__diffusion_model__joint_blocks__37__x_block__attn__qkv__weight": (9, 9)}, "SD35-large"),
        ({"model__diffusion_model__joint_blocks__0__x_block__attn2__qkv__weight": (9, 9)}, "SD35-medium"),
        ({"model__diffusion_model__joint_blocks__0__x_block__attn__qkv__weight": (9, 9)}, "SD3"),
        ({"double_blocks__0__img_attn__proj__weight": (9, 9), "img_in__weight": (9, 9)}, "Flux1-schnell"),
        (
            {"double_blocks__0__a": (9,), "img_in__weight": (9, 9), "guidance_in__in_layer__weight": (9, 9)},
            "Flux1-dev",
        ),
        ({"something__else": (3,)}, None),
        ({}, None),
    ],
    ids=str,
)
def test_shapes_tell_the_family(shapes: dict[str, tuple[int, ...]], family: str | None) -> None:
    assert base_of_tensors(tensors(**shapes)) == family
