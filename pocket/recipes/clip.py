"""Trains the pocket CLIP: `python -m recipes.clip` in pocket/, after sets and render; `--resume` goes on where it was.

A `transformers.CLIPModel` at 64 x 64 learns by InfoNCE (Radford et al. 2021, section 2.3) which caption belongs to
which icon. Three things make it fit a few hours of one CPU core: most steps see only part of each picture's patches,
those with ink first (Li et al. 2023, FLIP); the matrices are trained by Muon (Jordan 2024); and at first the pictures
also learn to name their captions' words directly (Huang et al. 2024, SuperClass), which needs no good text encoder yet.
Logged: `loss` is InfoNCE, the mean of both directions (log of the batch size is chance), `words` the cross-entropy of
naming; `R@1`, `R@5` of the held-out pictures against all their captions, each way; `unseen` the same for concepts that
no training picture shows.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes import bpe, captions, course, pictures, schedule, work

if TYPE_CHECKING:
    import torch
    from transformers import CLIPModel, CLIPTokenizer

LONGEST = 24
"""Tokens of a caption, its two ends included."""
VOCABULARY = 6000
RARE_CONCEPTS = {1: 0.3, 2: 0.7}
"""How much less often training sees a concept that one or two families alone draw."""


def tokenizer_from(texts: list[str]) -> CLIPTokenizer:
    """A CLIP tokenizer (lower-case byte-level BPE) whose merges come from our own captions."""
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    shape = CLIPTokenizer().backend_tokenizer
    words: Counter[str] = Counter()
    for word, count in Counter(" ".join(texts).split()).items():
        for piece, _ in shape.pre_tokenizer.pre_tokenize_str(shape.normalizer.normalize_str(word)):
            words[piece] += count
    # Every byte, in a word and ending one, has a token: a caption never falls back on the end mark.
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(letter + bpe.FOLLOWS for letter in letters)]
    merges = bpe.learn_merges(words, VOCABULARY - len(tokens) - 2, fewest=3)
    tokens += [left + right for left, right in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    numbers = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=numbers, merges=merges, model_max_length=LONGEST)


def clip_of(words: CLIPTokenizer, width: int, layers: int, text_width: int, text_layers: int) -> CLIPModel:
    """The network, eager attention: on CPU its backward is faster than the fused one's."""
    from transformers import CLIPConfig, CLIPModel

    config = CLIPConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": text_width,
            "intermediate_size": 4 * text_width,
            "num_hidden_layers": text_layers,
            "num_attention_heads": text_width // 64,
            "max_position_embeddings": LONGEST,
            "bos_token_id": words.bos_token_id,
            "eos_token_id": words.eos_token_id,
            "pad_token_id": words.pad_token_id,
            "hidden_act": "gelu_pytorch_tanh",
        },
        vision_config={
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": width // 64,
            "image_size": 64,
            "patch_size": 8,
            "hidden_act": "gelu_pytorch_tanh",
        },
        projection_dim=256,
    )
    network = CLIPModel(config)
    network.set_attn_implementation("eager")
    return network


def picture_processor() -> Any:
    """Squashes to 64 x 64 and scales to [-1, 1]; the PIL one, because torchvision is never imported."""
    from transformers import CLIPImageProcessorPil

    half = [0.5, 0.5, 0.5]
    side = {"height": 64, "width": 64}
    return CLIPImageProcessorPil(size=side, do_center_crop=False, image_mean=half, image_std=half)


def pixels(batch: NDArray[np.uint8]) -> torch.Tensor:
    """(b, 64, 64, 3) bytes -> (b, 3, 64, 64) in [-1, 1], as the picture processor makes them."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2).float() / 127.5 - 1


def inked_patches(shown: torch.Tensor, keep: int) -> torch.Tensor:
    """Which `keep` of the 64 patches a step looks at: those that vary first, ties and near-ties at random. (b, keep)"""
    import torch

    grey = shown.mean(1).unfold(1, 8, 8).unfold(2, 8, 8).flatten(1, 2).flatten(2)
    spread = grey.std(-1)
    return (spread + 0.3 * torch.rand_like(spread)).topk(keep, dim=1).indices


def picture_vectors(network: CLIPModel, shown: torch.Tensor, keep: int | None = None) -> torch.Tensor:
    """`get_image_features` on the class token and `keep` patches (all by default). (b, 3, 64, 64) -> (b, dim)"""
    import torch

    vision = network.vision_model
    tokens = vision.embeddings(shown)
    if keep is not None:
        seen = inked_patches(shown, keep) + 1
        seen = torch.cat([torch.zeros(len(seen), 1, dtype=seen.dtype), seen], 1)
        tokens = tokens.gather(1, seen[..., None].expand(-1, -1, tokens.shape[-1]))
    last = vision.encoder(inputs_embeds=vision.pre_layrnorm(tokens)).last_hidden_state
    vectors: torch.Tensor = network.visual_projection(vision.post_layernorm(last[:, 0]))
    return vectors


def infonce(scores: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of both directions; pairs of equal captions (`same`) are no negatives. (b, b)"""
    import torch
    from torch.nn.functional import cross_entropy

    scores = scores.masked_fill(same & ~torch.eye(len(scores), dtype=torch.bool), -1e4)
    right = torch.arange(len(scores))
    return (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2


def naming_loss(guesses: torch.Tensor, ids: torch.Tensor, surprise: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the caption's tokens, each weighted by its inverse document frequency. (b, v), (b, t), (v,)"""
    import torch

    targets = torch.zeros_like(guesses).scatter_(1, ids, surprise[ids])
    targets = targets / targets.sum(1, keepdim=True).clamp_min(1e-6)
    return -(targets * guesses.log_softmax(1)).sum(1).mean()


def surprises(words: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """log(n / number of texts with the token), 0 for the marks and for tokens that never occur. (v,)"""
    import torch

    counts = Counter(token for ids in words(texts)["input_ids"] for token in set(ids))
    found = torch.zeros(len(words))
    for token, count in counts.items():
        found[token] = math.log(len(texts) / count)
    found[[words.bos_token_id, words.eos_token_id]] = 0.0
    return found


def recall_at(scores: NDArray[np.float32], k: int) -> float:
    """Share of rows whose own column is among the k best; equal scores count against it. (n, n)"""
    own = np.diag(scores)[:, None]
    better = (scores >= own).sum(1) - 1
    return float((better < k).mean())


def encoded(network: CLIPModel, words: CLIPTokenizer, shown: NDArray[np.uint8], texts: list[str]) -> tuple[Any, Any]:
    """Unit vectors of pictures and of captions, (n, dim) each."""
    import torch
    from torch.nn.functional import normalize

    seen, said = [], []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(texts), 250):
            seen.append(picture_vectors(network, pixels(shown[start : start + 250])).float())
            ids = words(texts[start : start + 250], padding=True, truncation=True, return_tensors="pt")
            said.append(network.get_text_features(ids["input_ids"]).pooler_output.float())
    return normalize(torch.cat(seen), dim=-1).numpy(), normalize(torch.cat(said), dim=-1).numpy()


def retrieval(network: CLIPModel, words: CLIPTokenizer, shown: NDArray[np.uint8], texts: list[str]) -> dict[str, float]:
    """R@1 and R@5 of pictures against captions and of captions against pictures."""
    network.eval()
    seen, said = encoded(network, words, shown, texts)
    scores = (seen @ said.T).astype(np.float32)
    network.train()
    found = {f"picture_to_words_R@{k}": recall_at(scores, k) for k in (1, 5)}
    found |= {f"words_to_picture_R@{k}": recall_at(scores.T, k) for k in (1, 5)}
    return {name: round(value, 4) for name, value in found.items()}


class Icons:
    """The pictures, their split and how often training sees each."""

    def __init__(self, tests: int, seed: int, only: set[str] | None = None) -> None:
        self.pictures, self.rows = pictures.load(only)
        parts = captions.split(self.rows)
        keys = pictures.kept_keys(self.pictures)
        trained = {keys[i] for i, part in enumerate(parts) if part == "train"}
        self.train = np.array([i for i, part in enumerate(parts) if part == "train"])
        self.tests = {}
        for name in ("held", "unseen"):
            fresh = [i for i, part in enumerate(parts) if part == name and keys[i] not in trained]
            self.tests[name] = captions.distinct(self.rows, fresh, tests, seed)
        groups = [(captions.family(self.rows[i]), captions.concept(self.rows[i])) for i in self.train]
        sizes = Counter(groups)
        shared = captions.families_per_concept([self.rows[i] for i in self.train])
        # Six weights of one drawing are not six times as much to learn; what many sets draw teaches most.
        weights = np.array(
            [RARE_CONCEPTS.get(shared[concept], 1.0) / math.sqrt(sizes[family, concept]) for family, concept in groups]
        )
        self.weights = weights / weights.sum()

    def test(self, name: str) -> tuple[NDArray[np.uint8], list[str]]:
        chosen = self.tests[name]
        return self.pictures[chosen], [captions.canonical(self.rows[i]) for i in chosen]


def patches_at(progress: float) -> int | None:
    """How many patches a step sees: few while it learns the gist, all of them at the end."""
    return 18 if progress < 0.6 else 28 if progress < 0.85 else None


def arguments(args: list[str] | None) -> argparse.Namespace:
    parser = course.parser(__doc__, steps=2400, batch=256, rate=2e-3, tests=1000, every=300, name="clip")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--text-width", type=int, default=192)
    parser.add_argument("--text-layers", type=int, default=4)
    parser.add_argument("--only", nargs="*", help="train on these sets alone (a trial)")
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> dict[str, Any]:
    options = arguments(args)
    import torch
    from torch.nn.functional import normalize
    from transformers import CLIPTokenizer

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    folder = work.folder(options.name)
    icons = Icons(options.tests, options.seed, set(options.only) if options.only else None)
    titles = {name: info["name"] for name, info in work.read_json(work.folder() / "sets.json").items()}
    caption_rng = random.Random(options.seed)
    every = [captions.varied(icons.rows[i], titles[icons.rows[i]["set"]], caption_rng) for i in icons.train]
    words = CLIPTokenizer.from_pretrained(folder) if options.resume else tokenizer_from(every)
    words.save_pretrained(folder)
    surprise = surprises(words, every)
    network = clip_of(words, options.width, options.layers, options.text_width, options.text_layers)
    naming = torch.nn.Linear(network.config.projection_dim, len(words))
    size = sum(weight.numel() for weight in network.parameters())
    tests = {name: len(chosen) for name, chosen in icons.tests.items()}
    print(f"{len(icons.train)} pictures to train on, {tests} to test on, {size} weights", flush=True)

    def loss(step: int) -> course.Loss:
        draw, wording = course.chance(options.seed, step)
        chosen = icons.train[draw.choice(len(icons.train), options.batch, replace=False, p=icons.weights)]
        texts = [captions.varied(icons.rows[i], titles[icons.rows[i]["set"]], wording) for i in chosen]
        shifted = np.roll(icons.pictures[chosen], draw.integers(-3, 4, 2), (1, 2))
        ids = words(texts, padding=True, truncation=True, return_tensors="pt")["input_ids"]
        with torch.autocast("cpu", torch.bfloat16):
            seen = picture_vectors(network, pixels(shifted), patches_at(step / options.steps))
            said = network.get_text_features(ids).pooler_output
            guesses = naming(seen)
        scores = network.logit_scale.exp() * normalize(seen.float(), dim=-1) @ normalize(said.float(), dim=-1).T
        same = torch.tensor(np.array(texts)[:, None] == np.array(texts)[None, :])
        matched, named = infonce(scores, same), naming_loss(guesses.float(), ids, surprise)
        total = matched + max(0.05, 0.5 - step / options.steps) * named
        return total, {"loss": float(matched.detach()), "words": float(named.detach())}

    def after(_: int) -> None:
        with torch.no_grad():
            network.logit_scale.clamp_(max=math.log(100))

    def measured() -> dict[str, Any]:
        return {name: retrieval(network, words, *icons.test(name)) for name in icons.tests}

    both = torch.nn.ModuleDict({"clip": network, "naming": naming})
    trained = schedule.optimisers(both.named_parameters(), options.rate, ".layers.")
    network.train()
    warm = min(60, options.steps // 10 + 1)
    return course.Course(options, both, trained).run(loss, measured, warm=warm, after=after)


if __name__ == "__main__":
    main()
