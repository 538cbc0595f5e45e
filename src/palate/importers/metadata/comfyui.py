"""ComfyUI: the graph that drew the picture, read back from the picture to what it was drawn from.

Node types are open-ended, so nodes are known by what their inputs are called rather than by a list of types; what an
unknown node hides is simply not said.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from palate.catalogue.records import Credit
from palate.importers.metadata.embedded import MOST_TEXT
from palate.importers.metadata.graph import FARTHEST, Follow, Graph, Node, graph_of
from palate.importers.metadata.loaders import credits_above, credits_of
from palate.importers.metadata.reading import (
    MOST_CREDITS,
    Reading,
    Texts,
    UnreadableError,
    known,
    number,
    only,
    parsed,
    small,
    whole,
    word,
)

MOST_PASSES = 8
"""Samplers that one picture went through: a first pass, upscaling, details."""

_SAMPLING = ({"steps", "cfg"}, {"steps", "seed"}, {"steps", "noise_seed"}, {"sampler", "sigmas"})
_ONLY_CARRIES = re.compile(r"context|parameter|settings", re.IGNORECASE)
_LATENT = ("latent_image", "latent", "optional_latent", "samples", "image", "images", "pixels", "pipe", "basic_pipe")
_CONDITIONED_BY = ("text_embeds", "conditioning", "pipe", "basic_pipe", "sdxl_tuple", "context", "ctx")
_WORDS = ("text", "text_g", "text_l", "t5xxl", "clip_l", "prompt", "wildcard_text", "string", "value")
_STRINGS = (
    "populated_text",
    "text",
    "string",
    "value",
    "prompt",
    "text_0",
    "wildcard_text",
    "result",
    "Text",
    "String",
)
_PIECES = re.compile(r"(?:text|string|prompt)_?[a-h1-8]")
_NOT_WORDS = re.compile(r"clip$|clip_|vae|model|latent|image|pixels|mask|control_net|samples|seed", re.IGNORECASE)


def read(texts: Texts) -> Reading | None:
    """None where no graph is embedded."""
    text = texts.get("prompt")
    if text is None or not text.lstrip().startswith("{"):
        if "workflow" in texts and "parameters" not in texts:
            raise UnreadableError("only the editor's workflow is embedded, not the graph that ran")
        return None
    graph = graph_of(parsed(text))
    passes = list(reversed(_passes(graph)))
    if not passes:
        above = graph.above([value for node in _ends(graph) for value in node.inputs.values()], graph.links)
        return Reading("ComfyUI", credits=only([credit for node in above for credit in credits_of(node)]))
    first = passes[0]
    positive = next((text for each in passes if (text := _words(graph, each, "positive")) is not None), None)
    width, height = _latent_size(graph, first)
    return Reading(
        tool="ComfyUI",
        text=positive,
        negative=_words(graph, first, "negative") or "",
        seed=whole(graph.said(first, ("seed", "noise_seed"), via=("noise", "pipe"))),
        settings=known(
            steps=small(graph.said(first, ("steps",), via=("sigmas", "pipe"))),
            cfg=number(graph.said(first, ("cfg", "cfg_scale"), via=("guider", "pipe"))),
            sampler=word(graph.said(first, ("sampler_name",), via=("sampler", "pipe"))),
            scheduler=word(graph.said(first, ("scheduler",), via=("sigmas", "pipe"))),
            guidance=_guidance(graph, first),
            width=width,
            height=height,
        ),
        credits=_credits(graph, passes),
    )


def _ends(graph: Graph) -> list[Node]:
    """Where pictures leave the graph: what saves them, else what shows them, else whatever feeds nothing."""
    pictured = [node for node in graph.nodes.values() if {"images", "image"} & node.inputs.keys()]
    for purpose in ("save", "preview"):
        if found := [node for node in pictured if purpose in node.type.lower()]:
            return found
    fed = {source.id for node in graph.nodes.values() for v in node.inputs.values() if (source := graph.feeding(v))}
    return [node for node in graph.nodes.values() if node.id not in fed]


def _is_sampler(node: Node) -> bool:
    keys = node.inputs.keys()
    return any(needed <= keys for needed in _SAMPLING) and not _ONLY_CARRIES.search(node.type)


def _passes(graph: Graph) -> list[Node]:
    """The samplers the picture went through, the last first: each is the nearest above the one before."""
    passes: list[Node] = []
    starts: list[object] = [value for node in _ends(graph) for value in node.inputs.values()]
    while len(passes) < MOST_PASSES:
        done = {each.id for each in passes}
        above = graph.above(starts, _through_latent(graph) if passes else graph.links)
        found = next((node for node in above if _is_sampler(node) and node.id not in done), None)
        if found is None:
            break
        passes.append(found)
        starts = [found.inputs.get(key) for key in _LATENT]
    return passes or [node for node in graph.nodes.values() if _is_sampler(node)][:1]


def _through_latent(graph: Graph) -> Follow:
    def follow(node: Node) -> Collection[str]:
        links = graph.links(node)
        return [key for key in links if key in _LATENT] or [k for k in links if "latent" in k or "sample" in k]

    return follow


def _words(graph: Graph, sampler: Node, role: str) -> str | None:
    """The text that conditions the sampler on the side of `role`; several texts are joined as the tools join them."""
    for key in (role, f"{role}_prompt", *(["prompt"] if role == "positive" else [])):
        if isinstance(own := sampler.inputs.get(key), str):
            return own
    found: dict[str, None] = {}
    texts_at: set[str] = set()

    def follow(node: Node) -> Collection[str]:
        if node.id in texts_at or "ZeroOut" in node.type:
            return ()
        links = graph.links(node)
        other = "negative" if role == "positive" else "positive"
        return (role,) if role in links else [key for key in links if other not in key and not _NOT_WORDS.search(key)]

    for node in graph.above(_conditioning(graph, sampler, role), follow):
        if pieces := _words_of(graph, node, role):
            texts_at.add(node.id)
            found.update(dict.fromkeys(pieces))
    return ", ".join(found) if found else None


def _conditioning(graph: Graph, sampler: Node, role: str) -> list[object]:
    """The inputs a sampler's words come through. A guider without a negative side has only positive words."""
    if guider := graph.feeding(sampler.inputs.get("guider")):
        if role == "negative" or role in guider.inputs:
            return [guider.inputs.get(role)]
        return [guider.inputs[key] for key in graph.links(guider) if "cond" in key]
    if graph.feeding(sampler.inputs.get(role)):
        return [sampler.inputs[role]]
    return [sampler.inputs.get(key) for key in _CONDITIONED_BY]


def _words_of(graph: Graph, node: Node, role: str) -> list[str]:
    """The texts a node gives by itself: those of its role where it has both sides, else all it has."""
    for key in (role, f"{role}_prompt", f"text_{role}", f"{role}_text", "populated_text"):
        if isinstance(value := node.inputs.get(key), str):
            return [value]
    if {"positive", "negative"} <= node.inputs.keys() or "ZeroOut" in node.type:
        return []
    memo: dict[str, str | None] = {}
    texts = [_string(graph, node.inputs[key], memo) for key in _WORDS if key in node.inputs]
    return [text for text in texts if text is not None and text.strip()]


def _string(graph: Graph, value: object, memo: dict[str, str | None], depth: int = 0) -> str | None:
    """A text, wherever it was typed: here, in a primitive, or in pieces that a node joins.

    Each node is asked once and what grows beyond a text is dropped, so circles and doubling chains end.
    """
    if isinstance(value, str):
        return value
    node = graph.feeding(value)
    if node is None or depth > FARTHEST:
        return None
    if node.id not in memo:
        memo[node.id] = None
        memo[node.id] = _string_of(graph, node, memo, depth + 1)
    return memo[node.id]


def _string_of(graph: Graph, node: Node, memo: dict[str, str | None], depth: int) -> str | None:
    pieces = [_string(graph, v, memo, depth) for key, v in node.inputs.items() if _PIECES.fullmatch(key)]
    written = [piece for piece in pieces if piece]
    if len(written) > 1:
        delimiter = node.inputs.get("delimiter", node.inputs.get("separator", ", "))
        joined = (delimiter if isinstance(delimiter, str) else ", ").join(written)
        return joined if len(joined) <= MOST_TEXT else None
    for key in _STRINGS:
        if key in node.inputs and (text := _string(graph, node.inputs[key], memo, depth)) is not None:
            return text
    return written[0] if written else None


def _guidance(graph: Graph, sampler: Node) -> float | None:
    starts = [sampler.inputs.get(key) for key in ("positive", "guider", "conditioning")]
    values = (
        number(node.inputs.get("guidance")) for node in graph.above(starts, lambda _: ("conditioning", "positive"))
    )
    return next((value for value in values if value is not None), None)


def _latent_size(graph: Graph, sampler: Node) -> tuple[int | None, int | None]:
    """The size of the empty latent the drawing began with, where it began with one."""
    starts = [sampler.inputs.get(key) for key in _LATENT]
    for node in graph.above(starts, _through_latent(graph)):
        width, height = (small(graph.said(node, (side,))) for side in ("width", "height"))
        if width and height:
            return width, height
    return None, None


def _credits(graph: Graph, passes: list[Node]) -> tuple[Credit, ...]:
    """What the passes drew with: checkpoints, then LoRAs, those of the first pass first.

    A checkpoint counts by the share of the noise that its passes removed together, a LoRA by the strength first given.
    """
    credits: dict[tuple[str, str], Credit] = {}
    for sampler in passes:
        share = _share(graph, sampler, sampler is passes[0])
        for credit in only(credits_above(graph, sampler)):
            key = (credit.role, credit.name)
            if credit.role == "checkpoint":
                before = credits[key].weight if key in credits else 0.0
                credits[key] = replace(credit, weight=round(min(1.0, before + credit.weight * share), 6))
            else:
                credits.setdefault(key, credit)
    return tuple(sorted(credits.values(), key=lambda credit: credit.role == "adapter"))[:MOST_CREDITS]


def _share(graph: Graph, sampler: Node, is_first: bool) -> float:
    steps, start, end = (number(sampler.inputs.get(key)) for key in ("steps", "start_at_step", "end_at_step"))
    if steps and start is not None and end is not None:
        share = (min(end, steps) - start) / steps
    elif is_first:
        share = 1.0
    else:
        share = number(graph.said(sampler, ("denoise",), via=("sigmas", "pipe"))) or 1.0
    return share if 0 < share <= 1 else 1.0
