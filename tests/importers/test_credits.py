"""A picture's credits find their models by hash, then by name, and are shown as unknown where neither does."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from palate.catalogue.records import Credit, Drawing, Model, ModelKind
from palate.importers.credits import ModelIndex, match_credits, name_key

SHA = "6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa"
OTHER_SHA = "aa11bb22cc33dd44ee55ff66aa11bb22cc33dd44ee55ff66aa11bb22cc33dd44"


def model(id: str, name: str, kind: ModelKind = "checkpoint", **more: object) -> Model:
    return Model(id=id, name=name, kind=kind, location=f"/models/{name}.safetensors", **more)  # type: ignore[arg-type]


def matched(credit: Credit, *models: Model) -> tuple[str | None, str]:
    found = ModelIndex(models).match(credit)
    return found.model_id, found.matched


def test_a_hash_of_any_length_a_tool_writes_finds_the_model() -> None:
    known = model("a", "renamed", full_hash=SHA, known_hashes=("cc6cb27103", "E1441589", "0123456789ab"))
    for written in (SHA, SHA[:10], SHA[:12], "cc6cb27103", "e1441589", "0123456789ab", "0123456789abcdef"):
        assert matched(Credit("any", "checkpoint", hash=written), known) == ("a", "hash")


def test_the_hash_goes_before_the_name() -> None:
    by_hash, by_name = model("a", "renamed", full_hash=SHA), model("b", "v1-5")
    assert matched(Credit("v1-5", "checkpoint", hash=SHA[:10]), by_hash, by_name) == ("a", "hash")
    assert matched(Credit("v1-5", "checkpoint", hash="ffffffffff"), by_hash, by_name) == ("b", "name")


def test_names_match_without_folder_ending_or_case() -> None:
    known = model("a", "Dream Shaper v1.5")
    for written in ("dream shaper v1.5", "SDXL\\Dream Shaper v1.5.safetensors", "x/y/DREAM SHAPER V1.5.ckpt"):
        assert matched(Credit(written, "checkpoint"), known) == ("a", "name")
    assert matched(Credit("dream shaper v1", "checkpoint"), known) == (None, "unknown")


def test_one_name_in_two_unicode_forms_is_one_name() -> None:
    assert name_key("Cafe\u0301.safetensors") == name_key("CAF\u00c9")


def test_a_lora_is_never_taken_for_a_checkpoint_of_the_same_name() -> None:
    lora, checkpoint = model("l", "ink", "adapter"), model("c", "ink")
    assert matched(Credit("ink", "adapter"), lora, checkpoint) == ("l", "name")
    assert matched(Credit("ink", "checkpoint"), lora, checkpoint) == ("c", "name")
    assert matched(Credit("ink", "checkpoint"), lora) == (None, "unknown")


def test_a_lora_is_also_known_by_the_name_it_was_trained_under() -> None:
    lora = model("l", "ink_v2_final", "adapter", card={"ss_output_name": "Ink"})
    assert matched(Credit("ink", "adapter"), lora) == ("l", "name")


def test_of_two_files_of_one_name_the_folder_decides_else_nobody_is_credited() -> None:
    first = Model("1", "ink", "adapter", "/loras/sd15/ink.safetensors")
    second = Model("2", "ink", "adapter", "/loras/sdxl/ink.safetensors")
    assert matched(Credit("sdxl\\ink.safetensors", "adapter"), first, second) == ("2", "name")
    assert matched(Credit("ink", "adapter"), first, second) == (None, "unknown")


def test_two_copies_of_one_content_are_one_model() -> None:
    first = Model("2", "ink", "adapter", "/a/ink.safetensors", full_hash=SHA, state="missing")
    second = Model("1", "ink copy", "adapter", "/b/ink.safetensors", full_hash=SHA)
    assert matched(Credit("ink", "adapter"), first, second) == ("1", "name")
    assert matched(Credit("other", "adapter", hash=SHA[:12]), first, second) == ("1", "hash")


def test_short_hashes_that_collide_are_told_apart_by_name_or_not_at_all() -> None:
    first, second = model("1", "one", known_hashes=("e1441589",)), model("2", "two", known_hashes=("e1441589",))
    assert matched(Credit("two", "checkpoint", hash="e1441589"), first, second) == ("2", "hash")
    assert matched(Credit("three", "checkpoint", hash="e1441589"), first, second) == (None, "unknown")


def test_a_model_that_can_draw_goes_before_one_that_is_only_listed() -> None:
    assert matched(Credit("m", "checkpoint"), model("1", "m", "listed"), model("2", "m")) == ("2", "name")
    assert matched(Credit("m", "adapter"), model("1", "m", "listed")) == ("1", "name")


def test_what_the_person_gave_is_found_by_id_or_name_whatever_its_kind() -> None:
    lora = model("0123abcd", "ink", "adapter")
    for name in ("0123abcd", "Ink"):
        found = ModelIndex([lora]).match(Credit(name, "checkpoint", matched="given"))
        assert (found.model_id, found.matched, found.role) == ("0123abcd", "given", "adapter")
    assert matched(Credit("else", "checkpoint", matched="given"), lora) == (None, "unknown")


def test_a_drawing_keeps_everything_but_its_credits() -> None:
    drawing = Drawing("d", "p", "imported", (Credit("m", "checkpoint"), Credit("x", "adapter", 0.5)), seed=7)
    found = match_credits(drawing, ModelIndex([model("a", "m")]))
    assert (found.id, found.seed, [c.matched for c in found.credits]) == ("d", 7, ["name", "unknown"])
    assert found.credits[1].weight == 0.5


def test_matching_again_with_more_models_finds_what_was_unknown_and_forgets_what_is_gone() -> None:
    drawing = Drawing("d", "p", "imported", (Credit("m", "checkpoint"),))
    with_model = match_credits(drawing, ModelIndex([model("a", "m")]))
    assert with_model.credits[0].model_id == "a"
    assert match_credits(with_model, ModelIndex([])).credits[0] == Credit("m", "checkpoint")


@given(st.text(), st.text() | st.none(), st.sampled_from(["checkpoint", "adapter"]))
def test_any_credit_is_matched_or_unknown(name: str, hash: str | None, role: str) -> None:  # noqa: A002
    found = ModelIndex([model("a", "m", full_hash=SHA), model("b", name or "b")]).match(
        Credit(name, role, hash=hash)  # type: ignore[arg-type]
    )
    assert (found.model_id is None) == (found.matched == "unknown")


def test_a_look_up_costs_the_same_among_many() -> None:
    index = ModelIndex(
        model(f"{i}", f"lora_{i}", "adapter", full_hash=f"{i:064x}", known_hashes=(f"{i:08x}",)) for i in range(54_000)
    )
    started = time.perf_counter()
    for i in range(0, 54_000, 54):
        assert index.match(Credit(f"lora_{i}", "adapter")).model_id == f"{i}"
        assert index.match(Credit("else", "adapter", hash=f"{i:08x}")).model_id == f"{i}"
    assert time.perf_counter() - started < 1
