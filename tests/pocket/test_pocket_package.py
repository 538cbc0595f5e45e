"""The pocket package: its prompts, and its networks opened as a user opens them."""

from collections import Counter

import palate_pocket as pocket
import pytest


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
