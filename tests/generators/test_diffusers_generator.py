"""Tiny but real pipelines: what decides a picture, who shares what, and how broken ones are told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.generators import diffusers_pipeline, loading
from palate.generators.diffusers_pipeline import DiffusersGenerator, as_picture
from palate.generators.opening import open_generator
from palate.generators.protocol import FillsUp, Generator, Order
from palate.generators.samplers import SAMPLERS, scheduler_of
from palate.safety.pictures import looks_degenerate
from palate.testing.checkpoints import build_tiny_checkpoint
from palate.testing.contracts import GeneratorContract
from palate.testing.worlds import build_tiny_loras, build_tiny_pipeline

STEPS = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("world")
    build_tiny_pipeline(root / "pipeline")
    build_tiny_loras(root / "loras", root / "pipeline", 3)
    build_tiny_checkpoint(root / "checkpoint.safetensors", root / "pipeline")
    yield root
    loading.forget_bases()


def pipeline(world: Path) -> Model:
    return Model(id="base", name="tiny", kind="pipeline", location=str(world / "pipeline"), base="SD15")


def lora(world: Path, number: int, **more: Any) -> Model:
    file = world / "loras" / f"style-{number}.safetensors"
    return Model(id=f"lora{number}", name=file.stem, kind="adapter", location=str(file), base="SD15", **more)


def drawn(generator: Generator, *orders: Order) -> list[bytes]:
    given = orders or (Order("a red circle", 1, steps=STEPS), Order("a blue square", 2, steps=STEPS))
    return [picture.tobytes() for picture in generator.draw(given)]


class TestPipeline(GeneratorContract):
    settings: ClassVar[dict[str, Any]] = {"steps": STEPS}

    @pytest.fixture(autouse=True)
    def _world(self, world: Path) -> None:
        type(self).world = world

    world: Path

    def build(self) -> Generator:
        return open_generator(pipeline(self.world))


class TestAdapter(TestPipeline):
    def build(self) -> Generator:
        return open_generator(lora(self.world, 0), base=pipeline(self.world), batch=3)


def test_the_number_of_threads_decides_nothing(world: Path) -> None:
    generator, before = open_generator(pipeline(world)), torch.get_num_threads()
    seen = set()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        seen.add(tuple(drawn(generator)))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert len(seen) == 1


def test_one_by_one_no_batch_is_filled_up_and_pictures_stay_the_same_to_the_eye(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = open_generator(pipeline(world), batch=4)
    assert isinstance(generator, FillsUp)
    sizes: list[int] = []
    run = diffusers_pipeline.run

    def counted(base: loading.LoadedBase, orders: Sequence[Order]) -> Any:
        sizes.append(len(orders))
        return run(base, orders)

    monkeypatch.setattr(diffusers_pipeline, "run", counted)
    orders = [Order("a red circle", 1, steps=STEPS), Order("a blue square", 2, steps=STEPS)]
    filled = generator.draw(orders)
    with generator.one_by_one():
        singly = generator.draw(orders)
    assert sizes == [4, 1, 1]
    for one, other in zip(filled, singly, strict=True):
        assert np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max() <= 1
    assert generator.batch == 4


def test_adapters_share_one_base_and_do_not_see_each_other(world: Path) -> None:
    base = pipeline(world)
    kept = open_generator(base)
    alone = drawn(kept)
    first, second = (open_generator(lora(world, number), base=base) for number in (0, 1))
    assert isinstance(first, DiffusersGenerator)
    assert isinstance(second, DiffusersGenerator)
    assert first._base is second._base
    looks = [drawn(first), drawn(second)]
    assert looks[0] != looks[1] != alone != looks[0]
    assert [drawn(first), drawn(second), drawn(open_generator(base))] == [*looks, alone]
    first.close()
    assert drawn(second) == looks[1]
    second.close()
    assert drawn(kept) == alone
    assert drawn(open_generator(lora(world, 1), base=base)) == looks[1]  # read again beside the one that holds the base
    kept.close()
    loading.forget_bases()
    assert drawn(open_generator(lora(world, 1), base=str(world / "pipeline"))) == looks[1]


def test_an_adapter_of_no_weight_changes_nothing_and_two_add_up(world: Path) -> None:
    base = pipeline(world)
    assert drawn(open_generator(lora(world, 0), base=base, weight=0.0)) == drawn(open_generator(base))
    both = drawn(open_generator(lora(world, 0), base=base, adapters=[(lora(world, 1), 0.7)]))
    onto_base = open_generator(base, adapters=[(lora(world, 0), 1.0), (lora(world, 1), 0.7)])
    assert drawn(onto_base) == both != drawn(open_generator(lora(world, 0), base=base))


def test_a_checkpoint_file_draws_what_its_folder_draws(world: Path) -> None:
    file = world / "checkpoint.safetensors"
    model = Model(id="file", name="one file", kind="checkpoint", location=str(file), base="SD15")
    from_file = open_generator(model, base=pipeline(world))
    assert drawn(from_file) == drawn(open_generator(pipeline(world)))
    from_file.close()


def test_the_size_of_a_picture_is_the_one_asked_for(world: Path) -> None:
    generator = open_generator(pipeline(world))
    small, wide = generator.draw([Order("sea", 1, steps=2), Order("sea", 1, width=48, height=40, steps=2)])
    assert (small.size, wide.size) == ((32, 32), (48, 40))
    with pytest.raises(PalateError) as caught:
        generator.draw([Order("sea", 1, width=33, steps=2)])
    assert caught.value.code == "drawing_failed"


def test_negative_words_strength_and_sampler_all_matter(world: Path) -> None:
    generator = open_generator(pipeline(world))
    plain = Order("a red circle", 1, steps=STEPS, cfg=4.0)
    others = [
        Order("a red circle", 1, "blue", steps=STEPS, cfg=4.0),
        Order("a red circle", 1, steps=STEPS, cfg=1.5),
        Order("a red circle", 1, steps=STEPS + 2, cfg=4.0),
        Order("a red circle", 1, steps=STEPS, cfg=4.0, sampler="DPM++ 2M Karras"),
    ]
    together = drawn(generator, plain, *others, plain)
    assert together[0] == together[-1]
    assert len(set(together)) == 5


def test_what_is_no_number_comes_back_black_and_is_known_for_it(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = open_generator(pipeline(world), batch=2)
    real = diffusers_pipeline.run

    def broken(base: Any, orders: Any) -> Any:
        floats = real(base, orders)
        floats[0, 3, 3, 1] = np.nan
        return floats

    monkeypatch.setattr(diffusers_pipeline, "run", broken)
    first, second = generator.draw([Order("sea", 1, steps=2), Order("sea", 2, steps=2)])
    assert looks_degenerate(first) == "all black"
    assert looks_degenerate(second) is None


def test_half_precision_that_breaks_is_drawn_once_more_in_full(world: Path) -> None:
    base = loading.shared_base(pipeline(world), config=None, device="cpu")
    half = loading.LoadedBase(base.pipeline, "cpu", torch.bfloat16, 2)
    good = np.random.default_rng(0).random((2, 4, 4, 3), dtype=np.float32)
    floats = good.copy()
    floats[1] = np.nan
    seen: list[torch.dtype] = []

    def draw(on: loading.LoadedBase, orders: Any) -> Any:
        seen.append(on.pipeline.dtype)
        return good + 1

    mended = diffusers_pipeline.retried(half, [], floats, draw)
    assert seen == [torch.float32]
    assert (mended[0] == good[0]).all()
    assert (mended[1] == good[1] + 1).all()
    assert base.pipeline.dtype == torch.bfloat16
    base.pipeline.to(dtype=torch.float32)
    loading.forget_bases()


def test_out_of_memory_halves_the_batch_once(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def run_in(room: int) -> Any:
        def run(base: Any, orders: Any) -> Any:
            sizes.append(len(orders))
            if len(orders) > room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
            return np.full((len(orders), 2, 2, 3), 0.5, dtype=np.float32)

        return run

    generator = open_generator(pipeline(world), batch=8)
    monkeypatch.setattr(diffusers_pipeline, "run", run_in(4))
    assert len(generator.draw([Order("sea", seed) for seed in range(8)])) == 8
    assert (sizes, generator.batch) == ([8, 4, 4], 4)
    monkeypatch.setattr(diffusers_pipeline, "run", run_in(1))
    with pytest.raises(PalateError) as caught:
        generator.draw([Order("sea", 1)])
    assert caught.value.code == "out_of_memory"


def test_a_float_picture_is_rounded_and_not_cut() -> None:
    assert np.asarray(as_picture(np.full((1, 1, 3), 0.999, dtype=np.float32))).tolist() == [[[255, 255, 255]]]
    assert np.asarray(as_picture(np.full((1, 1, 3), np.inf, dtype=np.float32))).tolist() == [[[0, 0, 0]]]


# ---------------------------------------------------------------------------------------------------- what is refused


def code_of(model: Model, **options: Any) -> str:
    with pytest.raises(PalateError) as caught:
        open_generator(model, **options)
    assert "\n" not in str(caught.value)
    return caught.value.code


def test_an_adapter_needs_a_base_that_fits(world: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    assert code_of(lora(world, 0)) == "no_base"
    assert code_of(lora(world, 0), base=lora(world, 1)) == "no_base"
    weights = load_file(world / "loras" / "style-0.safetensors")
    wrong = {name: torch.cat([weight, weight], dim=1) for name, weight in weights.items()}
    save_file(wrong, tmp_path / "wrong.safetensors")
    save_file({"unet.nowhere.lora_A.weight": torch.ones(2, 2)}, tmp_path / "nowhere.safetensors")
    for name in ("wrong", "nowhere"):
        model = Model(id=name, name=name, kind="adapter", location=str(tmp_path / f"{name}.safetensors"))
        assert code_of(model, base=pipeline(world)) == "adapter_unfit"
    fine = open_generator(lora(world, 0), base=pipeline(world))
    assert len(drawn(fine)) == 2  # what failed left nothing behind


def test_pickles_code_and_changed_files_are_refused(world: Path, tmp_path: Path) -> None:
    pickle = tmp_path / "style.safetensors"
    pickle.write_bytes(b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.")
    model = Model(id="p", name="p", kind="adapter", location=str(pickle))
    assert code_of(model, base=pipeline(world)) == "unsafe_format"
    assert code_of(Model(id="c", name="c", kind="checkpoint", location=str(pickle), base="SD15")) == "unsafe_format"
    folder = tmp_path / "with code"
    shutil.copytree(world / "pipeline", folder)
    (folder / "pipeline.py").write_text("raise SystemExit('ran')\n")
    assert code_of(Model(id="f", name="f", kind="pipeline", location=str(folder))) == "unsafe_format"
    assert code_of(lora(world, 0, header_hash="0" * 32), base=pipeline(world)) == "model_changed"
    assert code_of(Model(id="l", name="l", kind="listed", location="")) == "cannot_draw"
    assert code_of(lora(world, 0, state="quarantined", state_reason="it is a pickle")) == "cannot_draw"
    assert code_of(Model(id="g", name="g", kind="pipeline", location=str(tmp_path / "gone"))) == "model_missing"


def test_a_closed_one_says_so(world: Path) -> None:
    generator = open_generator(lora(world, 0), base=pipeline(world))
    generator.close()
    generator.close()
    with pytest.raises(PalateError) as caught:
        generator.draw([Order("sea", 1)])
    assert caught.value.code == "generator_closed"


# ------------------------------------------------------------------------------------------------------------ samplers


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("DPM++ 2M Karras", ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True})),
        ("dpmpp_2m", ("DPMSolverMultistepScheduler", {})),
        ("DPM++ 2M SDE Karras", ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"})),
        ("Euler a", ("EulerAncestralDiscreteScheduler", {})),
        ("euler_ancestral", ("EulerAncestralDiscreteScheduler", {})),
        ("k_euler_a".removeprefix("k_"), ("EulerAncestralDiscreteScheduler", {})),
        ("dpm_2_ancestral", ("KDPM2AncestralDiscreteScheduler", {})),
        ("uni_pc", ("UniPCMultistepScheduler", {})),
        (" DDIM ", ("DDIMScheduler", {})),
    ],
)
def test_samplers_go_by_many_names(written: str, meant: tuple[str, dict[str, Any]]) -> None:
    name, settings = scheduler_of(written)
    assert name == meant[0]
    assert meant[1].items() <= settings.items()


def test_an_unknown_sampler_is_named_and_the_known_ones_listed(world: Path) -> None:
    with pytest.raises(PalateError) as caught:
        open_generator(pipeline(world)).draw([Order("sea", 1, sampler="Quantum X")])
    assert caught.value.code == "unknown_sampler"
    assert "dpm++ 2m" in str(caught.value)


def test_every_sampler_draws_with_a_base_that_predicts_noise(world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "noise"
    shutil.copytree(world / "pipeline", folder)
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "prediction_type": "epsilon"}))
    generator = open_generator(Model(id="n", name="noise", kind="pipeline", location=str(folder)), batch=1)
    for sampler in SAMPLERS:
        (picture,) = generator.draw([Order("a red circle", 1, steps=4, sampler=sampler)])
        assert picture.size == (32, 32), sampler
