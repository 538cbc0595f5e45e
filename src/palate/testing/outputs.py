"""Outputs of drawing tools, built by hand in the shapes the tools write."""

from __future__ import annotations

import io
import json
import struct
import zlib
from typing import Any

from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def text_chunk(key: str, value: str | bytes) -> bytes:
    raw = value if isinstance(value, bytes) else None
    if raw is None:
        assert isinstance(value, str)
        try:
            raw = value.encode("latin-1")
        except UnicodeEncodeError:
            return chunk(b"iTXt", key.encode() + b"\0\0\0\0\0" + value.encode("utf-8", "surrogatepass"))
    return chunk(b"tEXt", key.encode() + b"\0" + raw)


def png(texts: dict[str, str] | None = None, *, extra: bytes = b"", shade: int = 90) -> bytes:
    """A PNG of 8 by 8 pixels with texts, and whatever else before its pixels."""
    written = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 40, 200)).save(written, "PNG")
    plain = written.getvalue()
    chunks = b"".join(text_chunk(key, value) for key, value in (texts or {}).items())
    return plain[:33] + chunks + extra + plain[33:]


def exif(tags: dict[int, bytes], folder_tags: dict[int, bytes] | None = None, order: str = ">") -> bytes:
    """A TIFF block with byte strings in its first folder and in the EXIF folder below."""
    first = dict(tags)
    count = len(first) + (1 if folder_tags else 0)
    below = 8 + 2 + 12 * count + 4
    body_start = below + (2 + 12 * len(folder_tags) + 4 if folder_tags else 0)
    bodies = b""

    def entries(values: dict[int, bytes]) -> bytes:
        nonlocal bodies
        written = b""
        for tag, value in sorted(values.items()):
            kind = 7 if tag in (0x9286, 0x927C) else 2
            if len(value) <= 4:
                written += struct.pack(order + "HHI", tag, kind, len(value)) + value.ljust(4, b"\0")
            else:
                written += struct.pack(order + "HHII", tag, kind, len(value), body_start + len(bodies))
                bodies += value
        return written

    listed = entries(first)
    pointer = struct.pack(order + "HHII", 0x8769, 4, 1, below) if folder_tags else b""
    whole = struct.pack(order + "H", count) + listed + pointer + b"\0" * 4
    if folder_tags:
        whole += struct.pack(order + "H", len(folder_tags)) + entries(folder_tags) + b"\0" * 4
    return (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "I", 8) + whole + bodies


def with_exif(format: str, block: bytes) -> bytes:  # noqa: A002
    written = io.BytesIO()
    Image.new("RGB", (8, 8), (9, 90, 200)).save(written, format, exif=b"Exif\0\0" + block)
    return written.getvalue()


def jpeg_with_comment(text: str, encoding: str = "utf-16-be", format: str = "JPEG") -> bytes:  # noqa: A002
    order = "<" if encoding.endswith("le") else ">"
    return with_exif(format, exif({}, {0x9286: b"UNICODE\0" + text.encode(encoding)}, order))


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def comfyui(**nodes: dict[str, Any]) -> dict[str, str]:
    """Texts of a graph whose nodes are given as n1=..., n2=...; links name the number."""
    return {"prompt": json.dumps({name.removeprefix("n"): each for name, each in nodes.items()})}


def text_to_image(**changes: dict[str, Any]) -> dict[str, str]:
    """ComfyUI's default graph, with nodes changed or added."""
    nodes = {
        "n3": node(
            "KSampler",
            seed=8566257,
            steps=20,
            cfg=8.0,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "n4": node("CheckpointLoaderSimple", ckpt_name="v1-5.safetensors"),
        "n5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "n6": node("CLIPTextEncode", text="a fox", clip=["4", 1]),
        "n7": node("CLIPTextEncode", text="text, watermark", clip=["4", 1]),
        "n8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "n9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }
    return comfyui(**(nodes | changes))
