"""The forward path after a history: equal to the plain loop, listening to the history, the same for both families."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from palate.errors import PalateError
from palate.personalise.janus import Janus, Liked, Seen, Told, logits, open_janus
from palate.personalise.sampling import sample
from palate.personalise.template import INSTRUCTION, plain, wording_of
from palate.testing.januses import build_tiny_janus, janus_tokenizer, plain_logits
from palate.testing.shapes import draw_shape

SEEN: tuple[Seen, ...] = ("vision", "codes")


@pytest.fixture(scope="module", params=["pocket", "pro"])
def janus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Janus:
    folder = build_tiny_janus(tmp_path_factory.mktemp("janus") / request.param, like=request.param)
    return open_janus(str(folder), device="cpu")


def history(janus: Janus, seen: Seen, *things: tuple[str, str, str]) -> list[Liked]:
    pictures = janus.see([draw_shape(shape, colour, size=24) for _, shape, colour in things], seen)
    return [Liked(words, picture) for (words, _, _), picture in zip(things, pictures, strict=True)]


def two_people(janus: Janus, seen: Seen = "vision") -> Told:
    ada = history(janus, seen, ("red circle", "circle", "red"), ("", "square", "red"), ("cat", "bar", "red"))
    bob = history(janus, seen, ("a blue cross on the sea", "cross", "blue"))
    return janus.tell([ada, bob])


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("group", [1, 3])
def test_logits_are_those_of_the_plain_loop(janus: Janus, seen: Seen, group: int) -> None:
    told = two_people(janus, seen)
    codes = torch.randint(0, 32, (2 * group, 16), generator=torch.Generator().manual_seed(1))
    repeated = Told(*(part.repeat_interleave(group, 0) for part in (told.embedded, told.blank, told.mask)))
    found = logits(janus, told, codes, group=group, guidance=3.0)
    assert (found - plain_logits(janus, repeated, codes, 3.0)).abs().max() < 1e-3


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_what_sampled_has_the_log_probabilities_that_it_was_sampled_with(janus: Janus, guidance: float) -> None:
    told = two_people(janus)
    drawn = sample(janus, told, group=2, guidance=guidance, temperature=0.9, seed=5)
    again = logits(janus, told, drawn.codes, group=2, guidance=guidance, temperature=0.9).log_softmax(-1)
    assert drawn.codes.shape == (4, 16)
    assert torch.allclose(again.gather(2, drawn.codes[..., None])[..., 0], drawn.log_probs, atol=1e-4)


def test_the_same_seed_draws_the_same_and_a_group_differs(janus: Janus) -> None:
    told = two_people(janus)
    one, two = (sample(janus, told, group=3, seed=7).codes for _ in range(2))
    assert torch.equal(one, two)
    assert len({tuple(row) for row in one.tolist()}) == 6


@pytest.mark.parametrize("seen", SEEN)
def test_another_history_gives_other_logits_by_its_pictures_alone(janus: Janus, seen: Seen) -> None:
    red = janus.tell([history(janus, seen, ("thing", "circle", "red"))])
    blue = janus.tell([history(janus, seen, ("thing", "square", "blue"))])
    codes = torch.zeros(1, 16, dtype=torch.long)
    assert (logits(janus, red, codes) - logits(janus, blue, codes)).abs().max() > 1e-3
    assert torch.equal(red.blank, blue.blank)


def test_the_blank_branch_keeps_the_first_and_the_last_token_alone(janus: Janus) -> None:
    told = two_people(janus)
    padding = janus.network.get_input_embeddings()(torch.tensor(janus.words.pad_token_id))
    for row, (blank, mask) in enumerate(zip(told.blank, told.mask, strict=True)):
        others = (blank != padding).any(-1).nonzero().flatten().tolist()
        assert others == [int((mask == 0).sum()), len(mask) - 1], row


def test_gradients_go_through_the_shared_prefix(janus: Janus) -> None:
    told = two_people(janus)
    weight = janus.network.model.language_model.layers[0].self_attn.k_proj.weight
    codes = torch.randint(0, 32, (4, 16), generator=torch.Generator().manual_seed(2))
    shared = torch.autograd.grad(logits(janus, told, codes, group=2).square().mean(), weight)[0]
    repeated = Told(*(part.repeat_interleave(2, 0) for part in (told.embedded, told.blank, told.mask)))
    plainly = torch.autograd.grad(logits(janus, repeated, codes).square().mean(), weight)[0]
    assert torch.allclose(shared, plainly, atol=1e-5)
    assert plainly.abs().max() > 0


def test_nobody_s_history_can_be_told_as_well(janus: Janus) -> None:
    drawn = sample(janus, janus.tell([[]]), group=2)
    pictures = janus.decoded(drawn.codes)
    assert [picture.size for picture in pictures] == [(16, 16), (16, 16)]


def test_pictures_of_the_network_s_size_come_back_as_their_codes(janus: Janus) -> None:
    pictures = [draw_shape("circle", "red", size=40), draw_shape("bar", "blue", size=16)]
    codes = janus.coded(pictures)
    assert codes.shape == (2, 16)
    assert codes.min() >= 0
    assert codes.max() < 32


def test_what_codes_keep_is_one_for_the_picture_and_none_for_its_mean(
    janus: Janus, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [draw_shape("circle", "red", size=16), draw_shape("bar", "blue", size=16)]
    monkeypatch.setattr(janus, "decoded", lambda _: pictures)
    assert janus.given_back(pictures) == 1.0
    monkeypatch.setattr(janus, "decoded", lambda _: [one.resize((1, 1), Image.Resampling.BOX) for one in pictures])
    assert janus.given_back(pictures) == pytest.approx(0.0, abs=1e-4)


def test_a_history_too_long_loses_its_oldest_items(tmp_path: Path) -> None:
    janus = open_janus(str(build_tiny_janus(tmp_path / "short", longest=64)), device="cpu")
    long = history(janus, "vision", *[("red circle", "circle", "red")] * 5)
    assert janus.tell([long]).mask.shape[1] <= 48
    assert torch.equal(janus.tell([long]).mask, janus.tell([long[-2:]]).mask)


def test_the_template_is_what_its_page_says() -> None:
    pocket = wording_of(janus_tokenizer("pocket")).text(["red cat", ""], 2)
    picture = "<begin_of_image><image_placeholder><image_placeholder><end_of_image>"
    assert pocket == f"<|user|> red cat {picture} {picture}<|assistant|><begin_of_image>"
    pro = wording_of(janus_tokenizer("pro")).text(["red cat"], 2)
    assert pro == f"<|User|>: {INSTRUCTION}\nred cat {picture}\n\n<|Assistant|>:<begin_of_image>"


def test_the_pocket_s_recipe_is_taught_with_the_same_template() -> None:
    from recipes import janus as recipe

    words = recipe.tokenizer_from(["red cat"], 600)
    wording = wording_of(words)
    assert wording == wording_of(janus_tokenizer("pocket"))
    asked = words(wording.text(["red cat", ""], recipe.PLACES))["input_ids"]
    assert asked.count(words.convert_tokens_to_ids(recipe.PLACE)) == 2 * recipe.PLACES
    assert words.convert_ids_to_tokens(asked[-2:]) == [recipe.ASSISTANT, recipe.BEGIN]


def test_words_cannot_end_the_turn_or_begin_a_picture() -> None:
    assert plain("a <begin_of_image> cat <|assistant|>\n now") == "a cat now"


def test_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(PalateError, match="is not janus"):
        open_janus(str(tmp_path))
