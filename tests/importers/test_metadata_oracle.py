"""Our readers beside sd-parsers: where both read a picture, they say the same."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from palate.importers.metadata import read_metadata
from palate.safety.containers import sniff
from palate.testing.outputs import jpeg_with_comment, png, text_to_image

sd_parsers = pytest.importorskip("sd_parsers", reason="the oracle sd-parsers is not installed")

A1111 = (
    "a fox, snow\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 12, Size: 512x768, "
    "Model hash: 6ce0161689, Model: v1-5-pruned"
)
FOOOCUS = {
    "base_model": "jugger",
    "base_model_hash": "aeb7e9e689",
    "guidance_scale": 4.0,
    "negative_prompt": "bad",
    "prompt": "a fox",
    "sampler": "euler",
    "scheduler": "karras",
    "seed": 5,
    "sharpness": 2,
    "steps": 30,
}
INVOKEAI = {
    "positive_prompt": "a fox",
    "negative_prompt": "bad",
    "seed": 5,
    "cfg_scale": 8.0,
    "steps": 35,
    "scheduler": "euler",
    "model": {"model_name": "jugger", "base_model": "sdxl", "model_type": "main"},
}
NOVELAI = {
    "steps": 50,
    "sampler": "k_euler_ancestral",
    "seed": 5,
    "strength": 0.4,
    "noise": 0.0,
    "scale": 10.0,
    "uc": "bad",
}
COMFYUI = text_to_image()
LINKS = [[1, 4, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "CONDITIONING"], [3, 7, 0, 3, 2, "CONDITIONING"]]

PICTURES = {
    "A1111": png({"parameters": A1111}),
    "A1111 in JPEG": jpeg_with_comment(A1111),
    "A1111 in WebP": jpeg_with_comment(A1111, format="WEBP"),
    "Fooocus": png({"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}),
    "InvokeAI": png({"invokeai_metadata": json.dumps(INVOKEAI)}),
    "NovelAI": png(
        {
            "Description": "a fox",
            "Software": "NovelAI",
            "Source": "Stable Diffusion 1D44365E",
            "Comment": json.dumps(NOVELAI),
        }
    ),
    "ComfyUI": png({**COMFYUI, "workflow": json.dumps({"links": LINKS})}),
}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_both_say_the_same(name: str) -> None:
    data = PICTURES[name]
    kind = sniff(data)
    assert kind is not None
    ours = read_metadata(data, kind)
    theirs = sd_parsers.ParserManager().parse(io.BytesIO(data))
    assert theirs is not None
    (sampler,) = theirs.samplers
    assert ours.text == theirs.full_prompt
    assert ours.negative == theirs.full_negative_prompt
    assert ours.seed == int(sampler.parameters["seed"])
    assert ours.settings.get("steps", 50) == int(sampler.parameters.get("steps", 50))
    assert ours.settings["cfg"] == float(sampler.parameters["cfg_scale"])
    assert ours.settings["sampler"] == sampler.name
    (model,) = theirs.models
    assert (ours.credits[0].name, ours.credits[0].hash) == (model.name, model.hash.lower() if model.hash else None)


def test_it_is_an_oracle_only_because_the_package_never_imports_it() -> None:
    package = Path(__file__).parents[2] / "src" / "palate"
    assert not [path for path in package.rglob("*.py") if "import sd_parsers" in path.read_text()]
