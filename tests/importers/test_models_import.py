"""Bringing in a folder of models: what each is, which are refused and why, and what a second scan leaves alone."""

from __future__ import annotations

import importlib.util
import json
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from palate.errors import PalateError
from palate.importers.anatomy import anatomy
from palate.importers.models import (
    FEW,
    ModelDuplicate,
    ModelFound,
    ModelRefused,
    ModelUnchanged,
    Scanned,
    full_hash,
    quick_check,
    scan_models,
)
from palate.safety.header import Tensors

ROOT = Path(__file__).parents[2]

LORA = {
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 768),
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": (320, 4),
}
CHECKPOINT = {
    "model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3),
    "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (8, 2048),
    "first_stage_model.decoder.conv_in.weight": (2, 2),
    "conditioner.embedders.0.weight": (2, 2),
}


def weights(
    path: Path, shapes: Mapping[str, tuple[int, ...]], metadata: dict[str, str] | None = None, fill: int = 1
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.full(shape, fill, np.float16) for name, shape in shapes.items()}, path, metadata)
    return path


def pipeline(folder: Path) -> Path:
    (folder / "unet").mkdir(parents=True)
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", "DDIMScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "unet" / "config.json").write_text('{"cross_attention_dim": 768}')
    save_file({"conv_in.weight": np.ones(3, np.float32)}, folder / "unet" / "model.safetensors")
    (folder / "README.md").write_text("---\nlicense: mit\nbase_model: CompVis/stable-diffusion-v1-4\n---\n")
    return folder


def by_name(results: Iterable[Scanned]) -> dict[str, Scanned]:
    return {
        Path(result.model.location if isinstance(result, ModelFound) else result.path).name: result
        for result in results
    }


def found(result: Scanned) -> ModelFound:
    assert isinstance(result, ModelFound), result
    return result


def refused(result: Scanned) -> ModelRefused:
    assert isinstance(result, ModelRefused), result
    return result


def test_checkpoints_adapters_and_pipelines_are_told_apart(tmp_path: Path) -> None:
    weights(tmp_path / "loras" / "ink.safetensors", LORA, {"ss_sd_model_name": "v1-4.ckpt"})
    weights(tmp_path / "xl.safetensors", CHECKPOINT)
    pipeline(tmp_path / "sd")
    results = by_name(scan_models(tmp_path))
    assert results.keys() == {"ink.safetensors", "xl.safetensors", "sd"}
    shown = {name: (found(result).model.kind, found(result).model.base) for name, result in results.items()}
    assert shown == {
        "ink.safetensors": ("adapter", "SD14"),
        "xl.safetensors": ("checkpoint", "SDXL"),
        "sd": ("pipeline", "SD14"),
    }
    folder = found(results["sd"]).model
    assert (folder.licence, folder.state, folder.card["pipeline"]) == ("mit", "ready", "StableDiffusionPipeline")


def test_sidecars_header_and_card_are_put_together(tmp_path: Path) -> None:
    path = weights(tmp_path / "ink-lora" / "pytorch_lora_weights.safetensors", LORA, {"modelspec.author": "ada"})
    stem = path.with_suffix("")
    stem.with_suffix(".civitai.info").write_text(json.dumps({"trainedWords": ["ink"], "stats": {"downloadCount": 5}}))
    stem.with_suffix(".preview.png").write_bytes(b"")
    stem.with_suffix(".json").write_bytes(b"\xff")
    (path.parent / "README.md").write_text("---\nlicense: mit\n---\n")
    result = found(next(scan_models(tmp_path)))
    model = result.model
    assert (model.name, model.maker, model.licence, model.downloads) == ("ink-lora", "ada", "mit", 5)
    assert model.trigger_words == ("ink",)
    assert model.card["preview"] == str(stem) + ".preview.png"
    assert result.warnings == ("sidecar ignored: it is not valid UTF-8 (.json)",)


def test_shapes_overrule_what_texts_say_of_the_base(tmp_path: Path) -> None:
    weights(tmp_path / "a.safetensors", LORA, {"ss_base_model_version": "sdxl_base_v1-0"})
    result = found(next(scan_models(tmp_path)))
    assert result.model.base == "SD15"
    assert "SDXL" in result.warnings[0]


def test_a_moved_file_keeps_its_id_and_a_copy_is_a_duplicate(tmp_path: Path) -> None:
    first = weights(tmp_path / "a.safetensors", LORA)
    before = found(next(scan_models(tmp_path))).model.id
    (tmp_path / "b").mkdir()
    first.rename(tmp_path / "b" / "renamed.safetensors")
    assert found(next(scan_models(tmp_path))).model.id == before
    weights(tmp_path / "copy.safetensors", LORA)
    results = list(scan_models(tmp_path))
    assert [type(result) for result in results] == [ModelFound, ModelDuplicate]
    assert isinstance(results[1], ModelDuplicate)
    assert (results[1].id, Path(results[1].first).name) == (before, "copy.safetensors")


def test_two_adapters_of_equal_header_and_other_weights_are_two_models(tmp_path: Path) -> None:
    weights(tmp_path / "a.safetensors", LORA, fill=1)
    weights(tmp_path / "b.safetensors", LORA, fill=2)
    ids = {found(result).model.id for result in scan_models(tmp_path)}
    assert len(ids) == 2


def test_pickles_are_listed_by_content_and_disguised_ones_quarantined(tmp_path: Path) -> None:
    for name in ("honest.ckpt", "disguised.safetensors", "training_args.bin"):
        (tmp_path / name).write_bytes(b"\x80\x02}q\x00." + name.encode())
    weights(tmp_path / "really.ckpt", LORA)
    (tmp_path / "quantised.gguf").write_bytes(b"GGUF" + bytes(30))
    (tmp_path / "vocabulary.bin").write_bytes(b"hello world")
    results = by_name(scan_models(tmp_path))
    states = {name: item.model and item.model.state for name, item in results.items() if isinstance(item, ModelRefused)}
    assert states == {
        "honest.ckpt": "convert first",
        "disguised.safetensors": "quarantined",
        "training_args.bin": "convert first",
        "quantised.gguf": "convert first",
        "vocabulary.bin": None,
    }
    assert refused(results["disguised.safetensors"]).code == "unsafe_format"
    assert found(results["really.ckpt"]).model.kind == "adapter"


def test_bad_files_are_named_with_a_reason_and_the_rest_is_read(tmp_path: Path) -> None:
    weights(tmp_path / "good.safetensors", LORA)
    cut = weights(tmp_path / "cut.safetensors", LORA)
    cut.write_bytes(cut.read_bytes()[:-10])
    (tmp_path / "empty.safetensors").touch()
    weights(tmp_path / "vae.safetensors", {"decoder.conv_in.weight": (2, 2), "encoder.conv_in.weight": (2, 2)})
    inpainting = CHECKPOINT | {"model.diffusion_model.input_blocks.0.0.weight": (8, 9, 3, 3)}
    weights(tmp_path / "inpainting.safetensors", inpainting)
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "good.safetensors")
    os.mkfifo(tmp_path / "pipe.safetensors")
    code = pipeline(tmp_path / "code")
    (code / "unet" / "unet.py").write_text("")
    results = by_name(scan_models(tmp_path))
    assert isinstance(results.pop("good.safetensors"), ModelFound)
    assert {name: refused(result).code for name, result in results.items()} == {
        "cut.safetensors": "model_corrupt",
        "empty.safetensors": "model_corrupt",
        "vae.safetensors": "not_drawable",
        "inpainting.safetensors": "not_drawable",
        "link.safetensors": "link_not_followed",
        "pipe.safetensors": "not_a_file",
        "code": "unsafe_format",
    }
    quarantined = refused(results["code"]).model
    assert quarantined is not None
    assert quarantined.state == "quarantined"


def known_of(results: Iterable[Scanned]) -> dict[str, tuple[int, int]]:
    models = [found(result).model for result in results]
    return {model.location: (model.size or 0, model.mtime_ns or 0) for model in models}


def test_an_unchanged_file_is_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights(tmp_path / "a.safetensors", LORA)
    folder = pipeline(tmp_path / "p")
    known = known_of(scan_models(tmp_path))
    assert known.keys() == {str(path), str(folder)}
    monkeypatch.setattr("palate.importers.models.read_header", lambda *_: pytest.fail("opened"))
    monkeypatch.setattr("palate.importers.models.check_pipeline", lambda *_: pytest.fail("opened"))
    assert [type(result) for result in scan_models(tmp_path, known=known)] == [ModelUnchanged] * 2
    assert [type(result) for result in scan_models(tmp_path, known=known.get)] == [ModelUnchanged] * 2


def test_a_changed_file_and_a_newer_sidecar_are_read_again(tmp_path: Path) -> None:
    path = weights(tmp_path / "a.safetensors", LORA)
    known = known_of(scan_models(tmp_path))
    now = path.stat().st_mtime_ns
    sidecar = tmp_path / "a.json"
    sidecar.write_text('{"activation text": "ink"}')
    os.utime(sidecar, ns=(now + 10, now + 10))
    assert isinstance(next(scan_models(tmp_path, known=known)), ModelUnchanged)
    assert isinstance(next(scan_models(tmp_path, known=known, since_ns=now + 11)), ModelUnchanged)
    assert found(next(scan_models(tmp_path, known=known, since_ns=now + 10))).model.trigger_words == ("ink",)
    weights(path, LORA, fill=3)
    os.utime(path, ns=(now + 20, now + 20))
    assert isinstance(next(scan_models(tmp_path, known=known)), ModelFound)


def test_the_quick_check_notices_an_overwritten_a_cut_and_a_vanished_file(tmp_path: Path) -> None:
    path = weights(tmp_path / "a.safetensors", LORA)
    model = found(next(scan_models(tmp_path))).model
    quick_check(model)
    state = path.stat()
    content = path.read_bytes()
    weights(path, LORA, fill=2)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    for _ in range(2):
        with pytest.raises(PalateError) as caught:
            quick_check(model)
        assert caught.value.code == "model_changed"
        path.write_bytes(content[:-8])
    path.write_bytes(content)
    with pytest.raises(PalateError, match="changed"):
        quick_check(model)  # the time alone is reason enough to look again
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    quick_check(model)
    path.unlink()
    with pytest.raises(PalateError) as caught:
        quick_check(model)
    assert caught.value.code == "model_missing"


def test_the_quick_check_of_a_pipeline_and_of_what_is_no_file(tmp_path: Path) -> None:
    folder = pipeline(tmp_path / "p")
    model = found(next(scan_models(tmp_path))).model
    quick_check(model)
    quick_check(replace(model, location="maker/name", header_hash=None))
    before = full_hash(folder)
    (folder / "unet" / "config.json").write_text("{}")
    with pytest.raises(PalateError, match="changed"):
        quick_check(model)
    assert full_hash(folder) != before


def test_the_folder_itself_may_be_a_pipeline(tmp_path: Path) -> None:
    assert found(next(scan_models(pipeline(tmp_path / "p")))).model.kind == "pipeline"


def test_other_processes_give_the_same_results_in_the_same_order(tmp_path: Path) -> None:
    bench = benchmark()
    bench.write(tmp_path, FEW + 100, 3)
    (tmp_path / "000" / "lora_00003.safetensors").write_bytes(b"nonsense")
    alone = list(scan_models(tmp_path, workers=1))
    assert list(scan_models(tmp_path, workers=2)) == alone
    assert sum(isinstance(result, ModelFound) for result in alone) == FEW + 99


def benchmark() -> Any:
    specification = importlib.util.spec_from_file_location("import_models", ROOT / "benchmarks" / "import_models.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def tensors(*names: str) -> Tensors:
    return Tensors(names, ("F16",) * len(names), ((1,),) * len(names), (0,) * len(names))


@pytest.mark.parametrize(
    ("names", "kind", "what"),
    [
        (["unet.up_blocks.0.attn1.to_q.lora_A.weight"], "adapter", "an adapter"),
        (["lora_unet_x.hada_w1_a"], "adapter", "an adapter"),
        (["lora_unet_x.lokr_w2"], "adapter", "an adapter"),
        (["base_model.model.model.layers.0.q.lora_A.weight"], None, "an adapter of a language model"),
        (["double_blocks.0.img_attn.proj.weight"], "checkpoint", "the diffusion weights of a checkpoint"),
        (["control_model.input_hint_block.0.weight"], None, "a ControlNet"),
        (["image_proj.proj.weight"], None, "an IP-Adapter"),
        (["down_blocks.0.motion_modules.0.x"], None, "a motion module"),
        (["down_blocks.0.resnets.0.conv1.weight"], None, "the U-Net of a diffusers pipeline"),
        (["text_model.encoder.layers.0.x"], None, "a text encoder"),
        (["vision_model.encoder.layers.0.x", "text_model.x"], None, "a picture encoder"),
        (["emb_params"], None, "a textual inversion"),
        (["conv_first.weight", "body.0.x"], None, "an upscaler"),
        ([], None, "an empty file"),
        (["x"], None, "no kind of model that is known here"),
    ],
)
def test_names_tell_what_a_file_is_for(names: list[str], kind: str | None, what: str) -> None:
    found_anatomy = anatomy(tensors(*names))
    assert (found_anatomy.kind, found_anatomy.what) == (kind, what)


def test_a_header_that_lies_about_its_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 2**63) + b'{"a":1}' * 9)
    assert refused(next(scan_models(tmp_path))).code == "model_corrupt"
