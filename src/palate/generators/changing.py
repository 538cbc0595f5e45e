"""A pipeline's other face: the same weights, beginning from a picture in place of noise (SDEdit, Meng et al. 2022).

Nothing is loaded a second time: diffusers builds the image-to-image pipeline of a family from the parts of the one that
draws from words. A family that has none is refused with a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from palate.errors import PalateError
from palate.generators.protocol import CANNOT_CHANGE, Order
from palate.safety.pictures import open_picture

if TYPE_CHECKING:
    from palate.generators.loading import LoadedBase

STEP = 16
"""Sides are multiples of it: no decoder here halves a picture more than four times."""
USUAL_SIDE = 512


def changer_of(base: LoadedBase) -> Any:
    """The image-to-image pipeline over the same weights, made when it is first needed."""
    if base.changer is None:
        from diffusers import AutoPipelineForImage2Image

        try:
            base.changer = AutoPipelineForImage2Image.from_pipe(base.pipeline)
        except ValueError as error:
            raise PalateError("cannot_edit", CANNOT_CHANGE, about=type(base.pipeline).__name__) from error
        base.changer.set_progress_bar_config(disable=True)
    return base.changer


def beginnings(pipeline: Any, orders: Sequence[Order]) -> dict[str, Any]:
    """What an image-to-image call takes beside the words; the orders are alike in size and start."""
    first = orders[0]
    assert first.start is not None
    picture = open_picture(first.start)
    if first.width or first.height:
        side = first.width or first.height, first.height or first.width
        size = int(side[0] or USUAL_SIDE), int(side[1] or USUAL_SIDE)
    else:
        size = fitted(picture.size, own_side(pipeline))
    fit = picture.resize(size, Image.Resampling.LANCZOS)
    return {"image": [fit] * len(orders), "strength": first.strength, "width": size[0], "height": size[1]}


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(width, height) of the same shape with about `side`^2 pixels, in steps that every decoder takes.

    >>> fitted((300, 100), 64)
    (112, 32)
    """
    width, height = size
    share = side / (width * height) ** 0.5
    return max(STEP, round(width * share / STEP) * STEP), max(STEP, round(height * share / STEP) * STEP)


def own_side(pipeline: Any) -> int:
    """The side at which the pipeline draws where nobody names one."""
    inner = getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)
    cells = getattr(pipeline, "default_sample_size", None) or getattr(
        getattr(inner, "config", None), "sample_size", None
    )
    scale = getattr(pipeline, "vae_scale_factor", None)
    return cells * scale if isinstance(cells, int) and isinstance(scale, int) else USUAL_SIDE
