"""ComfyUI: an order becomes the standard text-to-image graph, is queued, waited for, and its picture fetched."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from palate.generators.endpoints import message_in, one_line
from palate.generators.picture_by_picture import PictureByPicture
from palate.generators.protocol import Order
from palate.importers.sidecars import mapping_of

WAIT = 0.1
LONGEST_WAIT = 2.0
SIDE = 512
STEPS = 20
CFG = 7.0
"""ComfyUI's graphs have no defaults of their own: these are those of its first example."""

SAMPLERS = {
    "euler a": "euler_ancestral",
    "dpm++ 2m": "dpmpp_2m",
    "dpm++ 2m sde": "dpmpp_2m_sde",
    "dpm++ sde": "dpmpp_sde",
    "dpm++ 2s a": "dpmpp_2s_ancestral",
    "dpm2": "dpm_2",
    "dpm2 a": "dpm_2_ancestral",
    "unipc": "uni_pc",
    "plms": "euler",
}
SPACINGS = ("karras", "exponential", "beta", "normal", "simple", "sgm uniform")


class ComfyUI(PictureByPicture):
    """One graph a picture, so that each order's seed alone decides it."""

    def draw_one(self, order: Order) -> Image.Image:
        graph = text_to_image(order, self.checkpoint, self.adapters)
        answer = self._endpoint.post_json("/prompt", {"prompt": graph, "client_id": uuid.uuid4().hex})
        ticket = mapping_of(answer).get("prompt_id")
        said = message_in(answer)
        if said or not isinstance(ticket, str) or not ticket.replace("-", "").isalnum():
            raise self._endpoint.failed(f"it refused the graph: {said or 'without a reason'}")
        images = self._wait(ticket)
        if len(images) != 1:
            raise self._endpoint.failed(f"one picture was asked for and {len(images)} came")
        place = {field: images[0].get(field, "") for field in ("filename", "subfolder", "type")}
        if not all(isinstance(value, str) for value in place.values()):
            raise self._endpoint.failed("its answer has no pictures in it")
        return self._endpoint.picture(self._endpoint.get("/view", **place))

    def _wait(self, ticket: str) -> list[dict[str, Any]]:
        """The pictures of a queued graph, asked for again and again until its time is up."""
        until, pause = time.monotonic() + self._endpoint.seconds, WAIT
        while time.monotonic() < until:
            entry = mapping_of(mapping_of(self._endpoint.get_json(f"/history/{ticket}")).get(ticket))
            status = mapping_of(entry.get("status"))
            if status.get("status_str") == "error":
                raise self._endpoint.failed(f"it drew nothing: {_reason(status)}")
            if entry.get("outputs") or status.get("completed"):
                outputs = mapping_of(entry.get("outputs")).values()
                lists = [mapping_of(output).get("images") for output in outputs]
                return [one for images in lists if isinstance(images, list) for one in images if isinstance(one, dict)]
            time.sleep(pause)
            pause = min(LONGEST_WAIT, 1.5 * pause)
        raise self._endpoint.failed(f"no picture within {self._endpoint.seconds:.0f} s")


def _reason(status: Mapping[str, Any]) -> str:
    messages = status.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, list) and len(message) == 2 and message[0] == "execution_error":
            return one_line(mapping_of(message[1]).get("exception_message", "without a reason"))
    return "without a reason"


def sampler_of(name: str | None) -> tuple[str, str]:
    """(sampler_name, scheduler) as ComfyUI writes them, from any tool's spelling."""
    words = " ".join((name or "euler").lower().replace("_", " ").split())
    spacing = next((one for one in SPACINGS if words.endswith(f" {one}")), None)
    words = words.removesuffix(f" {spacing}")
    return SAMPLERS.get(words, words.replace(" ", "_")), (spacing or "normal").replace(" ", "_")


def text_to_image(order: Order, checkpoint: str, adapters: Sequence[tuple[str, float]] = ()) -> dict[str, Any]:
    """ComfyUI's standard graph: checkpoint -> LoRAs -> words -> sampler -> decoder -> a temporary picture."""
    sampler, spacing = sampler_of(order.sampler)
    nodes: dict[str, Any] = {"checkpoint": _node("CheckpointLoaderSimple", ckpt_name=checkpoint)}
    last = "checkpoint"
    for number, (name, weight) in enumerate(adapters):
        link = {"model": [last, 0], "clip": [last, 1]}
        last = f"adapter{number}"
        nodes[last] = _node("LoraLoader", lora_name=name, strength_model=weight, strength_clip=weight, **link)
    side = order.width or order.height or SIDE, order.height or order.width or SIDE
    nodes |= {
        "words": _node("CLIPTextEncode", text=order.text, clip=[last, 1]),
        "not": _node("CLIPTextEncode", text=order.negative, clip=[last, 1]),
        "canvas": _node("EmptyLatentImage", width=side[0], height=side[1], batch_size=1),
        "draw": _node(
            "KSampler",
            model=[last, 0], positive=["words", 0], negative=["not", 0], latent_image=["canvas", 0],
            seed=order.seed % 2**64, steps=order.steps or STEPS, cfg=CFG if order.cfg is None else order.cfg,
            sampler_name=sampler, scheduler=spacing, denoise=1.0,
        ),
        "decode": _node("VAEDecode", samples=["draw", 0], vae=["checkpoint", 2]),
        "picture": _node("PreviewImage", images=["decode", 0]),
    }  # fmt: skip
    return nodes


def _node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}
