"""A hub's page becomes a model without a download, and whatever goes wrong is one plain sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from palate.errors import PalateError
from palate.importers.hub import ALLOWED_FILES, check_snapshot, download, read_hub_model, wanted_files


@dataclass
class FakeHub:
    """Answers as `huggingface_hub.HfApi` does, from what it is given."""

    files: Mapping[str, int | None] = field(default_factory=dict)
    card: dict[str, Any] | None = None
    tags: list[str] = field(default_factory=list)
    error: Exception | None = None

    def model_info(self, repo_id: str, *, files_metadata: bool = False) -> Any:
        assert files_metadata
        if self.error is not None:
            raise self.error
        return SimpleNamespace(
            sha="abc",
            author="ada",
            downloads=77,
            tags=self.tags,
            card_data=self.card and SimpleNamespace(to_dict=lambda: self.card),
            siblings=[SimpleNamespace(rfilename=name, size=size) for name, size in self.files.items()],
        )


PIPELINE = {"model_index.json": 500, "unet/model.safetensors": 3_000_000_000, "unet/old.bin": 3_000_000_000}


def test_a_pipeline_with_its_size_licence_downloads_and_base() -> None:
    card = {"license": "mit", "base_model": "runwayml/stable-diffusion-v1-5", "tags": ["art"]}
    model, warnings = read_hub_model("ada/paint", client=FakeHub(PIPELINE, card))
    assert (model.kind, model.state, model.location, model.name) == ("pipeline", "ready", "ada/paint", "paint")
    assert (model.base, model.licence, model.downloads, model.maker) == ("SD15", "mit", 77, "ada")
    assert model.tags == ("art",)
    assert model.size == 3_000_000_500
    assert warnings == ("the first drawing downloads 3.0 GB",)


def test_an_adapter_sits_on_the_base_its_card_names() -> None:
    card = {"base_model": ["stabilityai/stable-diffusion-xl-base-1.0"], "instance_prompt": "sks dog"}
    model, _ = read_hub_model("ada/lora", client=FakeHub({"pytorch_lora_weights.safetensors": 10}, card))
    assert (model.kind, model.base) == ("adapter", "SDXL")
    assert model.base_location == "stabilityai/stable-diffusion-xl-base-1.0"
    assert model.trigger_words == ("sks dog",)


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"model_index.json": 1, "unet/x.bin": 2}, "convert first"),
        ({**PIPELINE, "unet/x.py": 2}, "quarantined"),
        ({**PIPELINE, "unet/odd.safetensors": None}, "ready"),
    ],
)
def test_what_cannot_be_drawn_with_is_listed_with_a_reason(files: dict[str, int | None], state: str) -> None:
    model, _ = read_hub_model("ada/paint", client=FakeHub(files))
    assert model.state == state
    assert (model.state_reason is None) is (state == "ready")


class RepositoryNotFoundError(Exception):
    """Named as the hub's own is."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionError("a\nlong\ntrace"), "hub_unreachable"),
        (OSError(), "hub_unreachable"),
        (RepositoryNotFoundError("404"), "hub_unknown"),
    ],
)
def test_a_hub_that_does_not_answer_is_one_line(error: Exception, code: str) -> None:
    with pytest.raises(PalateError) as caught:
        read_hub_model("ada/paint", client=FakeHub(error=error))
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
    assert "ada/paint" in str(caught.value)


@pytest.mark.parametrize(
    "hub_id", ["", "paint", "../x", "a/../b", "https://x/y", "a/b/c", "a/b.safetensors", "/a/b", "a/b\n"]
)
def test_what_is_no_hub_id_is_never_asked_for(hub_id: str) -> None:
    with pytest.raises(PalateError) as caught:
        read_hub_model(hub_id, client=FakeHub(error=AssertionError("asked")))
    assert caught.value.code == "not_a_hub_id"


def snapshot(cache: Path, *, code: bool = False) -> Path:
    """A snapshot as the hub's cache keeps it: links into the repository's blobs."""
    folder = cache / "models--ada--paint" / "snapshots" / "abc"
    blobs = cache / "models--ada--paint" / "blobs"
    blobs.mkdir(parents=True)
    (folder / "unet").mkdir(parents=True)
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
    (blobs / "1").write_text(json.dumps(index))
    save_file({"a": np.ones(1, np.float32)}, blobs / "2")
    (folder / "model_index.json").symlink_to("../../blobs/1")
    (folder / "unet" / "model.safetensors").symlink_to("../../../blobs/2")
    if code:
        (folder / "unet" / "x.py").touch()
    return folder


def test_a_download_asks_only_for_what_runs_no_code_and_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    folder = snapshot(tmp_path)

    def fetch(hub_id: str, **options: Any) -> str:
        asked.update(options, hub_id=hub_id)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert download("ada/paint", revision="abc") == folder
    assert asked["hub_id"] == "ada/paint"
    assert asked["revision"] == "abc"
    assert asked["allow_patterns"] == list(ALLOWED_FILES)
    assert not any(pattern.endswith((".bin", ".py", ".ckpt", "*")) for pattern in ALLOWED_FILES)
    (folder / "unet" / "x.py").touch()
    with pytest.raises(PalateError, match="code"):
        download("ada/paint")


def test_a_pipeline_is_fetched_without_the_copies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        "model_index.json",
        "whole.safetensors",
        "unet/config.json",
        "unet/model.safetensors",
        "unet/model.fp16.safetensors",
        "vae/model.fp16-00001-of-00002.safetensors",
        "unet/model.bin",
        "run.py",
    ]
    wanted = wanted_files(names)
    assert wanted == [
        "model_index.json",
        "unet/config.json",
        "unet/model.safetensors",
        "vae/model.fp16-00001-of-00002.safetensors",  # the only ones that this part has
    ]
    assert wanted_files(["ada.safetensors", "README.md"]) == ["README.md", "ada.safetensors"]
    asked: dict[str, Any] = {}

    def fetch(_: str, **options: Any) -> str:
        asked.update(options)
        return str(snapshot(tmp_path))

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    download("ada/paint", files=[*wanted, "run.py"])
    assert asked["allow_patterns"] == wanted


def test_a_snapshot_may_link_into_its_own_blobs(tmp_path: Path) -> None:
    assert check_snapshot(snapshot(tmp_path)).components == {"unet": "UNet2DConditionModel"}


def test_a_download_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise ConnectionError("many\nlines")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(PalateError) as caught:
        download("ada/paint")
    assert caught.value.code == "hub_unreachable"
