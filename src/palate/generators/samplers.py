"""The names that people's tools give to samplers, and the diffusers scheduler that each stands for."""

from __future__ import annotations

import re
from typing import Any

from palate.errors import PalateError

SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "dpm++ 2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++ 2m sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "dpm++ sde": ("DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++ 2s a": ("DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm2": ("KDPM2DiscreteScheduler", {}),
    "dpm2 a": ("KDPM2AncestralDiscreteScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "plms": ("PNDMScheduler", {"skip_prk_steps": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
}
SPELLINGS = {
    "dpmpp": "dpm++",
    "ancestral": "a",
    "sample dpm": "dpm",
    "uni pc": "unipc",
    "dpm solver++": "dpm++ 2m",
    "dpm 2": "dpm2",
    "dpm++2m": "dpm++ 2m",
}
SPACINGS: dict[str, dict[str, Any]] = {
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "beta": {"use_beta_sigmas": True},
    "sgm uniform": {"timestep_spacing": "trailing"},
    "trailing": {"timestep_spacing": "trailing"},
    "normal": {},
    "automatic": {},
}


def scheduler_of(sampler: str) -> tuple[str, dict[str, Any]]:
    """(class name, settings) of a sampler as A1111 or ComfyUI write it: "DPM++ 2M Karras", "euler_ancestral"."""
    name = re.sub(r"[\s_\-]+", " ", sampler.strip().lower())
    settings: dict[str, Any] = {}
    for word, spacing in SPACINGS.items():
        if name.endswith(f" {word}"):
            name, settings = name.removesuffix(f" {word}"), spacing
    for written, meant in SPELLINGS.items():
        name = re.sub(rf"(?<!\S){re.escape(written)}(?=$|\W)", meant, name)
    if name not in SAMPLERS:
        raise PalateError(
            "unknown_sampler",
            "no scheduler is known by this name",
            about=sampler[:60],
            hint=f"one of {', '.join(SAMPLERS)}, and 'karras' after it where wanted; or leave it to the model",
        )
    class_name, own = SAMPLERS[name]
    return class_name, {**own, **settings}


def with_sampler(pipeline: Any, sampler: str) -> Any:
    """A scheduler for this sampler with the noise schedule that the pipeline was trained on."""
    import diffusers

    class_name, settings = scheduler_of(sampler)
    fitting = {kind.__name__ for kind in pipeline.scheduler.compatibles} | {type(pipeline.scheduler).__name__}
    if "DDIMScheduler" in fitting:
        fitting.add("LCMScheduler")  # for distilled models, whose folders name the scheduler they were distilled from
    if class_name not in fitting:
        raise PalateError(
            "unknown_sampler",
            f"{class_name} does not fit a {type(pipeline).__name__}, which was trained for another kind of noise",
            about=sampler[:60],
            hint="leave the sampler to the model",
        )
    return getattr(diffusers, class_name).from_config(pipeline.scheduler.config, **settings)
