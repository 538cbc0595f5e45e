"""Folders that mix good and hostile files, by the command line: each is refused by name in a line, the rest done."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle  # noqa: TID251 - written here to see that it is never read
import struct
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save, save_file

from palate.cli import main
from palate.encoders.protocol import Vectors
from palate.testing.fakes import FakeEncoder
from palate.testing.outputs import chunk, png, text_chunk

LORA = {
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 768),
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": (320, 4),
}


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def refused(self) -> list[str]:
        return [line.removeprefix("refused: ") for line in self.err.splitlines() if line.startswith("refused: ")]


Palate = Callable[..., Said]


@pytest.fixture
def palate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Palate:
    """The command as a terminal runs it, on a new home."""

    def run(*argv: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["palate", *map(str, argv)])
        code = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Said(code, captured.out, captured.err)

    monkeypatch.setenv("PALATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("palate.encoders.opening.open_encoder", lambda *_, **__: FakeEncoder())
    run("init")
    return run


# ------------------------------------------------------------------------------------------------------------- models


class Canary:
    """Whoever unpickles this makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def good_lora(folder: Path, name: str = "good.safetensors", fill: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: np.full(shape, fill, np.float16) for key, shape in LORA.items()}, folder / name)


def packed(header: object, body: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + body


def entry(start: int, end: int, **changes: Any) -> dict[str, Any]:
    return {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]} | changes


SOUND = save({key: np.ones(shape, np.float16) for key, shape in LORA.items()})
CORRUPT: dict[str, bytes] = {
    "empty": b"",
    "seven bytes": b"\x10\0\0\0\0\0\0",
    "length of 2 to the 63": struct.pack("<Q", 2**63) + b"{}",
    "header above 100 MB": struct.pack("<Q", 100 * 2**20 + 1) + b"{" + b" " * 4096,
    "body cut": SOUND[:-100],
    "bad utf-8": packed(b'{"\xff":1}'),
    "bad json": packed(b'{"a":'),
    "an array": packed([1]),
    "deep": packed(b"[" * 200_000),
    "overlap": packed({"a": entry(0, 4), "b": entry(2, 6)}, bytes(6)),
    "hole": packed({"a": entry(0, 4), "b": entry(6, 8)}, bytes(8)),
    "shape overflow": packed({"a": entry(0, 4, shape=[2**40, 2**40])}, bytes(4)),
    "negative offset": packed({"a": entry(-4, 4)}, bytes(4)),
    "unknown dtype": packed({"a": entry(0, 4, dtype="X9")}, bytes(4)),
    "trailing bytes": SOUND + b"PK\x05\x06" + bytes(18),
    "metadata that is no text": packed({"__metadata__": {"a": 1}, "a": entry(0, 4)}, bytes(4)),
    "duplicate key": packed(b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},' * 2 + b'"b":1}', bytes(4)),
    "name with traversal": packed({"../../etc/a": entry(0, 4)}, bytes(4)),
    "name with bidi": packed({"a\u202eb": entry(0, 4)}, bytes(4)),
    "60,000 tensors": packed({f"t{n}": entry(n, n + 1) for n in range(60_000)}, bytes(60_000)),
}


def test_every_corrupt_safetensors_is_refused_by_name_and_the_sound_one_added(palate: Palate, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    good_lora(folder)
    for name, content in CORRUPT.items():
        (folder / f"{name}.safetensors").write_bytes(content)
    said = palate("add", "models", folder)
    assert said.code == 0
    assert said.out == f"1 models added, {len(CORRUPT)} refused\n"
    assert sorted(line.partition(".safetensors: ")[0] for line in said.refused) == sorted(
        str(folder / name) for name in CORRUPT
    )
    assert all(line.partition(".safetensors: ")[2] for line in said.refused)
    assert len(said.err.splitlines()) == len(CORRUPT)


def pickles(folder: Path, canary: Path) -> list[str]:
    """Four files that run code where somebody loads them."""
    names = ["a.ckpt", "b.safetensors", "c.pt", "d.safetensors"]
    for number, name in enumerate(names):
        content = pickle.dumps([number, Canary(canary)], protocol=2 + number % 3)
        if number < 2:
            (folder / name).write_bytes(content)
        else:
            with zipfile.ZipFile(folder / name, "w") as archive:
                archive.writestr("archive/data.pkl", content)
    return names


def test_a_pickle_is_listed_never_loaded_and_cannot_draw(palate: Palate, tmp_path: Path) -> None:
    folder, canary = tmp_path / "models", tmp_path / "canary"
    good_lora(folder)
    names = pickles(folder, canary)
    said = palate("add", "models", folder)
    assert (said.code, said.out) == (0, "1 models added, 4 refused\n")
    for name, line in zip(names, said.refused, strict=True):
        assert line.startswith(f"{folder / name}: it is a "), line
    listed = {row["name"]: row["state"] for row in json.loads(palate("models", "--json").out)["models"]}
    assert listed == {
        "good": "ready", "a": "convert first", "b": "quarantined", "c": "convert first", "d": "quarantined",
    }  # fmt: skip
    for command in (("draw", "--model", "b", "a fox"), ("specify", "--model", "a"), ("show", "b"), ("check",)):
        palate(*command)
    drawn = palate("draw", "--model", "b", "a fox")
    assert (drawn.code, drawn.err.startswith("palate: b: ")) == (1, True)
    assert not canary.exists()


def test_only_pickles_is_nothing_done(palate: Palate, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    pickles(tmp_path / "models", tmp_path / "canary")
    said = palate("add", "models", tmp_path / "models")
    assert (said.code, said.out, len(said.refused)) == (1, "0 models added, 4 refused\n", 4)
    assert not (tmp_path / "canary").exists()


def pipeline(folder: Path, **changes: Any) -> Path:
    """A diffusers folder that passes, but for the changes to its index."""
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", "DDIMScheduler"],
    }
    for part in ("unet", "scheduler"):
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text('{"cross_attention_dim": 768}')
    save_file({"a": np.ones(3, np.float32)}, folder / "unet" / "diffusion_pytorch_model.safetensors")
    (folder / "model_index.json").write_text(json.dumps(index | changes))
    return folder


def test_a_diffusers_folder_with_code_is_refused_and_the_plain_one_added(palate: Palate, tmp_path: Path) -> None:
    folder, canary = tmp_path / "models", tmp_path / "canary"
    pipeline(folder / "plain")
    code = f"open({str(canary)!r}, 'w')"
    (pipeline(folder / "with code") / "unet" / "modelling.py").write_text(code)
    pipeline(folder / "custom class", unet=["modelling", "Mine"])
    pipeline(folder / "custom pipeline", _class_name=["modelling", "Mine"])
    pipeline(folder / "os system", scheduler=["os", "system"])
    mapped = pipeline(folder / "auto map")
    (mapped / "unet" / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modelling.Mine"}}))
    pickled = pipeline(folder / "pickled")
    (pickled / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (pickled / "unet" / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps(Canary(canary)))
    said = palate("add", "models", folder)
    assert (said.code, said.out) == (0, "1 models added, 6 refused\n")
    hostile = ["auto map", "custom class", "custom pipeline", "os system", "pickled", "with code"]
    for name, line in zip(hostile, said.refused, strict=True):
        assert line.startswith(str(folder / name)), line
    states = {row["name"]: row["state"] for row in json.loads(palate("models", "--json").out)["models"]}
    assert [name for name, state in states.items() if state == "ready"] == ["plain"]
    assert palate("draw", "--model", "with code", "a fox").code == 1
    assert not canary.exists()


def test_a_model_overwritten_in_place_is_not_drawn_with(palate: Palate, tmp_path: Path) -> None:
    pipeline(tmp_path / "models" / "plain")
    palate("add", "models", tmp_path / "models")
    save_file({"a": np.zeros(4, np.float32)}, tmp_path / "models/plain/unet/diffusion_pytorch_model.safetensors")
    said = palate("draw", "--model", "plain", "a fox")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "it changed after it was added" in said.err


# ----------------------------------------------------------------------------------------------------------- pictures


def claimed(width: int, height: int) -> bytes:
    """A small PNG that says it is huge."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def moving(kind: str) -> bytes:
    written = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (1, 99, 200)]
    frames[0].save(written, kind, save_all=True, append_images=frames[1:])
    return written.getvalue()


HOSTILE_PICTURES: dict[str, bytes] = {
    "169 megapixels.png": claimed(13_000, 13_000),
    "strip.png": claimed(1, 100_000),
    "no side.png": claimed(0, 8),
    "21 MB.png": png() + bytes(21_000_000),
    "apng.png": moving("PNG"),
    "webp.webp": moving("WEBP"),
    "gif.png": moving("GIF"),
    "gif.gif": moving("GIF"),
    "cut.png": png()[:-20],
    "cut.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "empty.png": b"",
    "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "html.png": b"<!doctype html><script>alert(1)</script>",
    "pdf.jpg": b"%PDF-1.7\n",
    "archive.png": b"PK\x03\x04" + bytes(60),
    "psd.webp": b"8BPS" + bytes(60),
}


def test_every_hostile_picture_is_refused_by_name_and_the_good_ones_added(palate: Palate, tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    folder.mkdir()
    for number in range(3):
        (folder / f"good {number}.png").write_bytes(png({"parameters": "a fox\nSteps: 5, Seed: 3"}, shade=number))
    for name, content in HOSTILE_PICTURES.items():
        (folder / name).write_bytes(content)
    tracemalloc.start()
    said = palate("add", "pictures", folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said.code == 0
    assert said.out.startswith("3 pictures added")
    assert said.out.endswith(f"{len(HOSTILE_PICTURES)} refused\n")
    told = {line.partition(": ")[0]: line.partition(": ")[2] for line in said.refused}
    assert set(told) == {str(folder / name) for name in HOSTILE_PICTURES}
    assert all(told.values())
    assert len(said.err.splitlines()) == len(HOSTILE_PICTURES)
    assert peak < 100_000_000


def test_only_hostile_pictures_is_nothing_done_and_none_at_all_is_no_error(palate: Palate, tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    folder.mkdir()
    assert palate("add", "pictures", folder) == Said(0, "0 pictures added\n", "")
    (folder / "html.png").write_bytes(b"<html>")
    said = palate("add", "pictures", folder)
    assert (said.code, len(said.refused)) == (1, 1)


def test_metadata_bombs_cost_nothing_and_the_picture_is_added(palate: Palate, tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    folder.mkdir()
    bomb = zlib.compress(bytes(200_000_000), 9)
    texts = {
        "ztxt.png": png(extra=chunk(b"zTXt", b"parameters\0\0" + bomb)),
        "itxt.png": png(extra=chunk(b"iTXt", b"parameters\0\1\0\0\0" + bomb)),
        "profile.png": png(extra=chunk(b"iCCP", b"icc\0\0" + bomb)),
        "megabytes.png": png(extra=text_chunk("prompt", b'{"1": ' + b"[" * 5_000_000)),
        "entities.png": png(
            extra=text_chunk("XML:com.adobe.xmp", b"<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY d '&b;&b;'>]><a>&d;</a>")
        ),
        "evil.png": png({"parameters": "a fox\nrefused: /etc/passwd: forged\x1b[2J\nSteps: 5, Seed: 1, Model: x\ny"}),
    }
    for name, content in texts.items():
        (folder / name).write_bytes(content)
    tracemalloc.start()
    said = palate("add", "pictures", folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{len(texts)} pictures added")
    assert peak < 150_000_000


NAMES = [
    b"line\nrefused: forged.png",
    b"return\rforged.png",
    b"\x1b[2Jclear.png",
    "bidi\u202egnp.exe.png".encode(),
    b"lone\xff\xfe.png",
    "surrogate\ud800.png".encode("utf-8", "surrogatepass"),
    b"..%2f..%2fetc%2fpasswd.png",
    b"..\\..\\windows.png",
    b"C:autoexec.png",
    b"CON.png",
    b"-rf.png",
    b" .png",
    ("e" + "\u0301" * 40 + ".png").encode(),
    b"x" * 240 + b".png",
]


@pytest.mark.parametrize("good", [True, False])
def test_odd_names_are_shown_on_one_line_and_read_as_they_are(palate: Palate, tmp_path: Path, *, good: bool) -> None:
    folder = tmp_path / "outputs"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        path = os.path.join(os.fsencode(folder), name if name.endswith(b".png") else name + b".png")  # noqa: PTH118
        with open(path, "wb") as file:  # noqa: PTH123 - bytes are no Path
            file.write(png(shade=number) if good else b"<html>")
    said = palate("add", "pictures", folder)
    assert said.code == (0 if good else 1)
    assert said.out.startswith(f"{len(NAMES) if good else 0} pictures added")
    assert len(said.err.splitlines()) == len(said.refused) == (0 if good else len(NAMES))
    assert not any(hidden in said.err for hidden in "\r\x1b\u202e\udcff\ud800")
    assert palate("add", "pictures", folder, "--json").code == (0 if good else 1)
    assert palate("check").code == 0


def test_names_of_models_cannot_forge_lines(palate: Palate, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    for number, name in enumerate(("two\nlines", "bidi\u202e", "bytes\udcff", "\x1b[2J")):
        good_lora(folder, f"{name}.safetensors", fill=number)
    (folder / "bad\npalate: forged.safetensors").write_bytes(b"{}")
    said = palate("add", "models", folder)
    assert (said.code, said.out) == (0, "4 models added, 1 refused\n")
    assert len(said.err.splitlines()) == 1
    for command in (("models",), ("check",), ("models", "--json"), ("show", "bidi\u202e"), ("show", "two\nlines")):
        told = palate(*command)
        assert told.code == 0, told.err
        assert not any(hidden in told.out for hidden in "\x1b\u202e\udcff")


def test_links_and_pipes_are_told_and_neither_followed_nor_opened(palate: Palate, tmp_path: Path) -> None:
    folder, outside = tmp_path / "outputs", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.png").write_bytes(png())
    (folder / "good.png").write_bytes(png(shade=1))
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "folder").symlink_to(outside, target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe.png")
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "link.safetensors").symlink_to("/dev/zero")
    said = palate("add", "pictures", folder)
    assert said.code == 0
    assert said.out.startswith("1 pictures added")
    told = {Path(line.partition(": ")[0]).name for line in said.refused}
    assert told == {"link.png", "folder", "loop", "pipe.png"}
    models = palate("add", "models", folder)
    assert models.code == 1
    assert {"pipe.safetensors", "link.safetensors"} <= {Path(line.partition(": ")[0]).name for line in models.refused}


def test_a_listing_cannot_name_files_outside_its_folder(palate: Palate, tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "good.png").write_bytes(png(shade=1))
    listing = tmp_path / "list.csv"
    listing.write_text(f"file,model\ngood.png,ink\n../secret.png,ink\n{tmp_path / 'secret.png'},ink\n/etc/passwd,ink\n")
    said = palate("add", "pictures", folder, "--prompts", listing)
    assert said.code == 0
    assert said.out.startswith("1 pictures added")
    assert len(said.refused) == 3
    assert all("not in the folder" in line for line in said.refused)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("latin.csv", b"file,model\n\xff,ink\n"),
        ("nul.csv", b"file,model\na\0.png,ink\n"),
        ("deep.jsonl", b'{"file": ' + b"[" * 100_000),
        ("number.jsonl", b'{"file": 1, "model": "ink"}'),
        ("huge seed.jsonl", b'{"file": "a.png", "model": "ink", "seed": NaN}'),
        ("empty.csv", b""),
        ("gone.csv", None),
    ],
)
def test_a_broken_listing_is_one_line(palate: Palate, tmp_path: Path, name: str, content: bytes | None) -> None:
    (tmp_path / "outputs").mkdir()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    said = palate("add", "pictures", tmp_path / "outputs", "--prompts", tmp_path / name)
    assert (said.code, said.err.count("\n")) == (1, 1), said
    assert said.err.startswith(("palate: ", "refused: "))


def rotten() -> bytes:
    """A PNG whose structure is sound and whose pixels do not unpack."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"no zlib at all") + chunk(b"IEND", b"")


def test_a_picture_that_gets_no_vector_is_named_and_the_others_are_encoded(
    palate: Palate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overflows(FakeEncoder):
        """An encoder in half precision: a red picture is too much for it."""

        def encode_pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
            rows = super().encode_pictures(pictures)
            rows[[picture.getpixel((0, 0)) == (255, 40, 200) for picture in pictures]] = np.nan
            return rows

    monkeypatch.setattr("palate.encoders.opening.open_encoder", lambda *_, **__: Overflows())
    folder = tmp_path / "outputs"
    folder.mkdir()
    contents = {"good.png": png(shade=10), "nan.png": png(shade=255), "rotten.png": rotten(), "too.png": png(shade=90)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    said = palate("add", "pictures", folder)
    assert said.code == 0
    told = {Path(line.partition(": ")[0]).name: line.partition(": ")[2] for line in said.refused}
    assert set(told) == {"nan.png", "rotten.png"}
    assert told["nan.png"] == "the encoder gives no finite vector for it"
    assert palate("add", "pictures", folder).refused == []  # and it is not tried at every scan
    assert palate("check").code == 0


# ----------------------------------------------------------------------------------------------------------- data sets


def gemrec(folder: Path, **changes: Any) -> Path:
    """A GEMRec folder of two models and three prompts with ready features."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    roster = [
        {
            "tag": "", "model_name": f"m{number}", "model_id": number, "modelVersion_name": "v1",
            "modelVersion_id": number, "modelVersion_url": "", "modelVersion_trainedWords": "['']",
            "model_download_count": 5, "baseModel": "SD 1.5",
        }
        for number in (70, 80)
    ]  # fmt: skip
    prompts = [
        {
            "prompt_id": number, "tag": "food", "size": "768x512", "seed": 5, "prompt": f"dish {number}",
            "negativePrompt": " ", "sampler": "Euler a", "cfgScale": 7, "note": "",
        }
        for number in (1, 2, 3)
    ]  # fmt: skip
    for name, rows in (("roster.csv", roster), ("promptset_v6.csv", prompts)):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    arrays: dict[str, Any] = {
        "images": rng.normal(size=(3, 2, 4)).astype(np.float16),
        "prompts": rng.normal(size=(3, 4)).astype(np.float16),
        "model_version_ids": np.array([80, 70]),
        "prompt_ids": np.array([1, 2, 3]),
    }
    np.savez(folder / "clip_features.npz", **(arrays | changes))
    return folder


def with_one(value: float) -> np.ndarray[Any, Any]:
    array = np.ones((3, 2, 4), np.float32)
    array[1, 1, 2] = value
    return array


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("nan", {"images": with_one(np.nan)}),
        ("infinite", {"images": with_one(np.inf)}),
        ("zero", {"images": np.zeros((3, 2, 4), np.float32)}),
        ("zero words", {"prompts": np.zeros((3, 4), np.float32)}),
        ("wrong dimension", {"prompts": np.ones((3, 5), np.float32)}),
        ("wrong shape", {"images": np.ones((3, 4), np.float32)}),
        ("text", {"images": np.full((3, 2, 4), "x")}),
        ("unknown model", {"model_version_ids": np.array([80, 99])}),
        ("too few", {"prompt_ids": np.array([1, 2])}),
        ("objects", {"images": np.array([[[{}]]], dtype=object)}),
    ],
)
def test_bad_vectors_are_refused_in_one_line_and_nothing_of_them_is_stored(
    palate: Palate, tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    said = palate("add", "dataset", "gemrec", gemrec(tmp_path / "data", **changes))
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1), said
    assert said.err.startswith("palate: ")
    assert str(tmp_path / "data") in said.err
    assert json.loads(palate("models", "--json").out)["models"] == []
    assert palate("check").code == 0


def test_a_feature_file_that_is_an_archive_bomb_or_a_pickle_is_refused(palate: Palate, tmp_path: Path) -> None:
    folder, canary = gemrec(tmp_path / "data"), tmp_path / "canary"
    features = folder / "clip_features.npz"
    for content in (pickle.dumps(Canary(canary)), b"PK\x03\x04", b"", features.read_bytes()[:200]):
        features.write_bytes(content)
        said = palate("add", "dataset", "gemrec", folder)
        assert (said.code, said.err.count("\n")) == (1, 1), said
    assert not canary.exists()


def test_a_good_data_set_is_added(palate: Palate, tmp_path: Path) -> None:
    said = palate("add", "dataset", "gemrec", gemrec(tmp_path / "data"))
    assert (said.code, said.out) == (0, "6 pictures added\n"), said
