"""Servers that draw: what they are asked, and that nothing they answer does harm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.generators.a1111 import A1111
from palate.generators.comfyui import ComfyUI, sampler_of, text_to_image
from palate.generators.endpoints import Endpoint, message_in, one_line
from palate.generators.openai_images import OpenAIImages
from palate.generators.opening import open_generator
from palate.generators.protocol import Generator, Order
from palate.importers.endpoints import key_for
from palate.testing.contracts import GeneratorContract
from palate.testing.fakes import FakeGenerator
from palate.testing.servers import Fault, Route, Talk, a1111_routes, comfyui_routes, openai_routes, serving

ROUTES: dict[str, Route] = {"comfyui": comfyui_routes, "a1111": a1111_routes, "openai": openai_routes}
ORDER = Order("a red circle", 7, width=64, height=64)


def model_at(protocol: str, talk: Talk, name: str = "some folder/tiny model.safetensors") -> Model:
    return Model(id="m", name="tiny", kind="endpoint", location=f"{protocol}+{talk.address}#{name}")


class EndpointContract(GeneratorContract):
    protocol: ClassVar[str]
    talk: Talk

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls) -> Iterator[None]:
        with serving(ROUTES[cls.protocol]) as cls.talk:
            yield

    def build(self) -> Generator:
        return open_generator(model_at(self.protocol, self.talk))


class TestComfyUI(EndpointContract):
    protocol = "comfyui"


class TestA1111(EndpointContract):
    protocol = "a1111"


class TestOpenAIImages(EndpointContract):
    protocol = "openai"


@pytest.mark.parametrize("protocol", ROUTES)
def test_words_seed_size_and_model_arrive(protocol: str) -> None:
    with serving(ROUTES[protocol]) as talk:
        (picture,) = open_generator(model_at(protocol, talk)).draw([ORDER])
        assert picture.tobytes() == FakeGenerator().draw([ORDER])[0].tobytes()
        assert "some folder/tiny model.safetensors" in str(talk.asked[0][1])


FAULTS: list[Fault] = [
    "html", "error body", "status 500", "too many", "none", "not a picture", "truncated", "dropped", "redirect",
    "wrong schema", "null", "deep",
]  # fmt: skip


@pytest.mark.parametrize("protocol", ROUTES)
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_server_answers_is_one_line_that_names_it(protocol: str, fault: Fault) -> None:
    with serving(ROUTES[protocol], fault) as talk, pytest.raises(PalateError) as caught:
        open_generator(model_at(protocol, talk)).draw([ORDER])
    assert caught.value.code == "endpoint_failed"
    assert str(caught.value).isprintable()
    assert talk.address in str(caught.value)
    assert all(path != "/elsewhere" for path, _ in talk.asked)


@pytest.mark.parametrize(("kind", "protocol"), [(A1111, "a1111"), (OpenAIImages, "openai"), (ComfyUI, "comfyui")])
@pytest.mark.parametrize("fault", ["hang", "endless"])
def test_a_server_that_never_ends_is_left(kind: Any, protocol: str, fault: Fault) -> None:
    with serving(ROUTES[protocol], fault) as talk:
        began = time.monotonic()
        with pytest.raises(PalateError) as caught:
            kind("tiny", talk.address, "tiny", seconds=0.4).draw([ORDER])
        assert time.monotonic() - began < 3
    assert caught.value.code == "endpoint_failed"


def test_an_answer_has_a_largest_size() -> None:
    with (
        serving(a1111_routes, "endless") as talk,
        Endpoint("tiny", talk.address, largest=256 * 1024) as endpoint,
        pytest.raises(PalateError, match="larger than 256 kB"),
    ):
        endpoint.get_json("/sdapi/v1/txt2img")


def test_a_picture_that_would_fill_the_memory_is_not_opened() -> None:
    with serving(openai_routes, "bomb") as talk, pytest.raises(PalateError) as caught:
        open_generator(model_at("openai", talk)).draw([ORDER])
    assert caught.value.code == "endpoint_failed"


def test_nobody_there_is_said_plainly() -> None:
    with serving(openai_routes) as talk:
        address = talk.address
    with pytest.raises(PalateError, match="no server answers there"):
        OpenAIImages("tiny", address, "tiny").draw([ORDER])


def test_openai_is_asked_in_the_words_each_of_its_models_takes() -> None:
    order = Order("sea", 2**40 + 5, "blue", width=128)
    with serving(openai_routes) as talk:
        for name in ("local-model", "dall-e-3", "gpt-image-1"):
            OpenAIImages(name, talk.address, name).draw([order])
    local, dalle, gpt = (body for _, body in talk.asked)
    plain = {"prompt": "sea", "n": 1, "size": "128x128"}
    assert local == {
        **plain, "model": "local-model", "response_format": "b64_json", "seed": 5, "negative_prompt": "blue",
    }  # fmt: skip
    assert dalle == {**plain, "model": "dall-e-3", "response_format": "b64_json"}
    assert gpt == {**plain, "model": "gpt-image-1"}


def test_a1111_gets_its_adapters_in_the_words_and_only_what_is_known() -> None:
    generator = A1111("tiny", "http://localhost:7860", "tiny.safetensors [abc]", adapters=[("style", 0.5)])
    body = generator.request(Order("sea", 3, steps=7, cfg=2.5, sampler="Euler a"))
    assert body["prompt"] == "sea <lora:style:0.5>"
    assert (body["steps"], body["cfg_scale"], body["sampler_name"], body["seed"]) == (7, 2.5, "Euler a", 3)
    assert body["override_settings"] == {"sd_model_checkpoint": "tiny.safetensors [abc]"}
    assert not {"width", "height"} & body.keys()
    assert not body["save_images"]


def test_comfyui_gets_a_graph_whose_every_link_leads_to_a_node() -> None:
    graph = text_to_image(Order("sea", 3, "blue", steps=5, cfg=0.0), "tiny.safetensors", [("a", 0.5), ("b", 1.0)])
    links = [
        (link[0], node["class_type"])
        for node in graph.values()
        for link in node["inputs"].values()
        if isinstance(link, list)
    ]
    assert all(target in graph for target, _ in links)
    assert graph["adapter1"]["inputs"]["model"] == ["adapter0", 0]
    assert graph["draw"]["inputs"]["model"] == ["adapter1", 0]
    assert graph["not"]["inputs"] == {"text": "blue", "clip": ["adapter1", 1]}
    assert (graph["draw"]["inputs"]["steps"], graph["draw"]["inputs"]["cfg"]) == (5, 0.0)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, ("euler", "normal")),
        ("Euler a", ("euler_ancestral", "normal")),
        ("DPM++ 2M Karras", ("dpmpp_2m", "karras")),
        ("dpmpp_2m_sde_karras", ("dpmpp_2m_sde", "karras")),
        ("DPM++ 2M SDE SGM Uniform", ("dpmpp_2m_sde", "sgm_uniform")),
        ("euler_ancestral", ("euler_ancestral", "normal")),
    ],
)
def test_comfyui_spells_samplers_its_own_way(written: str | None, meant: tuple[str, str]) -> None:
    assert sampler_of(written) == meant


def test_what_a_server_says_is_data() -> None:
    assert one_line("a\x00b\u202ec\n d" + "x" * 999, longest=10) == "a b c dxxx"
    assert message_in({"error": {"message": "no\nmoney"}}) == "no money"
    assert message_in({"data": []}) is None
    assert message_in("text") is None


def test_openai_s_key_goes_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "theirs")
    monkeypatch.delenv("PALATE_ENDPOINT_KEY", raising=False)
    assert key_for("https://api.openai.com") == "theirs"
    assert key_for("http://api.openai.com.example.net") is None
    monkeypatch.setenv("PALATE_ENDPOINT_KEY", "ours")
    assert key_for("http://127.0.0.1:8188") == "ours"
