"""The pocket Janus as a captioner: what ships opens like any Janus, and asks as it was taught."""

from pathlib import Path

import pytest
from pocket_world import flags
from recipes import janus, ship, vq

from palate.testing.contracts import CaptionerContract
from palate.writers.captioners import open_captioner
from palate.writers.protocol import Captioner


@pytest.fixture(scope="session")
def shipped_janus(tiny_pocket: Path) -> Path:
    from pocket_world import point_at

    with pytest.MonkeyPatch.context() as patch:
        point_at(tiny_pocket.parent, patch)
        vq.main(flags(steps=1, batch=4, codes=16, width=64, tests=4))
        janus.main(
            flags(steps=1, batch=4, width=64, sight_width=64, layers=1, seeing=1, vocabulary=700, tests=4, shared=1)
        )
        ship.main(["janus"])
    return tiny_pocket / "janus"


class TestPocketJanus(CaptionerContract):
    folder: Path

    @pytest.fixture(autouse=True)
    def _folder(self, shipped_janus: Path) -> None:
        type(self).folder = shipped_janus

    def build(self) -> Captioner:
        return open_captioner(str(self.folder), device="cpu")


def test_a_picture_is_asked_about_as_in_training(shipped_janus: Path) -> None:
    from transformers import AutoTokenizer

    words = AutoTokenizer.from_pretrained(shipped_janus)
    turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "anything"}]}]
    asked = words.apply_chat_template(turn, tokenize=False)
    whole = asked.replace(janus.PLACE, janus.BEGIN + janus.PLACE * janus.PLACES + janus.END)
    assert words(whole)["input_ids"] == words(janus.to_name())["input_ids"]


def test_pocket_names_the_captioner_of_the_package(
    shipped_janus: Path, pocket_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_captioner("pocket", device="cpu").name == "pocket"
