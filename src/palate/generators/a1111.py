"""A1111's web interface and its kin (Forge, reForge, SD.Next), started with --api."""

from __future__ import annotations

from typing import Any

from PIL import Image

from palate.generators.endpoints import message_in
from palate.generators.picture_by_picture import PictureByPicture
from palate.generators.protocol import Order

PATH = "/sdapi/v1/txt2img"


class A1111(PictureByPicture):
    """One picture a request: seeds of a batch follow each other there, and ours do not."""

    def draw_one(self, order: Order) -> Image.Image:
        answer = self._endpoint.post_json(PATH, self.request(order))
        if said := message_in(answer):
            raise self._endpoint.failed(f"it drew nothing: {said}")
        images = answer.get("images") if isinstance(answer, dict) else None
        if not isinstance(images, list):
            raise self._endpoint.failed("its answer has no pictures in it")
        if len(images) != 1:
            raise self._endpoint.failed(f"one picture was asked for and {len(images)} came")
        return self._endpoint.picture_of_base64(images[0])

    def request(self, order: Order) -> dict[str, Any]:
        """The body of one request; seeds are 32 bits there."""
        worn = "".join(f" <lora:{name}:{weight:g}>" for name, weight in self.adapters)
        wanted = {
            "prompt": order.text + worn,
            "negative_prompt": order.negative,
            "seed": order.seed % 2**32,
            "steps": order.steps,
            "cfg_scale": order.cfg,
            "width": order.width or order.height,
            "height": order.height or order.width,
            "sampler_name": order.sampler,
            "n_iter": 1,
            "batch_size": 1,
            "send_images": True,
            "save_images": False,
            "do_not_save_grid": True,
            "override_settings": {"sd_model_checkpoint": self.checkpoint},
            "override_settings_restore_afterwards": False,
        }
        return {name: value for name, value in wanted.items() if value is not None}
