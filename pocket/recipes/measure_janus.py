"""What the pocket Janus reaches: the right name among 50 for held-out pictures, and pictures that are recognised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes import captions, clip, janus, judge, package, pictures

if TYPE_CHECKING:
    import torch

DRAWN_A_THING = 4


def opened() -> tuple[Any, Any]:
    """The network and its tokenizer, as they ship."""
    import torch
    from transformers import JanusForConditionalGeneration, PreTrainedTokenizerFast

    folder = package.WEIGHTS / "janus"
    network = JanusForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return network.eval().requires_grad_(False), PreTrainedTokenizerFast.from_pretrained(folder)


def beginnings(network: Any, words: Any, shown: NDArray[np.uint8]) -> list[str]:
    """What Janus itself writes of each picture, up to the ` of ` before the thing's name."""
    asked = words([janus.to_name()] * len(shown), return_tensors="pt")
    told = network.generate(
        **asked, pixel_values=clip.pixels(shown), generation_mode="text", do_sample=False, max_new_tokens=16
    )
    texts = [words.decode(row[asked["input_ids"].shape[1] :], skip_special_tokens=True) for row in told]
    return [" ".join(text.partition(" of ")[0].split()) + " of" if " of " in text else "icon of" for text in texts]


def last_places(counts: torch.Tensor, width: int) -> torch.Tensor:
    """True in the last `counts` of `width` places of each row: texts are padded on their left. (n,) -> (n, width)"""
    import torch

    return torch.arange(width) >= (width - counts)[:, None]


def likelihoods(network: Any, words: Any, shown: NDArray[np.uint8], beginning: str) -> NDArray[np.float32]:
    """The mean log-probability of each of the 50 names after the beginning, for one picture. (1, 64, 64, 3) -> (50,)"""
    import torch

    asked = f"{janus.to_name()} {beginning}"
    batch = words([f"{asked} {name} {janus.EOS}" for name in judge.EVERYDAY], padding=True, return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    before = len(words(asked)["input_ids"])
    seen = clip.pixels(np.repeat(shown, len(ids), 0))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        scores = network(input_ids=ids, attention_mask=mask, pixel_values=seen, use_cache=False).logits.float()
    said = scores[:, :-1].log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    counted = last_places(mask.sum(1) - before, said.shape[1])
    found: NDArray[np.float32] = ((said * counted).sum(1) / counted.sum(1)).numpy()
    return found


def named_rightly(network: Any, words: Any, most: int | None) -> tuple[float, int]:
    """The share of held-out pictures of the 50 things whose own name is the likeliest, and how many there are."""
    shown, rows = pictures.load()
    parts, names = np.array(captions.split(rows)), judge.everyday(rows)
    held = np.random.default_rng(0).permutation(np.flatnonzero((parts == "held") & (names >= 0)))[: most or 500]
    right = 0
    for start in range(0, len(held), 25):
        part = held[start : start + 25]
        for place, beginning in zip(part, beginnings(network, words, shown[part]), strict=True):
            right += int(likelihoods(network, words, shown[place : place + 1], beginning).argmax() == names[place])
        print(f"[{min(start + 25, len(held))}/{len(held)}] {right} named rightly", flush=True)
    return right / max(len(held), 1), len(held)


def drawn(network: Any, words: Any, things: list[str]) -> NDArray[np.uint8]:
    """A picture for each text, sampled with Janus' own guidance. (n, 64, 64, 3)"""
    import torch

    found = []
    for start in range(0, len(things), 25):
        torch.manual_seed(start)
        texts = [janus.to_draw(f"icon of {thing}") for thing in things[start : start + 25]]
        asked = words(texts, padding=True, return_tensors="pt")
        codes = network.generate(**asked, generation_mode="image")
        found.append(network.decode_image_tokens(codes).float().clamp(-1, 1))
    return ((torch.cat(found) + 1) * 127.5).round().to(torch.uint8).numpy()


def measure(most: int | None) -> dict[str, Any]:
    """Both numbers, into the card."""
    network, words = opened()
    share, count = named_rightly(network, words, most)
    shown = drawn(network, words, list(judge.EVERYDAY) * (1 if most else DRAWN_A_THING))
    wanted = np.arange(len(shown)) % len(judge.EVERYDAY)
    recognised = [float((judge.judge_for(half).names(shown) == wanted).mean()) for half in (0, 1)]
    icons = [half["accuracy"] for half in judge.accuracies().values()]
    ratio = float(np.mean(recognised) / max(np.mean(icons), 1e-9))
    lines = [
        f"- Captions: the right name among 50 in {share:.1%} of {count} held-out pictures.",
        f"- Words to picture: a judge recognises {np.mean(recognised):.1%} of {len(shown)} drawings,",
        f"  and {np.mean(icons):.1%} of real icons of sets that did not teach it: {ratio:.2f} times as many.",
    ]
    numbers = {"named": share, "pictures": count, "recognised": recognised, "icons": icons, "ratio": ratio}
    package.note(package.WEIGHTS / "janus", "Measured on the stored files", lines, numbers)
    print("\n".join(lines))
    return numbers
