"""Palate with its imports done, so that a run to be killed starts in milliseconds: `python -m palate.testing.warm`.

Each line of standard input is a JSON object: `argv`, `log` (a file for both outputs), and if wished `die_at`: the
process kills itself as it comes to that many-th place where it touches the disk. The command runs in a fork of this
process by the very function that `palate` runs. Answered are two lines: its process, then how it ended.
With `--fakes` the encoder and the generators are fakes, `FAKE_SECONDS` a picture; `FAKE_RESERVE` bytes are kept free.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

GROUNDS = {"m-white": "white", "m-black": "black", "m-yellow": "yellow"}


def main() -> None:
    if "--fakes" in sys.argv:
        use_fakes()
    else:
        import_everything()
    say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            run(request)
        say({"pid": child})
        say({"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])})


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def run(request: dict[str, Any]) -> None:
    """Never returns: the fork ends as the command does."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if request.get("die_at"):
        die_at(request["die_at"])
    from palate.cli import main

    sys.argv = ["palate", *request["argv"]]
    code: object = 0
    try:
        main.run()
    except SystemExit as end:
        code = end.code
    except BaseException as error:  # what Python would print and end with
        sys.stderr.write(f"Traceback: {error!r}\n")
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


def die_at(number: int) -> None:
    """Every write, sync, rename and commit of ours is two places to die: just before it and just after."""
    from sqlalchemy.engine.default import DefaultDialect

    places = itertools.count(1)
    for holder, name in ((os, "write"), (os, "fsync"), (os, "replace"), (DefaultDialect, "do_commit")):
        setattr(holder, name, dying(getattr(holder, name), places, number))


def dying(real: Callable[..., Any], places: Iterator[int], number: int) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        if next(places) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*given, **named)
        if next(places) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return call


def use_fakes() -> None:
    """Three models that know every shape, each on its own ground."""
    import palate.check
    import palate.importers.models
    import palate.studio  # noqa: F401
    from palate.catalogue.blobs import RESERVE, Blobs
    from palate.encoders import opening
    from palate.generators.protocol import Order
    from palate.specify import drawing, encoding, executors, ordering  # noqa: F401
    from palate.testing.fakes import FakeEncoder, FakeGenerator

    seconds = float(os.environ.get("FAKE_SECONDS", "0"))

    class Slow(FakeGenerator):
        def _one(self, order: Order) -> Any:
            time.sleep(seconds)
            return super()._one(order)

    Blobs.__init__.__kwdefaults__ = {"reserve": int(os.environ.get("FAKE_RESERVE", RESERVE))}
    opening.open_encoder = lambda *_, **__: FakeEncoder()
    executors.generator_for = lambda model, *_: Slow(model.name, ground=GROUNDS[model.id])


def import_everything() -> None:
    """What a first picture would import, and nothing computed: threads do not survive a fork."""
    import peft  # noqa: F401
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel  # noqa: F401
    from diffusers.loaders import StableDiffusionLoraLoaderMixin  # noqa: F401
    from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTextModel, CLIPTokenizerFast  # noqa: F401

    import palate.check
    import palate.encoders.opening
    import palate.generators.opening
    import palate.importers.models
    import palate.specify.ordering
    import palate.studio  # noqa: F401

    torch.set_num_threads(1)


if __name__ == "__main__":
    main()
