"""The recipes of the pocket Janus: codes and words."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from pocket_world import small_world
from recipes import captions, checkpoints, clip, janus, sight, vq, work
from transformers import PreTrainedTokenizerFast


def flags(**numbers: object) -> list[str]:
    return [word for name, number in numbers.items() for word in (f"--{name.replace('_', '-')}", str(number))]


def test_a_vector_takes_the_code_of_its_direction_whatever_its_length() -> None:
    codebook = torch.eye(2)
    vectors = torch.tensor([[9.0, 1.0], [0.1, 0.2]]).T.reshape(1, 2, 1, 2)
    passed, codes, _ = vq.quantised(vectors, codebook)
    assert codes.tolist() == [[0, 1]]
    assert torch.allclose(passed[0, :, 0, 0], torch.tensor([1.0, 0.0]))


def test_a_vector_on_its_code_costs_nothing() -> None:
    _, _, loss = vq.quantised(torch.tensor([3.0, 0.0]).reshape(1, 2, 1, 1), torch.eye(2))
    assert float(loss) == 0.0


def test_codes_that_nobody_uses_move_to_where_pictures_are() -> None:
    codebook = torch.eye(3)
    assert vq.revive(codebook, torch.tensor([5.0, 0.0, 1.0]), torch.tensor([[0.6, 0.8, 0.0]])) == 1
    assert codebook[1].tolist() == pytest.approx([0.6, 0.8, 0.0])
    assert codebook[0].tolist() == [1.0, 0.0, 0.0]


def test_two_steps_of_codes_train_and_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path))
    small_world(tmp_path)
    small = flags(steps=2, batch=4, codes=16, tests=4)
    vq.main([*small, "--stop-after", "1"])
    last = vq.main([*small, "--resume"])
    assert last["step"] == 2
    assert 0 < last["used"] <= 1


def test_the_tokenizer_knows_the_marks_and_gives_words_back() -> None:
    words = janus.tokenizer_from(["red apple", "red car"], 600)
    ids = words(janus.to_draw("red apple"))["input_ids"]
    assert words.convert_ids_to_tokens(ids)[0] == janus.BOS
    assert words.convert_ids_to_tokens(ids)[-1] == janus.BEGIN
    assert words.decode(ids, skip_special_tokens=True).split() == ["red", "apple"]
    assert words(janus.to_name())["input_ids"].count(words.convert_tokens_to_ids(janus.PLACE)) == 64


def test_two_steps_of_janus_train_and_it_draws_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path))
    small_world(tmp_path)
    vq.main(flags(steps=1, batch=4, codes=16, width=64, tests=4))
    clip.main(flags(steps=1, batch=8, width=64, layers=2, text_width=64, text_layers=1, tests=3))
    small = flags(steps=2, batch=4, width=64, sight_width=64, layers=1, seeing=1, vocabulary=700, tests=4, shared=1)
    janus.main([*small, "--stop-after", "1"])
    last = janus.main([*small, "--resume"])
    assert last["step"] == 2
    assert set(last["held"]) == {"draw", "name", "next"}
    assert all(0 < value < 20 for value in last["held"].values())
    words = PreTrainedTokenizerFast.from_pretrained(tmp_path / "janus")
    options = work.read_json(tmp_path / "janus" / "state.json")["options"]
    network = janus.janus_of(words, work.read_json(tmp_path / "vq" / "state.json")["options"], options)
    network.load_state_dict(checkpoints.weights(tmp_path / "janus", "janus"), strict=False)
    asked = words([janus.to_draw("thing a")], return_tensors="pt")
    codes = network.generate(**asked, generation_mode="image")
    assert codes.shape == (1, 64)
    assert network.decode_image_tokens(codes).shape == (1, 64, 64, 3)
    asked = words([janus.to_name()], return_tensors="pt")
    told = network.generate(**asked, pixel_values=torch.zeros(1, 3, 64, 64), max_new_tokens=3)
    assert told.shape[0] == 1


def test_a_second_course_begins_where_an_earlier_one_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path))
    small_world(tmp_path)
    vq.main(flags(steps=1, batch=4, codes=16, width=64, tests=4))
    sizes = {"batch": 4, "width": 64, "sight_width": 64, "layers": 1, "seeing": 1, "tests": 4, "shared": 1}
    janus.main([*flags(steps=1, name="first", vocabulary=700, **sizes), "--sight", ""])
    janus.main([*flags(steps=1, name="second", begin="first", rate=0, **sizes), "--sight", ""])
    first, second = (checkpoints.weights(tmp_path / name, "janus") for name in ("first", "second"))
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_reading_begins_as_clips_first_layers_but_for_its_normalisation_and_class_token() -> None:
    torch.manual_seed(0)
    picture = torch.rand(40, 3, 64, 64) * 2 - 1
    cut = sight.patches(picture)
    kernel = torch.randn(16, 3, 8, 8)
    by_patch = torch.nn.functional.conv2d(picture, kernel, stride=8).flatten(2).transpose(1, 2)
    assert torch.allclose(cut @ kernel.flatten(1).T, by_patch, atol=1e-3)
    wanted = cut @ torch.randn(192, 8) + torch.randn(64, 8)
    found, constants = sight.linear(cut, wanted)
    assert float((cut @ found.T + constants - wanted).abs().max()) < 0.1


def test_a_history_shares_something_with_what_comes_next_and_never_holds_it() -> None:
    rows = [
        {"set": "ri", "icon": name, "name": name, "variant": variant, "also": [], "categories": [kind], "tint": 0}
        | {"deep": 0.0, "stroke": 0.0, "round": 0, "colours": 1}
        for variant in ("outline", "filled")
        for name, kind in (("cat", "animals"), ("dog", "animals"), ("cup", "food"), ("pan", "food"))
    ]
    texts = [captions.canonical(row) for row in rows]
    words = janus.tokenizer_from(texts, 600)
    lessons = janus.Lessons(words, np.zeros((8, 64, 64, 3), np.uint8), rows, np.zeros((8, 64), np.int64), np.arange(8))
    for seed in range(60):
        index = seed % 8
        history = lessons.history(index, 2, random.Random(seed))
        assert len(history) == 2
        assert index not in history
        groups = [set(janus.groups_of(rows[other])) & set(janus.groups_of(rows[index])) for other in history]
        assert all(groups)
    assert lessons.history(0, 0, random.Random(0)) == []
