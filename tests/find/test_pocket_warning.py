"""The encoder that comes with Palate knows icons: answers about anything else say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from palate.catalogue import models as model_rows
from palate.catalogue.records import Model
from palate.studio import Studio

palate_pocket = pytest.importorskip("palate_pocket")
if "clip" not in palate_pocket.kinds():
    pytest.skip("this build has no pocket CLIP", allow_module_level=True)


def outputs(folder: Path, side: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(side)
    for number in range(4):
        said = PngInfo()
        said.add_text("parameters", f"a thing {number}\nSteps: 5, Seed: {number}, Model: {('ink', 'oil')[number % 2]}")
        noise = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png", pnginfo=said)
    return folder


@pytest.mark.parametrize(("side", "warned"), [(64, False), (256, True)])
def test_larger_pictures_are_not_the_pocket_encoders_kind(tmp_path: Path, side: int, warned: bool) -> None:
    studio = Studio.create(str(tmp_path / "home"))
    with studio.home.write() as connection:
        model_rows.put(
            connection, [Model(name, name, "pipeline", f"x://{name}", base="SD15") for name in ("ink", "oil")]
        )
    added = studio.add_pictures(outputs(tmp_path / "outputs", side))
    answer = studio.find("a thing")
    studio.close()
    assert any("icons and emoji" in warning for warning in added.warnings) == warned
    assert any("icons and emoji" in warning for warning in answer.warnings) == warned
    assert len(answer) == 2
