"""A diffusers folder is opened only where it is weights and settings of known classes, and nothing else (T2, T8)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from palate.errors import PalateError
from palate.safety.pipelines import ALLOWED, check_pipeline, folder_hash, folder_stamp

INDEX: dict[str, Any] = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.35.0",
    "feature_extractor": [None, None],
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "requires_safety_checker": False,
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def pipeline(folder: Path, index: dict[str, Any] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(INDEX if index is None else index))
    for part in ("scheduler", "tokenizer"):
        (folder / part).mkdir(exist_ok=True)
        (folder / part / f"{part}_config.json").write_text("{}")
    for part in ("text_encoder", "unet", "vae", "safety_checker"):
        (folder / part).mkdir(exist_ok=True)
        (folder / part / "config.json").write_text(json.dumps({"cross_attention_dim": 768}))
        save_file({"a": np.ones(3, np.float32)}, folder / part / "model.safetensors")
    return folder


def test_a_plain_folder_is_safe(tmp_path: Path) -> None:
    found = check_pipeline(pipeline(tmp_path / "p"))
    assert found.class_name == "StableDiffusionPipeline"
    assert found.components["unet"] == "UNet2DConditionModel"
    assert "feature_extractor" not in found.components
    assert found.convert == ()
    assert found.context_width == 768
    assert folder_stamp(tmp_path / "p") == (found.size, found.mtime_ns)


def test_its_identity_is_its_content_and_not_its_place(tmp_path: Path) -> None:
    one, two = pipeline(tmp_path / "one"), pipeline(tmp_path / "two")
    assert check_pipeline(one).hash == check_pipeline(two).hash
    assert folder_hash(one) == folder_hash(two)
    save_file({"a": np.zeros(3, np.float32)}, two / "unet" / "model.safetensors")
    assert check_pipeline(one).hash != check_pipeline(two).hash
    assert folder_hash(one) != folder_hash(two)


def add(name: str, text: str = "{}") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)

    return change


def index(**changes: Any) -> Callable[[Path], None]:
    return add("model_index.json", json.dumps(INDEX | changes))


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def no_text(folder: Path) -> None:
    (folder / "model_index.json").write_bytes(b'{"\xff":1}')


def many_files(folder: Path) -> None:
    for number in range(3000):
        (folder / f"{number}.txt").touch()


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "code": (add("unet/unet.py", "raise SystemExit"), "unsafe_format"),
    "compiled code": (add("vae/x.PYC"), "unsafe_format"),
    "a shared library": (add("x.so"), "unsafe_format"),
    "another library": (index(unet=["os", "system"]), "unsafe_format"),
    "a local module": (index(unet=["unet", "UNet2DConditionModel"]), "unsafe_format"),
    "another class": (index(unet=["diffusers", "DiffusionPipeline"]), "unsafe_format"),
    "a class by prefix": (index(unet=["diffusers", "UNet2DConditionModel\nX"]), "unsafe_format"),
    "another pipeline": (index(_class_name="EvilPipeline"), "unsafe_format"),
    "a pipeline in a list": (index(_class_name=["x", "StableDiffusionPipeline"]), "unsafe_format"),
    "no pipeline": (index(_class_name=None), "unsafe_format"),
    "a component that climbs": (index(**{"../x": ["diffusers", "AutoencoderKL"]}), "unsafe_format"),
    "custom pipeline": (add("model_index.json", json.dumps(INDEX | {"custom_pipeline": "x/y"})), "unsafe_format"),
    "auto_map": (add("text_encoder/config.json", '{"auto_map": {"AutoModel": "x.Y"}}'), "unsafe_format"),
    "auto_map, deep": (add("text_encoder/config.json", '{"a": [{"b": {"auto_map": "x"}}]}'), "unsafe_format"),
    "remote code": (add("tokenizer/tokenizer_config.json", '{"trust_remote_code": true}'), "unsafe_format"),
    "a class in a component": (add("unet/config.json", '{"_class_name": "os.system"}'), "unsafe_format"),
    "doubled key": (add("model_index.json", json.dumps(INDEX)[:-1] + ', "_class_name": "x"}'), "model_corrupt"),
    "bad JSON": (add("model_index.json", "{"), "model_corrupt"),
    "an array": (add("model_index.json", "[]"), "model_corrupt"),
    "bad UTF-8": (no_text, "model_corrupt"),
    "nested to death": (add("unet/config.json", deep(100_000)), "model_corrupt"),
    "a huge configuration": (add("unet/config.json", '{"a": "' + "x" * 2**20 + '"}'), "model_corrupt"),
    "corrupt weights": (add("unet/model.safetensors", "nonsense"), "model_corrupt"),
    "a component without weights": (index(text_encoder_2=["transformers", "CLIPTextModel"]), "model_corrupt"),
    "shards elsewhere": (
        add("unet/model.safetensors.index.json", '{"weight_map": {"a": "../../x.safetensors"}}'),
        "path_not_allowed",
    ),
    "a link": (lambda folder: (folder / "x.json").symlink_to("/etc/hostname"), "path_not_allowed"),
    "a link to a folder": (lambda folder: (folder / "more").symlink_to("/etc"), "path_not_allowed"),
    "a pipe": (lambda folder: os.mkfifo(folder / "x.json"), "path_not_allowed"),
    "3,000 files": (many_files, "model_corrupt"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    change, code = HOSTILE[name]
    folder = pipeline(tmp_path / "p")
    change(folder)
    with pytest.raises(PalateError) as caught:
        check_pipeline(folder)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_switched_off_is_not_asked_for(tmp_path: Path) -> None:
    folder = pipeline(tmp_path / "p", INDEX | {"trust_remote_code": False, "auto_map": None})
    assert check_pipeline(folder).convert == ()


def test_weights_that_are_only_pickles_are_to_be_converted_first(tmp_path: Path) -> None:
    folder = pipeline(tmp_path / "p")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x02.")
    assert check_pipeline(folder).convert == ()
    (folder / "unet" / "model.safetensors").unlink()
    assert check_pipeline(folder).convert == ("unet",)


def test_the_hubs_cache_may_link_into_its_own_repository_and_nowhere_else(tmp_path: Path) -> None:
    repository = tmp_path / "models--a--b"
    folder = pipeline(repository / "snapshots" / "abc")
    (repository / "blobs").mkdir()
    (folder / "unet" / "model.safetensors").rename(repository / "blobs" / "1234")
    (folder / "unet" / "model.safetensors").symlink_to("../../../blobs/1234")
    with pytest.raises(PalateError):
        check_pipeline(folder)
    assert check_pipeline(folder, links_within=str(repository)).convert == ()
    (folder / "secret.json").symlink_to("/etc/hostname")
    with pytest.raises(PalateError) as caught:
        check_pipeline(folder, links_within=str(repository))
    assert caught.value.code == "path_not_allowed"


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["unet", "vae", "scheduler", "x", "_x"]) | st.text(max_size=6),
        st.lists(st.sampled_from(["diffusers", "transformers", "os", "UNet2DConditionModel", "PNDMScheduler", ""]))
        | st.none()
        | st.text(max_size=9),
        max_size=6,
    )
)
def test_whatever_an_index_names_only_allowed_classes_come_through(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    folder = pipeline(tmp_path_factory.mktemp("p"), {**INDEX, **changes})
    try:
        found = check_pipeline(folder)
    except PalateError:
        return
    for part, name in found.components.items():
        library = {**INDEX, **changes}[part][0]
        assert ALLOWED[library].match(name)
