"""ComfyUI's graphs: known by what inputs are called, so that nodes nobody has seen yet still say what they can."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palate.catalogue.records import Credit
from palate.importers.metadata import Reading, UnreadableError, read_metadata, read_texts
from palate.testing.outputs import comfyui, exif, jpeg_with_comment, node, png, text_to_image, with_exif


def names(read: Reading) -> list[tuple[str, float]]:
    return [(each.name, each.weight) for each in read.credits]


def test_the_default_graph_is_read_whole() -> None:
    read = read_texts(text_to_image())
    assert (read.tool, read.text, read.negative, read.seed) == ("ComfyUI", "a fox", "text, watermark", 8566257)
    assert read.settings == {
        "steps": 20,
        "cfg": 8.0,
        "sampler": "euler",
        "scheduler": "normal",
        "width": 512,
        "height": 768,
    }
    assert read.credits == (Credit("v1-5.safetensors", "checkpoint"),)


def test_it_is_found_in_png_texts_webp_exif_and_jpeg_comments() -> None:
    graph = text_to_image()
    expected = read_texts(graph)
    assert read_metadata(png({**graph, "workflow": '{"nodes": [NaN]}'}), "png") == expected
    webp = with_exif("WEBP", exif({0x010F: b"workflow:{}\0", 0x0110: b"prompt:" + graph["prompt"].encode() + b"\0"}))
    assert read_metadata(webp, "webp") == expected
    comment = json.dumps({"prompt": json.loads(graph["prompt"]), "workflow": {}})
    assert read_metadata(jpeg_with_comment(comment), "jpeg") == expected


def test_loras_in_a_chain_are_credited_by_their_strength() -> None:
    graph = text_to_image(
        n3=node("KSampler", seed=1, steps=20, cfg=7, model=["21", 0], positive=["6", 0], negative=["7", 0]),
        n20=node("LoraLoader", lora_name="ink.safetensors", strength_model=0.7, strength_clip=1.0, model=["4", 0]),
        n21=node("LoraLoaderModelOnly", lora_name="a\\slider.safetensors", strength_model=-2, model=["20", 0]),
        n22=node("LoraLoader", lora_name="unused.safetensors", strength_model=1.0, model=["4", 0]),
        n23=node("LoraLoader", lora_name="off.safetensors", strength_model=0, model=["4", 0]),
    )
    assert sorted(names(read_texts(graph))) == [
        ("a\\slider.safetensors", -2.0),
        ("ink.safetensors", 0.7),
        ("v1-5.safetensors", 1.0),
    ]


def test_flux_through_guider_noise_and_sigmas() -> None:
    graph = comfyui(
        n1=node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
        n2=node("DualCLIPLoader", clip_name1="t5.safetensors", clip_name2="clip_l.safetensors", type="flux"),
        n3=node("CLIPTextEncodeFlux", clip_l="fox", t5xxl="a fox in the snow", guidance=3.5, clip=["2", 0]),
        n4=node("FluxGuidance", guidance=2.5, conditioning=["3", 0]),
        n5=node("BasicGuider", model=["10", 0], conditioning=["4", 0]),
        n6=node("RandomNoise", noise_seed=42),
        n7=node("KSamplerSelect", sampler_name="euler"),
        n8=node("BasicScheduler", scheduler="simple", steps=28, denoise=1.0, model=["10", 0]),
        n9=node("EmptySD3LatentImage", width=1024, height=768, batch_size=1),
        n10=node("LoraLoaderModelOnly", lora_name="snow.safetensors", strength_model=0.9, model=["1", 0]),
        n11=node(
            "SamplerCustomAdvanced",
            noise=["6", 0],
            guider=["5", 0],
            sampler=["7", 0],
            sigmas=["8", 0],
            latent_image=["9", 0],
        ),
        n12=node("VAEDecode", samples=["11", 0], vae=["13", 0]),
        n13=node("VAELoader", vae_name="ae.safetensors"),
        n14=node("SaveImage", images=["12", 0]),
    )
    read = read_texts(graph)
    assert (read.text, read.negative, read.seed) == ("a fox in the snow, fox", "", 42)
    assert read.settings == {
        "steps": 28,
        "sampler": "euler",
        "scheduler": "simple",
        "guidance": 2.5,
        "width": 1024,
        "height": 768,
    }
    assert names(read) == [("flux1-dev.safetensors", 1.0), ("snow.safetensors", 0.9)]


def test_sdxl_with_a_refiner_shares_the_picture_by_the_steps() -> None:
    def advanced(model: str, latent: str, start: int, end: int) -> dict[str, Any]:
        return node(
            "KSamplerAdvanced",
            noise_seed=7,
            steps=25,
            cfg=8,
            start_at_step=start,
            end_at_step=end,
            model=[model, 0],
            positive=["3", 0],
            negative=["4", 0],
            latent_image=[latent, 0],
        )

    graph = comfyui(
        n1=node("CheckpointLoaderSimple", ckpt_name="sd_xl_base.safetensors"),
        n2=node("CheckpointLoaderSimple", ckpt_name="sd_xl_refiner.safetensors"),
        n3=node("CLIPTextEncodeSDXL", text_g="a fox", text_l="a fox", clip=["1", 1]),
        n4=node("CLIPTextEncodeSDXL", text_g="bad", text_l="ugly", clip=["1", 1]),
        n5=node("EmptyLatentImage", width=1024, height=1024),
        n6=advanced("1", "5", 0, 20),
        n7=advanced("2", "6", 20, 10000),
        n8=node("VAEDecode", samples=["7", 0], vae=["1", 2]),
        n9=node("SaveImage", images=["8", 0]),
    )
    read = read_texts(graph)
    assert (read.text, read.negative, read.seed) == ("a fox", "bad, ugly", 7)
    assert names(read) == [("sd_xl_base.safetensors", 0.8), ("sd_xl_refiner.safetensors", 0.2)]


def test_a_second_pass_adds_its_checkpoint_by_its_denoise_and_never_counts_one_above_whole() -> None:
    def upscaled_by(checkpoint: str) -> Reading:
        return read_texts(
            text_to_image(
                n8=node("VAEDecode", samples=["11", 0], vae=["4", 2]),
                n10=node("LatentUpscale", samples=["3", 0], width=1024, height=1536),
                n11=node(
                    "KSampler",
                    seed=2,
                    steps=10,
                    cfg=5,
                    denoise=0.4,
                    model=["12", 0],
                    positive=["13", 0],
                    negative=["7", 0],
                    latent_image=["10", 0],
                ),
                n12=node("CheckpointLoaderSimple", ckpt_name=checkpoint),
                n13=node("CLIPTextEncode", text="sharp", clip=["4", 1]),
            )
        )

    other = upscaled_by("other.safetensors")
    assert (other.text, other.seed) == ("a fox", 8566257)
    assert names(other) == [("v1-5.safetensors", 1.0), ("other.safetensors", 0.4)]
    assert names(upscaled_by("v1-5.safetensors")) == [("v1-5.safetensors", 1.0)]


def test_merged_checkpoints_are_credited_by_the_ratio_through_what_lies_between() -> None:
    graph = text_to_image(
        n3=node("KSampler", seed=1, steps=20, cfg=7, model=["30", 0], positive=["6", 0], negative=["7", 0]),
        n30=node("ModelMergeSimple", model1=["31", 0], model2=["32", 0], ratio=0.75),
        n31=node("LoraLoaderModelOnly", lora_name="ink", strength_model=0.5, model=["4", 0]),
        n32=node("CheckpointLoaderSimple", ckpt_name="second.safetensors"),
    )
    assert sorted(names(read_texts(graph))) == [("ink", 0.5), ("second.safetensors", 0.25), ("v1-5.safetensors", 0.75)]


@pytest.mark.parametrize(
    ("loader", "expected"),
    [
        (
            node(
                "Power Lora Loader (rgthree)",
                lora_1={"on": True, "lora": "a", "strength": 0.6},
                lora_2={"on": False, "lora": "b", "strength": 1},
            ),
            [("a", 0.6)],
        ),
        (
            node("Lora Loader Stack (rgthree)", lora_01="a", strength_01=0.5, lora_02="None", strength_02=1),
            [("a", 0.5)],
        ),
        (
            node(
                "LoRA Stacker",
                input_mode="simple",
                lora_count=1,
                lora_name_1="a",
                lora_wt_1=0.4,
                model_str_1=1.0,
                lora_name_2="b",
                lora_wt_2=1.0,
            ),
            [("a", 0.4)],
        ),
        (
            node(
                "CR LoRA Stack",
                switch_1="On",
                lora_name_1="a",
                model_weight_1=0.3,
                switch_2="Off",
                lora_name_2="b",
                model_weight_2=1,
            ),
            [("a", 0.3)],
        ),
        (node("Lora Loader (LoraManager)", text="<lora:a:0.2> <lora:b:1>"), [("a", 0.2), ("b", 1.0)]),
        (node("LoraLoader|pysssss", lora_name={"content": "a", "image": None}, strength_model=0.9), [("a", 0.9)]),
    ],
)
def test_each_lora_loader_is_read_its_own_way(loader: dict[str, Any], expected: list[tuple[str, float]]) -> None:
    loader["inputs"]["model"] = ["4", 0]
    graph = text_to_image(
        n3=node("KSampler", seed=1, steps=20, cfg=7, model=["20", 0], positive=["6", 0], negative=["7", 0]), n20=loader
    )
    assert names(read_texts(graph)) == [("v1-5.safetensors", 1.0), *expected]


def test_a_loader_with_everything_in_it() -> None:
    read = read_texts(
        comfyui(
            n1=node(
                "Efficient Loader",
                ckpt_name="m.safetensors",
                lora_name="l.safetensors",
                lora_model_strength=0.5,
                positive="a fox",
                negative="bad",
                empty_latent_width=512,
                lora_stack=["2", 0],
            ),
            n2=node("LoRA Stacker", lora_count=1, lora_name_1="s", model_str_1=0.3),
            n3=node(
                "KSampler (Efficient)",
                seed=["4", 0],
                steps=20,
                cfg=7,
                model=["1", 0],
                positive=["1", 1],
                negative=["1", 2],
                latent_image=["1", 3],
            ),
            n4=node("Seed Generator", seed=99),
            n5=node("SaveImage", images=["3", 5]),
        )
    )
    assert (read.text, read.negative, read.seed) == ("a fox", "bad", 99)
    assert names(read) == [("m.safetensors", 1.0), ("l.safetensors", 0.5), ("s", 0.3)]


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        ({"n40": node("PrimitiveString", value="from a primitive")}, "from a primitive"),
        ({"n40": node("ShowText|pysssss", text=["41", 0], text_0="shown"), "n41": node("LLM", key=1)}, "shown"),
        (
            {
                "n40": node("Text Concatenate", delimiter=" / ", text_a=["41", 0], text_b="b", text_c=["41", 0]),
                "n41": node("String", string="a"),
            },
            "a / b / a",
        ),
        ({"n40": node("ImpactWildcardProcessor", wildcard_text="{a|b}", populated_text="a")}, "a"),
    ],
)
def test_words_typed_elsewhere_are_followed(extra: dict[str, Any], text: str) -> None:
    graph = text_to_image(n6=node("CLIPTextEncode", text=["40", 0], clip=["4", 1]), **extra)
    assert read_texts(graph).text == text


def test_each_side_stays_on_its_side_through_a_control_net() -> None:
    control = node(
        "ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], control_net=["41", 0], image=["42", 0]
    )
    graph = text_to_image(
        n3=node("KSampler", seed=1, steps=2, cfg=7, model=["4", 0], positive=["40", 0], negative=["40", 1]),
        n40=control,
        n41=node("ControlNetLoader", control_net_name="canny.safetensors"),
        n42=node("LoadImage", image="pose.png"),
    )
    read = read_texts(graph)
    assert (read.text, read.negative) == ("a fox", "text, watermark")
    assert names(read) == [("v1-5.safetensors", 1.0)]


def test_combined_conditioning_joins_the_words_once_each() -> None:
    graph = text_to_image(
        n3=node("KSampler", seed=1, steps=2, cfg=7, model=["4", 0], positive=["40", 0], negative=["7", 0]),
        n40=node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["41", 0]),
        n41=node("ConditioningSetArea", width=64, height=64, conditioning=["42", 0]),
        n42=node("CLIPTextEncode", text="a moon", clip=["4", 1]),
    )
    assert read_texts(graph).text == "a fox, a moon"


def test_a_zeroed_negative_says_nothing() -> None:
    graph = text_to_image(n7=node("ConditioningZeroOut", conditioning=["6", 0]))
    assert read_texts(graph).negative == ""


def test_an_upscaler_is_not_credited() -> None:
    graph = text_to_image(
        n9=node("SaveImage", images=["50", 0]),
        n50=node("ImageUpscaleWithModel", upscale_model=["51", 0], image=["8", 0]),
        n51=node("UpscaleModelLoader", model_name="4x-UltraSharp.pth"),
    )
    assert names(read_texts(graph)) == [("v1-5.safetensors", 1.0)]


def test_unknown_nodes_leave_what_is_known() -> None:
    read = read_texts(
        comfyui(
            n1=node("CheckpointLoaderSimple", ckpt_name="m.safetensors"),
            n2=node("MysteryDraw", stuff=["1", 0], words="unknown"),
            n3=node("SaveImage", images=["2", 0]),
        )
    )
    assert (read.text, names(read)) == (None, [("m.safetensors", 1.0)])


def test_circles_end() -> None:
    graph = text_to_image(
        n4=node("LoraLoader", lora_name="a", strength_model=1, model=["4", 0]),
        n5=node("LatentUpscale", samples=["3", 0]),
        n6=node("CLIPTextEncode", text=["40", 0], clip=["4", 1]),
        n40=node("Text Concatenate", text_a=["40", 0], text_b=["41", 0]),
        n41=node("Text Concatenate", text_a=["40", 0], text_b=["40", 0]),
    )
    assert names(read_texts(graph)) == [("a", 1.0)]


def test_text_that_doubles_at_every_node_ends() -> None:
    doubling = {
        f"n{100 + i}": node("Text Concatenate", text_a=[str(101 + i), 0], text_b=[str(101 + i), 0]) for i in range(40)
    }
    graph = text_to_image(
        n6=node("CLIPTextEncode", text=["100", 0]), n140=node("String", string="x" * 1000), **doubling
    )
    assert read_texts(graph).credits


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{" * 100_000, "broken JSON"),
        ('{"a":' * 100_000, "broken JSON"),
        ('{"1": ' + "[" * 100_000, "broken JSON"),
        ("{}", "no nodes"),
        ('{"1": {"inputs": 3}, "2": null}', "no nodes"),
        (json.dumps({str(i): {"class_type": "a", "inputs": {}} for i in range(6000)}), "6000 nodes"),
    ],
)
def test_hostile_graphs_are_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read_texts({"prompt": text})


def test_a_workflow_alone_says_so() -> None:
    with pytest.raises(UnreadableError, match="only the editor's workflow"):
        read_texts({"workflow": "{}"})


def test_what_a_node_saved_in_a1111_form_is_believed_first() -> None:
    text = "a fox\nSteps: 20, Sampler: a, Seed: 1, Model: m, Model hash: 0123456789, Version: ComfyUI"
    assert read_texts({**text_to_image(), "parameters": text}).credits[0].hash == "0123456789"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([["1", 0], ["2", 1]]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["on", "lora", "content"]), inner, max_size=2)
    ),
    max_leaves=6,
)
INPUTS = [
    "model", "positive", "negative", "text", "seed", "steps", "cfg", "noise", "guider", "sampler", "sigmas", "images",
    "samples", "ckpt_name", "lora_name", "lora_1", "strength_1", "ratio", "model1", "pipe", "width", "height", "text_a",
    "text_b", "latent_image", "start_at_step", "end_at_step", "guidance", "denoise", "lora_count", "delimiter",
]  # fmt: skip
graphs = st.dictionaries(
    st.sampled_from(["1", "2", "3"]),
    st.fixed_dictionaries(
        {
            "class_type": st.sampled_from(["KSampler", "SaveImage", "LoraLoader", "Any"]) | st.none(),
            "inputs": st.dictionaries(st.sampled_from(INPUTS), values, max_size=8),
        }
    ),
    max_size=3,
)


@given(graphs)
def test_any_graph_is_read_or_refused(graph: dict[str, Any]) -> None:
    try:
        read = read_texts({"prompt": json.dumps(graph)})
    except UnreadableError:
        return
    json.dumps(dict(read.settings), allow_nan=False)
    assert all(each.weight == each.weight for each in read.credits)
