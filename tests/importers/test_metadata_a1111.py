"""AUTOMATIC1111's text and its relatives, wherever they write it."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palate.catalogue.records import Credit
from palate.importers.metadata import Reading, UnreadableError, read_metadata, read_texts
from palate.importers.metadata.a1111 import lora_tags, settings_of, split
from palate.safety.containers import PictureFormat
from palate.testing.outputs import chunk, exif, jpeg_with_comment, png, with_exif

USUAL = (
    "a fox, <lora:detail:0.8> <lora:ink:1.2:0.5>\n"
    "Negative prompt: blurry,\nlow quality\n"
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 4294967295, Size: 512x768, "
    "Model hash: 6CE0161689, Model: v1-5-pruned, Clip skip: 2, "
    'Lora hashes: "detail: 0123456789ab, ink: ba9876543210", Version: v1.10.1'
)


def reading(text: str) -> Reading:
    return read_texts({"parameters": text})


def test_the_usual_text_is_read_whole() -> None:
    read = reading(USUAL)
    assert read.tool == "A1111"
    assert read.text == "a fox, <lora:detail:0.8> <lora:ink:1.2:0.5>"
    assert read.negative == "blurry,\nlow quality"
    assert read.seed == 4294967295
    assert read.settings == {
        "steps": 20,
        "cfg": 7.5,
        "sampler": "DPM++ 2M",
        "scheduler": "Karras",
        "width": 512,
        "height": 768,
        "clip_skip": 2,
    }
    assert read.credits == (
        Credit("v1-5-pruned", "checkpoint", 1.0, "6ce0161689"),
        Credit("detail", "adapter", 0.8, "0123456789ab"),
        Credit("ink", "adapter", 0.5, "ba9876543210"),
    )


CONTAINERS: list[tuple[bytes, PictureFormat]] = [
    (png({"parameters": USUAL}), "png"),
    (png(extra=chunk(b"zTXt", b"parameters\0\0" + zlib.compress(USUAL.encode()))), "png"),
    (png(extra=chunk(b"iTXt", b"parameters\0\0\0\0\0" + USUAL.encode())), "png"),
    (png(extra=chunk(b"eXIf", exif({}, {0x9286: b"UNICODE\0" + USUAL.encode("utf-16-be")}))), "png"),
    (jpeg_with_comment(USUAL), "jpeg"),
    (jpeg_with_comment(USUAL, "utf-16-le"), "jpeg"),
    (with_exif("JPEG", exif({}, {0x9286: b"UNICODE\0" + USUAL.encode("utf-16-be")}, "<")), "jpeg"),
    (with_exif("JPEG", exif({}, {0x9286: b"UNICODE\0" + USUAL.encode()})), "jpeg"),
    (with_exif("JPEG", exif({}, {0x9286: b"ASCII\0\0\0" + USUAL.encode()})), "jpeg"),
    (with_exif("JPEG", exif({0x010E: USUAL.encode() + b"\0"})), "jpeg"),
    (jpeg_with_comment(USUAL, format="WEBP"), "webp"),
]


@pytest.mark.parametrize("position", range(len(CONTAINERS)))
def test_every_place_the_text_is_kept_gives_the_same(position: int) -> None:
    data, kind = CONTAINERS[position]
    assert read_metadata(data, kind) == reading(USUAL)


@pytest.mark.parametrize(
    "text", ["été 東京 \U0001f98a", "two\n\nlines ", "Steps: 3 of the castle", 'quote " and \\ slash']
)
@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_the_prompt_is_kept_to_the_character(text: str, kind: PictureFormat) -> None:
    whole = f"{text}\nNegative prompt: {text}\nSteps: 20, Sampler: Euler, Seed: 1, Size: 64x64, Model: m"
    read = read_metadata(png({"parameters": whole}) if kind == "png" else jpeg_with_comment(whole), kind)
    assert (read.text, read.negative) == (text, text)


def test_latin_text_that_is_really_utf8_is_read_as_it_was_meant() -> None:
    whole = "été\nSteps: 20, Sampler: Euler, Seed: 1, Model: m"
    assert read_metadata(png(extra=chunk(b"tEXt", b"parameters\0" + whole.encode())), "png").text == "été"
    assert read_metadata(png({"parameters": whole}), "png").text == "été"


def test_an_empty_prompt_and_an_empty_negative_prompt() -> None:
    assert split("Negative prompt: bad\nSteps: 1, Seed: 2") == ("", "bad", "Steps: 1, Seed: 2")
    assert split("Steps: 1, Seed: 2") == ("", "", "Steps: 1, Seed: 2")
    assert split("a\nSteps: 1, Seed: 2") == ("a", "", "Steps: 1, Seed: 2")


def test_the_last_line_of_settings_counts_not_a_prompt_that_imitates_one() -> None:
    prompt, _, line = split("\nSteps: 1, Model: fake\nwords\nSteps: 20, Sampler: a, Seed: 3, Model: real")
    assert prompt == "\nSteps: 1, Model: fake\nwords"
    assert settings_of(line)["Model"] == "real"


def test_settings_that_begin_otherwise_are_found_by_their_keys() -> None:
    read = reading("words\nSampler: Euler, Steps: 20, Seed: 3, Model: m\nTemplate: a {b|c}")
    assert (read.text, read.seed) == ("words", 3)


def test_settings_with_quotes_commas_and_json_are_told_apart() -> None:
    line = r'A: 1, B: "x, \"y\": z\nw", C: {"k": [1, "a, b: c"]}, D: 2.5, : 3, E:, F: [broken, G: 7'
    assert settings_of(line) == {
        "A": "1",
        "B": 'x, "y": z\nw',
        "C": '{"k": [1, "a, b: c"]}',
        "D": "2.5",
        "E": "",
        "F": "[broken",
        "G": "7",
    }


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("<lora:a>", ("a", 1.0)),
        ("<lora:a:0.5>", ("a", 0.5)),
        ("<LORA:a b-c.v2:-1>", ("a b-c.v2", -1.0)),
        ("<lora:a:0.5:0.7>", ("a", 0.7)),
        ("<lora:a:te=0.2:unet=0.9>", ("a", 0.9)),
        ("<lora:a:1:lbw=IN02>", ("a", 1.0)),
        ("<lyco:a:0.3>", ("a", 0.3)),
        ("<lora:a:x>", ("a", 1.0)),
    ],
)
def test_a_lora_weighs_what_the_picture_model_gets(tag: str, expected: tuple[str, float]) -> None:
    assert list(lora_tags(f"words {tag} words")) == [expected]


def test_a_lora_of_weight_nought_had_no_part() -> None:
    assert [each.name for each in reading(USUAL.replace("detail:0.8", "detail:0")).credits] == ["v1-5-pruned", "ink"]


def test_a_refiner_is_credited_by_the_steps_it_took() -> None:
    read = reading("w\nSteps: 20, Sampler: a, Seed: 1, Model: base, Refiner: fine [7440042bbd], Refiner switch at: 0.8")
    assert read.credits[1] == Credit("fine", "checkpoint", 0.2, "7440042bbd")


def test_hashes_from_the_json_form_are_used() -> None:
    hashes = json.dumps({"model": "aaaaaaaaaa", "lora:ink": "bbbbbbbbbbbb", "vae": "cccccccccc", "embed:x": "dd"})
    read = reading(f"<lora:ink:0.4>\nSteps: 20, Sampler: a, Seed: 1, Model: m, Hashes: {hashes}")
    assert read.credits == (
        Credit("m", "checkpoint", 1.0, "aaaaaaaaaa"),
        Credit("ink", "adapter", 0.4, "bbbbbbbbbbbb"),
    )


def test_civitai_credits_the_names_of_its_site() -> None:
    resources = [
        {"type": "checkpoint", "modelVersionId": 128713, "modelName": "DreamShaper", "modelVersionName": "8"},
        {"type": "lora", "weight": 0.6, "modelVersionId": 7},
        "junk",
    ]
    read = reading(f"w\nSteps: 20, Sampler: a, Seed: 1, Civitai resources: {json.dumps(resources)}")
    assert read.tool == "Civitai"
    assert read.credits == (Credit("DreamShaper", "checkpoint"), Credit("civitai 7", "adapter", 0.6))


def test_fooocus_in_this_form_gives_the_words_of_the_person() -> None:
    read = reading(
        "cinematic still a fox, emotional\nNegative prompt: anime\n"
        "Steps: 30, Sampler: DPM++ 2M SDE, Seed: 5, Size: 1152x896, CFG scale: 4, Sharpness: 2, Model: jugger, "
        'Model hash: aeb7e9e689, Scheduler: karras, Raw prompt: a fox, Raw negative prompt: "", '
        'Lora hashes: "offset: 4852686128", Lora weights: "offset: 0.1", Version: Fooocus v2.5.0'
    )
    assert (read.tool, read.text, read.negative) == ("Fooocus", "a fox", "")
    assert read.credits[1] == Credit("offset", "adapter", 0.1, "4852686128")


@pytest.mark.parametrize(
    ("said", "tool"),
    [
        ("Version: f2.0.1v1.10.1", "Forge"),
        ("Version: ComfyUI", "ComfyUI"),
        ("App: SD.Next", "SD.Next"),
        ("A: b", "A1111"),
    ],
)
def test_the_fork_is_told_by_its_version(said: str, tool: str) -> None:
    assert reading(f"w\nSteps: 20, Sampler: a, Seed: 1, Model: m, {said}").tool == tool


def test_text_without_settings_says_so() -> None:
    with pytest.raises(UnreadableError, match="no line of settings"):
        reading("only words")


def test_absurd_numbers_are_left_out() -> None:
    read = reading(f"w\nSteps: {'9' * 30}, Sampler: a, CFG scale: nan, Seed: {'9' * 5000}, Size: 1x1, Model: m")
    assert read.seed is None
    assert read.settings == {"sampler": "a", "width": 1, "height": 1}


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = reading(text)
    except UnreadableError:
        return
    json.dumps(dict(read.settings), allow_nan=False)


@given(st.text(alphabet=st.sampled_from(list('ab:,"\\{[]}<>lor \nSteps'))))
def test_settings_are_read_in_one_pass_whatever_they_are(line: str) -> None:
    assert all(isinstance(value, str) for value in settings_of(line).values())


def test_two_megabytes_of_hostile_text_take_no_time() -> None:
    for hostile in (
        "a:" * 10**6,
        'a:"' * 600_000,
        "a:[" * 600_000,
        "<lora:" * 300_000,
        "a, " * 600_000,
        "\n" * 2 * 10**6,
    ):
        with pytest.raises(UnreadableError):
            reading(hostile)
        assert isinstance(settings_of(hostile), dict)
        assert list(lora_tags(hostile)) == []
