"""A tiny real language model is taught by LoRA and by soft prompts, and trained together with a retriever."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import pytest

from palate.converse.instructing import Instruction
from palate.converse.together import Lesson, Retriever, marginal, posterior, train_together
from palate.converse.tuning import IGNORED, Tuning, encoded, log_likelihoods, opened, tune
from palate.errors import PalateError
from palate.testing.worlds import quiet, seeded
from palate.writers.speaking import LocalSpeaker

WORDS = (
    "red", "blue", "circle", "square", "what", "comes", "after", "ink", "oil", "icon", "photo", "?", "says", "the",
    "key", "is",
)  # fmt: skip
HEAD = 20.0
"""A random network's last layer says nearly the same of every word, and adapters leave that layer as it is."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LlamaForCausalLM of 30,000 weights with a word for a token."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("llm")
    vocabulary = {word: at for at, word in enumerate(["<unk>", "<end>", *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", eos_token="<end>", pad_token="<end>")
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    with seeded(0), quiet():
        config = LlamaConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **sizes, eos_token_id=1)
        llm = LlamaForCausalLM(config)
        llm.lm_head.weight.mul_(HEAD)
        llm.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


TAUGHT = [
    Instruction("sequential", "what comes after ink ?", "oil"),
    Instruction("sequential", "what comes after icon ?", "photo"),
]


def test_only_the_answer_is_learned(network: Path) -> None:
    tokenizer, _ = opened(str(network))
    tokens, labels = encoded(tokenizer, TAUGHT[0], 64)
    assert len(tokens) == len(labels)
    assert [label for label in labels if label != IGNORED] == tokens[-2:]
    assert labels[:-2] == [IGNORED] * (len(tokens) - 2)


@pytest.mark.parametrize(("how", "rate", "left"), [("lora", 0.01, 0.7), ("soft", 0.2, 0.95)])
def test_an_adapter_learns_and_is_kept_as_safetensors(
    network: Path, tmp_path: Path, how: Literal["lora", "soft"], rate: float, left: float
) -> None:
    losses = tune(str(network), TAUGHT, tmp_path, Tuning(how=how, steps=30, rate=rate))
    assert sum(losses[-5:]) < left * sum(losses[:5])
    assert (tmp_path / "adapter_model.safetensors").is_file()
    assert not list(tmp_path.rglob("*.bin"))


def test_nothing_to_learn_is_an_error(network: Path, tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="no instruction"):
        tune(str(network), [], tmp_path)


def test_a_local_network_speaks(network: Path) -> None:
    speaker = LocalSpeaker("tiny", network, device="cpu")
    assert isinstance(speaker.answer("what comes after ink ?"), str)
    assert speaker.answer("what comes after ink ?") == speaker.answer("what comes after ink ?")


def test_log_likelihoods_are_of_the_answer_alone(network: Path) -> None:
    tokenizer, llm = opened(str(network))
    llm.requires_grad_(False)
    first, second = log_likelihoods(llm, tokenizer, ["the key is", "the key is"], ["red", "red circle"])
    assert float(first) < 0
    alone = log_likelihoods(llm, tokenizer, ["the key is"], ["red"])
    assert float(alone[0]) == pytest.approx(float(first), abs=1e-4)  # padding changes nothing
    assert float(second) < 0


# -- together


def test_the_marginal_by_hand() -> None:
    import torch

    scores, told = torch.zeros(1, 2), torch.log(torch.tensor([[0.8, 0.2]]))
    assert float(marginal(scores, told)) == pytest.approx(math.log(0.5))
    assert posterior(scores, told)[0].tolist() == pytest.approx([0.8, 0.2])


def test_the_retriever_learns_to_find_what_helps() -> None:
    """Each of two answers is likely only with its own passage, which plain retrieval ranks last."""
    import torch

    passages = torch.eye(2)
    queries = torch.tensor([[0.4, 0.9], [0.9, 0.4]])
    queries = queries / queries.norm(dim=1, keepdim=True)
    texts = ["the key is red", "the key is blue"]

    def generate(asked: Any, answers: Any) -> torch.Tensor:
        return torch.tensor([0.0 if answer in one else -5.0 for one, answer in zip(asked, answers, strict=True)])

    retriever = Retriever(passages)
    before = retriever.scores(queries).argmax(dim=1).tolist()
    lessons = [Lesson("what is the key ?", "red"), Lesson("what is the key ?", "blue")]
    losses = train_together(retriever, generate, [], queries, lessons, texts, depth=2, steps=100, rate=0.05)
    assert before == [1, 0]
    assert retriever.scores(queries).argmax(dim=1).tolist() == [0, 1]
    assert losses[-1] < 0.5 * losses[0]


def test_retriever_and_generator_are_trained_together(network: Path) -> None:
    import torch

    tokenizer, llm = opened(str(network))
    passages = ["red says the key is circle", "blue says the key is square"]
    lessons = [Lesson("red ?", "circle"), Lesson("blue ?", "square")]
    retriever = Retriever(torch.eye(2))
    queries = torch.tensor([[0.8, 0.6], [0.6, 0.8]])
    losses = train_together(
        retriever,
        lambda asked, answers: log_likelihoods(llm, tokenizer, asked, answers),
        list(llm.parameters()),
        queries,
        lessons,
        passages,
        depth=2,
        steps=20,
        rate=0.02,
    )
    assert losses[-1] < 0.7 * losses[0]
    assert not torch.equal(retriever.weights.detach(), torch.eye(2))
