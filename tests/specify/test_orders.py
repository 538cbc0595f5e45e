"""What a task's key says, which prompts ship, and what an adapter sits on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from palate.catalogue.records import Model, Prompt
from palate.errors import PalateError
from palate.specify import orders

FOX = Prompt("a fox")
INK = Model("ink", "Ink", "adapter", "/ink", base="SD15", trigger_words=("inkdraw",))
BASE = Model("base", "Base", "pipeline", "/base", base="SD15")


def test_the_shipped_prompts_are_61_and_14_and_share_none() -> None:
    ours, tasks = orders.default_prompts(), orders.task_prompts()
    assert (len(ours), len(tasks)) == (61, 14)
    assert len({prompt.id for prompt in (*ours, *tasks)}) == 75
    assert all(prompt.tag for prompt in (*ours, *tasks))


def test_the_trigger_word_goes_in_front_once() -> None:
    assert orders.words_drawn(INK, "a fox") == "inkdraw, a fox"
    assert orders.words_drawn(INK, "a fox, InkDraw style") == "a fox, InkDraw style"
    assert orders.words_drawn(BASE, "a fox") == "a fox"


def test_every_part_of_an_order_is_part_of_its_key() -> None:
    def key(model: Model = INK, base: Model = BASE, prompt: Prompt = FOX, seed: int = 1, steps: int = 4) -> str:
        return orders.task_for(model, base, prompt, seed, {"steps": steps}).key

    changed = [
        key(replace(INK, id="other")),
        key(base=replace(BASE, id="other")),
        key(prompt=Prompt("a fax")),
        key(prompt=Prompt("a fox", "dog")),
        key(seed=2),
        key(steps=5),
    ]
    assert len({key(), *changed}) == 7
    assert key() == key(replace(INK, downloads=5), prompt=Prompt("a fox", tag="animal"))


def test_settings_that_are_not_set_do_not_change_the_key() -> None:
    def key(settings: dict[str, int]) -> str:
        return orders.task_for(INK, BASE, Prompt("a fox"), 1, settings).key

    assert key({"steps": 0}) == key({}) == key({"unheard_of": 3})


def test_seeds_are_the_same_for_every_model_and_differ_between_prompts() -> None:
    fox, owl = Prompt("a fox"), Prompt("an owl")
    assert orders.seed_for(fox, 0) == orders.seed_for(Prompt("a fox", tag="animal"), 0)
    assert len({orders.seed_for(prompt, index) for prompt in (fox, owl) for index in range(5)}) == 10
    assert orders.seed_for(Prompt("a fox", settings={"seed": 7}), 0) == 7


def test_an_adapter_sits_on_the_base_its_card_names_else_on_its_family() -> None:
    other = Model("other", "Other", "pipeline", "/other", base="SDXL")
    assert orders.base_of(INK, [other, BASE, INK]) == BASE
    assert orders.base_of(replace(INK, base_location="/other"), [BASE, other]) == other
    assert orders.base_of(BASE, [BASE]) is None
    assert orders.base_of(replace(INK, base=None), [BASE, INK]) == BASE


def test_an_adapter_without_a_base_is_told_so() -> None:
    with pytest.raises(PalateError, match="adapter for SD15, and no such base is here"):
        orders.base_of(INK, [INK])


def test_prompts_are_read_as_lines_or_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text('a fox\n\n{"prompt": "an owl", "negative": "dog", "tag": "animal", "steps": 4}\n')
    fox, owl = orders.read_prompts(file)
    assert (fox.text, owl.text, owl.negative, owl.tag, owl.settings) == (
        "a fox",
        "an owl",
        "dog",
        "animal",
        {"steps": 4},
    )


@pytest.mark.parametrize(
    ("line", "said"), [("{broken", "not a JSON object"), ('{"prompt": 3}', "must be words"), ("{}", "not a")]
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text(f"a fox\n{line}\n")
    with pytest.raises(PalateError, match=said) as caught:
        orders.read_prompts(file)
    assert str(caught.value.about).endswith(":2")


def test_what_cannot_draw_says_why() -> None:
    with pytest.raises(PalateError, match="known by its pictures only"):
        orders.require_able(replace(BASE, kind="listed"))
    with pytest.raises(PalateError, match="is a pickle"):
        orders.require_able(replace(BASE, state="quarantined", state_reason="it is a pickle"))
