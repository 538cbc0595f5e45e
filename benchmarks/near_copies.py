"""Does anybody get a near copy of what another person uploaded? Counted among what the service drew and showed.

`python benchmarks/near_copies.py [--pictures 3000] [--people 6] [--seed 0] [--kept FILE]`. Each part is a library of
its own. Every person uploads pictures that no words ask for, has them changed, little and much, likes what came of it,
and draws by words; jobs of several people wait together. Then everybody looks wherever pictures are shown, asks with
their own uploads, and takes what is recommended. Whatever a person was drawn or shown is compared with all that others
uploaded. A near copy's pixels, 16 by 16 and less their mean, have a cosine of at least 0.7 with the upload's. Two
counts say what that is worth: `own_found`, which share of a person's own lightly changed uploads it finds, and
`by_chance`, near copies of as many pictures of that kind that nobody uploaded. A part is a line of `--kept` once it is
done. Whoever finds a near copy exits with 1.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

sys.path.append(str(Path(__file__).parents[1] / "tests" / "serve"))
from serving_world import GROUNDS, World, build_home

from palate.generators.protocol import Order
from palate.people import holdings
from palate.safety.pictures import open_picture, reencoded
from palate.serve import errands
from palate.specify import executors
from palate.testing.fakes import FakeGenerator
from palate.testing.shapes import COLOURS, SHAPES

MEMORY = Path("/dev/shm")
UPLOADS = 3
STRENGTHS = (0.05, 0.3, 0.6)
LIGHT = 0.3
NEAR = 0.7
AN_ORDER = 64
Prints = NDArray[np.float32]


class Changing(FakeGenerator):
    """A fake that keeps so much of the picture it begins from as the order's strength leaves."""

    def _one(self, order: Order) -> Image.Image:
        drawn = super()._one(order)
        if order.start is None:
            return drawn
        return Image.blend(open_picture(order.start).convert("RGB"), drawn.convert("RGB"), order.strength)


def texture(chance: np.random.Generator) -> bytes:
    """A picture that nobody can ask for in words: colours that run into one another."""
    small = chance.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC).save(target, "PNG")
    return target.getvalue()


def prints(pictures: list[bytes]) -> Prints:
    """(n, 768) a row a picture: its colours, 16 by 16, less their mean, of unit length."""
    small = [open_picture(data).convert("RGB").resize((16, 16), Image.Resampling.BOX) for data in pictures]
    rows = np.array([np.asarray(one, dtype=np.float32).ravel() for one in small]).reshape(len(pictures), -1)
    rows -= rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), dtype=np.float32)


@dataclass
class Somebody:
    """A person with what they uploaded, and the ids of all that they were drawn or shown."""

    id: str
    client: TestClient
    uploaded: list[bytes]
    uploads: list[str] = field(default_factory=list)
    light: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def ask(self, method: str, path: str, **what: Any) -> Any:
        answer = self.client.request(method, path, **what)
        assert answer.status_code < 300, (path, answer.text)
        return answer.json()


def upload_and_change(who: Somebody) -> None:
    """Every upload kept, and changed by each strength; what came of it is liked."""
    for place, data in enumerate(who.uploaded):
        who.uploads.append(who.ask("POST", "/api/v1/uploads", files={"file": ("a.png", data)})["id"])
        for strength in STRENGTHS:
            said = {"prompt": f"a red circle {place}", "strength": str(strength), "model": "m-white"}
            who.ask("POST", "/v1/images/edits", data=said, files={"image": ("a.png", data)})
            job = who.ask("GET", "/api/v1/jobs")["items"][0]
            [picture] = who.ask("GET", f"/api/v1/jobs/{job['id']}")["pictures"]
            who.seen.add(picture)
            if strength <= LIGHT:
                who.light.append(picture)
            who.ask("POST", "/api/v1/choices", json={"kind": "like", "payload": {"picture": picture}})


def draw_together(world: World, people: list[Somebody], each: int) -> None:
    """Everybody's orders wait in one line, in turns."""
    words = [f"a {colour} {shape}" for colour in COLOURS for shape in SHAPES]
    asked: list[tuple[Somebody, str]] = []
    for number, begin in enumerate(range(0, each, AN_ORDER)):
        for who in people:
            order = {"models": ["m-black"], "prompt": words[number % len(words)], "seed": begin}
            taken = who.ask("POST", "/api/v1/draw", json={**order, "count": min(AN_ORDER, each - begin)})
            asked.append((who, taken["id"]))
        for who, job in asked:
            told = world.wait(who.client, job)
            assert told["state"] == "done", told
            who.seen |= set(told["pictures"])
        asked = []


def look_everywhere(who: Somebody) -> None:
    """Wherever the service shows pictures."""
    total, offset = 1, 0
    while offset < total:
        page = who.ask("GET", "/api/v1/pictures", params={"offset": offset, "limit": 500})
        total, offset = page["total"], offset + 500
        who.seen |= {one["id"] for one in page["items"]}
    for upload in who.uploads:
        who.seen |= {one["id"] for one in who.ask("GET", f"/api/v1/pictures/{upload}/similar")["items"]}
    who.seen |= set(who.ask("GET", "/api/v1/map")["ids"])
    for by in ("itemknn", "popular"):
        asked = who.client.get("/api/v1/recommend", params={"by": by})
        if asked.status_code == 200:
            who.seen |= {one["picture"]["id"] for one in asked.json()["pictures"]}
    for question in ({"prompt": "a red circle"}, {"pictures": who.uploads[:1]}, {"person": "me"}):
        for row in who.ask("POST", "/api/v1/find", json=question)["ranking"]:
            who.seen |= set(row["pictures"])


def part(number: int, people: int, each: int) -> dict[str, Any]:
    """One library; how many pictures were compared, and near copies among them."""
    chance = np.random.default_rng(number)
    with (
        tempfile.TemporaryDirectory(prefix="palate-", dir=MEMORY if MEMORY.exists() else None) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        build_home(Path(folder) / "home")
        with World(Path(folder) / "home") as world:
            patch.setattr(executors, "generator_for", lambda model, *_: Changing(ground=GROUNDS[model.id]))
            patch.setattr(world.serving.media, "_decoded_elsewhere", reencoded)  # a process a picture is slow
            patch.setattr(errands, "PICTURES_A_DAY", 10 * each)
            crowd = []
            for name in range(people):
                id = world.person(f"person {name}")
                crowd.append(Somebody(id, world.browser(id), [texture(chance) for _ in range(UPLOADS)]))
            for who in crowd:
                upload_and_change(who)
            draw_together(world, crowd, each)
            for who in crowd:
                look_everywhere(who)
            return {"seed": number, **compared(world, crowd, chance)}


def compared(world: World, crowd: list[Somebody], chance: np.random.Generator) -> dict[str, Any]:
    """Every picture of every person beside what others uploaded, and beside what nobody did."""
    blobs = world.serving.home.blobs
    uploads = {who.id: prints(who.uploaded) for who in crowd}
    nobodys = prints([texture(chance) for _ in range(UPLOADS * (len(crowd) - 1))])
    counts = {"pictures": 0, "near_copies": 0, "by_chance": 0, "light": 0, "own_found": 0}
    for who in crowd:
        shown = prints([blobs.get(id) for id in sorted(who.seen)])
        others = np.concatenate([rows for id, rows in uploads.items() if id != who.id])
        counts["pictures"] += len(shown)
        counts["near_copies"] += int(((shown @ others.T).max(axis=1) >= NEAR).sum())
        counts["by_chance"] += int(((shown @ nobodys.T).max(axis=1) >= NEAR).sum())
        own = prints([blobs.get(id) for id in who.light]) @ uploads[who.id].T
        counts["light"] += len(own)
        counts["own_found"] += int((own.max(axis=1) >= NEAR).sum())
        with world.serving.home.read() as connection:
            assert all(holdings.may_see(connection, who.id, id) for id in who.seen)
    return counts


def done(kept: Path) -> list[dict[str, Any]]:
    """What became of each part; a line that a kill cut short is of none."""
    lines = kept.read_text().splitlines(keepends=True) if kept.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def go_on(kept: Path, pictures: int, people: int, each: int, number: int) -> list[dict[str, Any]]:
    """Parts until so many pictures were compared."""
    lines = done(kept)
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
    while sum(line["pictures"] for line in lines) < pictures:
        lines.append(part(number + len(lines), people, each))
        with kept.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
    return lines


def main(pictures: int, people: int, seed: int, kept: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        each = min(1000, -(-pictures // people))
        lines = go_on(kept or Path(folder) / "kept", pictures, people, each, seed)
    names = ("pictures", "near_copies", "by_chance", "light", "own_found")
    counted = {name: sum(line[name] for line in lines) for name in names}
    light = counted.pop("light")
    return {"benchmark": "near_copies", "parts": len(lines), **counted, "own_found": counted["own_found"] / light}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path)
    told = main(**vars(parser.parse_args()))
    print(json.dumps(told))
    sys.exit(1 if told["near_copies"] else 0)
