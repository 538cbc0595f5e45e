"""The parameters text of AUTOMATIC1111's web UI, its forks (Forge, SD.Next, reForge), and whoever imitates it.

words of the prompt <lora:detail:0.8>
Negative prompt: words to avoid
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x768, Model hash: 6ce0161689, Model: v1-5, ...
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from palate.catalogue.records import Credit
from palate.importers.metadata.reading import (
    Reading,
    Texts,
    UnreadableError,
    adapter,
    checkpoint,
    hexadecimal,
    known,
    looks_like_object,
    number,
    only,
    small,
    whole,
    word,
)

NEGATIVE = "Negative prompt:"
SETTINGS_START = "Steps: "
KNOWN_KEYS = frozenset({"Steps", "Sampler", "CFG scale", "Seed", "Size", "Model", "Model hash", "Version"})
LAST_LINES = 50
"""Lines from the end among which the settings are looked for where none begins with `Steps:`."""
MOST_SETTINGS = 500
MOST_JSON_VALUES = 8

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN = re.compile(r"[^,\n]*")
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})")
_LORA_TAG = re.compile(r"<(?:lora|lyco|lycoris|locon|loha|dora):([^:<>]+)((?::[^:<>]*)*)>", re.IGNORECASE)
_NAME_AND_HASH = re.compile(r"(.*?)\s*[\[(]([0-9a-fA-F]{6,64})[\])]")


def read(texts: Texts) -> Reading | None:
    """None where there is no such text."""
    text = texts.get("parameters")
    if text is None or looks_like_object(text):
        return None
    prompt, negative, line = split(text)
    said = settings_of(line)
    if said.get("Version", "").startswith("Fooocus"):  # its prompt is what its styles made of the person's words
        prompt = said.get("Raw prompt", prompt)
        negative = said.get("Raw negative prompt", negative)
    size = _SIZE.match(said.get("Size", ""))
    return Reading(
        tool=_tool(said, texts),
        text=prompt,
        negative=negative,
        seed=whole(said.get("Seed")),
        settings=known(
            steps=small(said.get("Steps")),
            cfg=number(said.get("CFG scale")),
            sampler=word(said.get("Sampler")),
            scheduler=word(said.get("Schedule type")) or word(said.get("Scheduler")),
            width=int(size[1]) if size else None,
            height=int(size[2]) if size else None,
            denoise=number(said.get("Denoising strength")),
            guidance=number(said.get("Distilled CFG Scale")),
            clip_skip=small(said.get("Clip skip")),
            vae=word(said.get("VAE")),
        ),
        credits=only([*_checkpoints(said), *_adapters(said, prompt), *_civitai(said)]),
    )


def split(text: str) -> tuple[str, str, str]:
    """Prompt, negative prompt and the line of settings. The prompt may hold anything, so it is read from the end."""
    start = text.rfind("\n" + SETTINGS_START) + 1
    if not start and not text.startswith(SETTINGS_START):
        start = _unusual_start(text)
    above = text[: max(start - 1, 0)]
    if above.startswith(NEGATIVE):
        return "", _after_label(above, 0), text[start:]
    label = above.find("\n" + NEGATIVE)
    if label < 0:
        return above, "", text[start:]
    return above[:label], _after_label(above, label + 1), text[start:]


def _after_label(text: str, start: int) -> str:
    return text[start + len(NEGATIVE) :].removeprefix(" ")


def _unusual_start(text: str) -> int:
    """Where the last line with at least three known settings begins; forks differ in which comes first."""
    end = len(text)
    for _ in range(LAST_LINES):
        start = text.rfind("\n", 0, end) + 1
        if len(KNOWN_KEYS & settings_of(text[start:end]).keys()) >= 3:
            return start
        if not start:
            break
        end = start - 1
    raise UnreadableError("its text has no line of settings")


def settings_of(line: str) -> dict[str, str]:
    """`Key: value, Key: "quoted, value", Key: {"json": 1}` in one pass; the first of a repeated key counts."""
    found: dict[str, str] = {}
    position, json_values = 0, 0
    for _ in range(MOST_SETTINGS):
        colon = line.find(":", position)
        if colon < 0:
            break
        start = max(position, line.rfind(",", position, colon) + 1, line.rfind("\n", position, colon) + 1)
        key = line[start:colon].strip()
        position = colon + 1
        while position < len(line) and line[position] == " ":
            position += 1
        if line[position : position + 1] in ("{", "[") and json_values < MOST_JSON_VALUES:
            json_values += 1
            value, position = _json_value(line, position)
        else:
            value, position = _value(line, position)
        if 0 < len(key) <= 64:
            found.setdefault(key, value)
    return found


def _value(line: str, position: int) -> tuple[str, int]:
    if line.startswith('"', position) and (quoted := _QUOTED.match(line, position)):
        try:
            return str(json.loads(quoted[0], strict=False)), quoted.end()
        except ValueError:
            return quoted[0][1:-1], quoted.end()
    plain = _PLAIN.match(line, position)
    return (plain[0].strip(), plain.end()) if plain else ("", position + 1)


def _json_value(line: str, position: int) -> tuple[str, int]:
    try:
        _, end = json.JSONDecoder().raw_decode(line, position)
    except (ValueError, RecursionError):
        return _value(line, position)
    return line[position:end], end


def _tool(said: Mapping[str, str], texts: Texts) -> str:
    version = said.get("Version", "")
    if version.startswith("Fooocus") or "fooocus_scheme" in texts:
        return "Fooocus"
    if version.startswith("ComfyUI"):
        return "ComfyUI"
    if "SD.Next" in said.get("App", "") or said.get("Backend") in ("Diffusers", "Original"):
        return "SD.Next"
    if version.startswith(("f", "neo", "classic")):
        return "Forge"
    return "Civitai" if "Civitai resources" in said else "A1111"


def _checkpoints(said: Mapping[str, str]) -> Iterator[Credit | None]:
    """The model, and a refiner by the share of the steps it took over."""
    yield checkpoint(said.get("Model"), said.get("Model hash") or _hashes(said).get("model"))
    if (refiner := said.get("Refiner")) and refiner != "None":
        named = _NAME_AND_HASH.fullmatch(refiner)
        switch = number(said.get("Refiner switch at"))
        share = 1 - switch if switch is not None and 0 <= switch < 1 else 1.0
        name, hash_of_it = (named[1], named[2]) if named else (refiner, said.get("Refiner hash"))
        yield checkpoint(name, hash_of_it, round(share, 6))


def _adapters(said: Mapping[str, str], prompt: str) -> Iterator[Credit | None]:
    """Each LoRA of the prompt by its weight; those only listed by hash; those of the old Additional Networks."""
    hashes = {name.removeprefix("lora:"): value for name, value in _hashes(said).items() if name.startswith("lora:")}
    hashes |= dict(_pairs(said.get("Lora hashes", "")))
    weights = {name: number(value) for name, value in _pairs(said.get("Lora weights", ""))}
    tags = dict(lora_tags(prompt + "\n" + said.get("Hires prompt", "")))
    for name, weight in tags.items():
        yield adapter(name, weight, hashes.get(name))
    for name, hash_of_it in hashes.items():
        if name not in tags:
            yield adapter(name, weights.get(name, 1.0), hash_of_it)
    for index in range(1, 6):
        if named := _NAME_AND_HASH.fullmatch(said.get(f"AddNet Model {index}", "")):
            yield adapter(named[1], said.get(f"AddNet Weight A {index}", 1.0), named[2])


def lora_tags(prompt: str) -> Iterator[tuple[str, float]]:
    """(name, weight of the network in the picture model) of each `<lora:name:weight>` and its longer forms."""
    for tag in _LORA_TAG.finditer(prompt):
        values = tag[2].split(":")[1:]
        named = dict(value.split("=", 1) for value in values if "=" in value)
        unnamed = [value for value in values if "=" not in value]
        # The first weight is the text encoder's and, unless a second follows, the picture model's too.
        written = named.get("unet") or (unnamed[1] if len(unnamed) > 1 else None)
        weight = number(written or (unnamed[0] if unnamed else named.get("te", "1")))
        yield tag[1].strip(), 1.0 if weight is None else weight


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """`name: value, other: value`, where a name may itself hold a colon."""
    for item in text.split(", ") if text else ():
        name, colon, value = item.rpartition(": ")
        if colon:
            yield name.strip(), value.strip()


def _hashes(said: Mapping[str, str]) -> dict[str, str]:
    """The `Hashes: {"model": "...", "lora:name": "..."}` that newer versions and Civitai's extension write."""
    found = _loaded(said.get("Hashes"))
    if not isinstance(found, dict):
        return {}
    return {name: plain for name, value in found.items() if (plain := hexadecimal(value))}


def _civitai(said: Mapping[str, str]) -> Iterator[Credit | None]:
    """What Civitai's own generator credits, by the names its site shows."""
    resources = _loaded(said.get("Civitai resources"))
    for resource in resources[:100] if isinstance(resources, list) else ():
        if not isinstance(resource, dict):
            continue
        name = word(resource.get("modelName")) or _version_name(resource)
        match resource.get("type"):
            case "checkpoint" if not said.get("Model"):
                yield checkpoint(name, resource.get("hash"))
            case "lora" | "lycoris" | "dora":
                yield adapter(name, resource.get("weight", 1.0), resource.get("hash"))


def _version_name(resource: Mapping[str, Any]) -> str | None:
    version = small(resource.get("modelVersionId"))
    return None if version is None else f"civitai {version}"


def _loaded(text: str | None) -> object:
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
