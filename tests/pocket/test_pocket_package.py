"""The pocket package: its prompts, and its networks opened as a user opens them."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import palate_pocket as pocket
import pytest
from numpy.typing import NDArray


def test_there_are_61_specification_prompts_all_different() -> None:
    prompts = pocket.prompts()
    assert len(prompts) == 61
    assert len({prompt.text for prompt in prompts}) == 61


def test_every_category_has_14_task_prompts() -> None:
    assert Counter(prompt.tag for prompt in pocket.task_prompts()) == dict.fromkeys(pocket.categories(), 14)
    assert len(pocket.categories()) == 10
    assert len(pocket.task_prompts("animals")) == 14


def test_no_task_prompt_is_a_specification_prompt() -> None:
    assert not {p.text for p in pocket.prompts()} & {p.text for p in pocket.task_prompts()}


def test_identification_is_asked_with_fourteen_task_prompts_of_every_category() -> None:
    asked = pocket.identification_prompts()
    assert len(set(asked)) == 14
    assert set(asked) <= set(pocket.task_prompts())
    assert {prompt.tag for prompt in asked} == set(pocket.categories())


def test_both_sets_of_prompts_have_the_same_categories() -> None:
    assert {prompt.tag for prompt in pocket.prompts()} == set(pocket.categories())


def test_an_unknown_category_is_named() -> None:
    with pytest.raises(ValueError, match="no category 'furniture'"):
        pocket.task_prompts("furniture")


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ValueError, match="no pocket network called 'gan'"):
        pocket.folder("gan")


@pytest.mark.parametrize("kind", ["clip", "dino", "diffusion", "janus"])
def test_a_network_is_there_with_its_card_or_says_how_to_train_it(kind: str) -> None:
    if kind in pocket.kinds():
        assert (pocket.folder(kind) / "README.md").is_file()
    else:
        with pytest.raises(pocket.NotTrainedError, match=f"recipes.{kind}"):
            pocket.folder(kind)


def test_a_network_counts_as_there_only_with_its_configuration_and_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALATE_POCKET_WEIGHTS", str(tmp_path))
    for kind, name in (("clip", "config.json"), ("diffusion", "model_index.json"), ("dino", "model_index.json")):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "README.md").touch()
        (tmp_path / kind / name).touch()
    assert pocket.kinds() == ("clip", "diffusion")


def test_a_build_without_drawing_models_lists_none_and_says_how_to_draw_a_bank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALATE_POCKET_WEIGHTS", str(tmp_path))
    assert pocket.adapters() == ()
    with pytest.raises(pocket.NotTrainedError, match=r"recipes\.bank"):
        pocket.bank()


def test_an_adapter_says_whose_style_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALATE_POCKET_WEIGHTS", str(tmp_path))
    place = tmp_path / "adapters" / "ph-bold"
    place.mkdir(parents=True)
    card = {"key": "ph-bold", "title": "Phosphor bold", "set": "ph", "author": "A. Person", "licence": "MIT"}
    (place / "card.json").write_text(json.dumps({**card, "tags": ["grid"], "downloads": 7, "steps": 150}))
    (found,) = pocket.adapters()
    assert (found.key, found.folder, found.author, found.tags, found.downloads) == (
        "ph-bold",
        place,
        "A. Person",
        ("grid",),
        7,
    )


def test_the_bank_finds_a_picture_by_model_prompt_and_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALATE_POCKET_WEIGHTS", str(tmp_path))
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_bank(tmp_path / "bank", vectors, broken=[4])
    bank = pocket.bank()
    assert len(bank) == 6
    assert bank.row(1, 1, 0) == 5
    assert bank.rows("specification") == [(0, 0, 0, 0), (1, 0, 0, 1), (3, 1, 0, 0)]  # row 4 is a broken picture
    assert bank.rows("specification", seeds=1) == [(0, 0, 0, 0), (3, 1, 0, 0)]
    close = (bank.vectors(range(6)) * vectors).sum(1)
    assert close.min() > 0.9999
    with pytest.raises(IndexError, match="1 seeds"):
        bank.row(0, 1, 1)


def test_a_bank_that_lacks_vectors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALATE_POCKET_WEIGHTS", str(tmp_path))
    write_bank(tmp_path / "bank", np.eye(5, 16, dtype=np.float32), broken=[])
    with pytest.raises(ValueError, match="5 vectors for 6 keys"):
        pocket.bank()


def write_bank(folder: Path, vectors: NDArray[np.float32], broken: list[int]) -> None:
    from palate_pocket.bank import packed
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    codes, scales = packed(vectors)
    flags = np.isin(np.arange(len(vectors)), broken).astype(np.uint8)
    words = np.eye(2, vectors.shape[1], dtype=np.float16)
    save_file(
        {"clip_codes": codes, "clip_scales": scales, "broken": flags, "words": words}, folder / "bank.safetensors"
    )
    prompts = [
        {"text": "an icon of a cat", "tag": "animals", "kind": "specification", "seeds": [3, 4]},
        {"text": "an icon of a dog", "tag": "animals", "kind": "task", "seeds": [5]},
    ]
    (folder / "bank.json").write_text(json.dumps({"models": ["a", "b"], "prompts": prompts, "made": {}}))


@pytest.mark.skipif("clip" not in pocket.kinds(), reason="this build has no pocket CLIP")
def test_the_pocket_clip_opens_as_any_clip_does() -> None:
    import torch
    from PIL import Image
    from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel

    where = pocket.folder("clip")
    network = CLIPModel.from_pretrained(where, dtype=torch.float32)
    words = AutoTokenizer.from_pretrained(where)
    pixels = CLIPImageProcessorPil.from_pretrained(where)(Image.new("RGB", (100, 50), "white"), return_tensors="pt")
    with torch.no_grad():
        seen = network.get_image_features(**pixels).pooler_output
        said = network.get_text_features(
            **words(["a red apple", "café"], padding=True, return_tensors="pt")
        ).pooler_output
    assert pixels["pixel_values"].shape == (1, 3, 64, 64)
    assert seen.shape == (1, said.shape[1])
    assert bool(torch.isfinite(said).all())
