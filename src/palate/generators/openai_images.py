"""A server that speaks OpenAI's images API (OpenAI, LocalAI, vLLM, and Palate itself)."""

from __future__ import annotations

from PIL import Image

from palate.generators.endpoints import message_in
from palate.generators.picture_by_picture import PictureByPicture
from palate.generators.protocol import Order

PATH = "/v1/images/generations"


class OpenAIImages(PictureByPicture):
    """One picture a request. The API has no seed: it is sent, and servers that know it keep to it."""

    def draw_one(self, order: Order) -> Image.Image:
        body: dict[str, object] = {"model": self.checkpoint, "prompt": order.text, "n": 1}
        if order.width or order.height:
            body["size"] = f"{order.width or order.height}x{order.height or order.width}"
        if not self.checkpoint.startswith("gpt-image"):  # which always answers base64 and refuses to be told
            body["response_format"] = "b64_json"
        if not self.checkpoint.startswith(("gpt-image", "dall-e")):
            body["seed"] = order.seed % 2**32
            body |= {"negative_prompt": order.negative} if order.negative else {}
        answer = self._endpoint.post_json(PATH, body)
        if said := message_in(answer):
            raise self._endpoint.failed(f"it drew nothing: {said}")
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
            raise self._endpoint.failed("its answer has no pictures in it")
        if len(data) != 1:
            raise self._endpoint.failed(f"one picture was asked for and {len(data)} came")
        return self._endpoint.picture_of_base64(data[0].get("b64_json"))
