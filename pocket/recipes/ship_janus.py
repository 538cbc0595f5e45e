"""The pocket Janus as it ships: float16, with its tokenizer, its picture processor and a card."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from recipes import checkpoints, janus, package, work

TEMPLATE = (
    "{% for turn in messages %}" + janus.PERSON + "{% for part in turn['content'] %}"
    "{% if part['type'] == 'image' %}" + janus.PLACE + " " + janus.QUESTION + "{% endif %}"
    "{% endfor %}{% endfor %} " + janus.ASSISTANT
)
"""A conversation as it was trained: whatever is asked about a picture, the one question that it was taught."""


def stored_janus(source: Path, into: Path) -> None:
    """The checkpoint's network as float16: what `JanusForConditionalGeneration.from_pretrained` opens."""
    import torch
    from transformers import JanusImageProcessorPil, JanusProcessor, PreTrainedTokenizerFast

    options = work.read_json(source / "state.json")["options"]
    words = PreTrainedTokenizerFast.from_pretrained(source)
    coder = work.read_json(work.folder(options["codes"]) / "state.json")["options"]
    network = janus.janus_of(words, coder, options)
    network.load_state_dict(checkpoints.weights(source, "janus"), strict=False)
    network.tie_weights()
    network.to(torch.float16).save_pretrained(into)
    half = [0.5, 0.5, 0.5]
    sight = JanusImageProcessorPil(size={"height": 64, "width": 64}, image_mean=half, image_std=half)
    JanusProcessor(sight, words, chat_template=TEMPLATE, num_image_tokens=janus.PLACES).save_pretrained(into)


def measured_janus(into: Path, seed: int, tests: int) -> dict[str, Any]:
    """Whether the stored files open and write a picture; what they reach, `recipes.measure janus` says."""
    import torch
    from transformers import JanusForConditionalGeneration, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    network = JanusForConditionalGeneration.from_pretrained(into, dtype=torch.float32)
    words = PreTrainedTokenizerFast.from_pretrained(into)
    asked = words([janus.to_draw("an icon of a cat")], return_tensors="pt")
    codes = network.generate(**asked, generation_mode="image")
    return {"codes of a picture": int(codes.shape[1]), "tests in training": tests}


def janus_card(into: Path, state: dict[str, Any], measured: dict[str, Any], sets: dict[str, Any]) -> str:
    options, last = state["options"], state["history"][-1]
    held = ", ".join(f"{name} {value}" for name, value in last["held"].items())
    named = ["width", "layers", *(name for name in ("begin",) if options.get(name))]
    begun = (
        [f"- Begun with the weights of an earlier training, `--name {options['begin']}`."]
        if options.get("begin")
        else []
    )
    if options.get("sight"):
        begun.append(f"- Its reading half began as the first {options['seeing']} layers of the pocket CLIP's.")
    return f"""---
license: apache-2.0
library_name: transformers
---
# Pocket Janus

A `transformers.JanusForConditionalGeneration` for icons and emoji of 64 x 64 pixels: a picture
({measured["codes of a picture"]} codes) for words, words for a picture, and a next picture for a history.

- Data: pictures of {len(sets)} icon sets (see ATTRIBUTIONS), rendered at 64 x 64. Logos are left out.
- Made by: `python -m recipes.janus {package.asked(options, *named)}` in pocket/
  after `recipes.vq`, {last["seconds"] / 60:.0f} minutes on {options["threads"]} CPU thread(s), then
  `python -m recipes.ship janus`.
{chr(10).join(begun)}
- With: torch {version("torch")}, transformers {version("transformers")}, seed {options["seed"]}.
{chr(10).join(package.weights_lines(into))}

## Measured in training
Cross-entropy per code and per word on {measured["tests in training"]} held-out pictures: {held}.
"""
