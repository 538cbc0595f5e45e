"""Keep other people's progress bars, advice and warnings off the terminal while their libraries load and run."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

LIBRARIES = ("transformers", "diffusers", "huggingface_hub", "peft", "accelerate", "torch", "httpx")


@contextmanager
def quietly() -> Iterator[None]:
    """Errors are still raised; what is only said is not. Everything is as before once the last who asked for it ends.

    Levels and filters are a process's, not a thread's: of several at once only the first changes them.
    """
    global _first
    with _LOCK:
        if not _ASKING:
            _first = _silence()
            _first.__enter__()
        _ASKING.append(None)
    try:
        yield
    finally:
        with _LOCK:
            _ASKING.pop()
            if not _ASKING and _first is not None:
                _first.__exit__(None, None, None)


_LOCK = threading.RLock()
_ASKING: list[None] = []
_first: AbstractContextManager[None] | None = None


@contextmanager
def _silence() -> Iterator[None]:
    from transformers.utils import logging as chatter

    hub: Any = importlib.import_module("huggingface_hub.utils")  # it does not say in its types what it exports

    loggers = [logging.getLogger(name) for name in LIBRARIES]
    levels = [logger.level for logger in loggers]
    bars, hub_bars = chatter.is_progress_bar_enabled(), not hub.are_progress_bars_disabled()
    diffusers = sys.modules.get("diffusers")  # seconds to import, so only where somebody did
    pipeline_bars = diffusers is not None and diffusers.utils.logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _set_levels(loggers, [logging.CRITICAL] * len(loggers))
            chatter.disable_progress_bar()
            hub.disable_progress_bars()
            if diffusers is not None:
                diffusers.utils.logging.disable_progress_bar()
            yield
        finally:
            _set_levels(loggers, levels)
            if bars:
                chatter.enable_progress_bar()
            if hub_bars:
                hub.enable_progress_bars()
            if diffusers is not None and pipeline_bars:
                diffusers.utils.logging.enable_progress_bar()


def _set_levels(loggers: list[logging.Logger], levels: list[int]) -> None:
    """One `setLevel` for all: each walks every logger of the process, a millisecond where they are thousands."""
    for logger, level in zip(loggers, levels, strict=True):
        logger.level = level
    loggers[0].setLevel(levels[0])
