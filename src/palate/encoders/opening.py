"""From a name to an encoder."""

from __future__ import annotations

from typing import get_args

from palate.encoders.places import find_folder, read_config, require_sound
from palate.encoders.preprocessing import Fit
from palate.encoders.protocol import Encoder
from palate.encoders.running import Precision
from palate.errors import PalateError


def open_encoder(
    name: str, *, device: str | None = None, fit: str | None = None, precision: Precision = "auto"
) -> Encoder:
    """An encoder by hub id, folder, `pocket` or `pocket:dino`; what it is, its config.json says.

    `fit` is squash (all of the picture, its proportions lost: as GEMRec does, and CLIP's default here) or crop (the
    middle, as CLIP's and DINO's own code does). `device` None takes the best there is. `precision` auto uses half
    precision where the device has units for it and the vectors keep a cosine of 0.999.
    """
    if fit is not None and fit not in get_args(Fit):
        raise PalateError("unknown_fit", f"a picture is fitted by squash or crop, not by {fit[:40]}", about="fit")
    from palate.encoders import clip_shaped, dino_shaped

    folder = find_folder(name)
    kind = read_config(folder, "config.json").get("model_type")
    chosen: Fit | None = "squash" if fit == "squash" else "crop" if fit == "crop" else None
    shapes = {**dict.fromkeys(clip_shaped.CLASSES, clip_shaped.ClipShaped)}
    others = {**dict.fromkeys(dino_shaped.CLASSES, dino_shaped.DinoShaped)}
    shape = shapes.get(str(kind)) or others.get(str(kind))
    if shape is None:
        known = ", ".join([*clip_shaped.CLASSES, *dino_shaped.CLASSES])
        raise PalateError("unknown_network", f"its model_type {kind!r} is none of {known}", about=name)
    require_sound(folder, name)
    try:
        return shape(name, folder, device=device, fit=chosen, precision=precision)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise PalateError("model_unreadable", line, about=name) from error
