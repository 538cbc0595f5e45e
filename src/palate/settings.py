"""The one settings file, `palate.toml` in the home; each name in it is a hub id, a folder, an address or `pocket`."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from palate.errors import PalateError

FILE = "palate.toml"


def _setting(default: Any, help: str) -> Any:  # noqa: A002 - what typer calls it too
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of a home, with what it does."""

    encoder: str = _setting("pocket", "what turns pictures and words into vectors: a hub id, a folder, or pocket")
    fit: str = _setting("squash", "how a picture is brought to the encoder's size: squash (as GEMRec does) or crop")
    captioner: str = _setting("none", "what describes example pictures: a hub id, a folder, an address, or none")
    writer: str = _setting("offline", "what writes prompts to steer by: offline, a hub id, a folder, or an address")
    personaliser: str = _setting(
        "pocket", "what draws from a history: a Janus by hub id, folder or pocket; hub: the models here"
    )
    device: str = _setting("auto", "where to draw and encode: auto, cpu, cuda, mps")
    steps: int = _setting(0, "drawing steps; 0 leaves it to the model")
    guidance: float = _setting(0.0, "how closely drawing keeps to the words (CFG scale); 0 leaves it to the model")
    size: int = _setting(0, "width and height of a drawn picture; 0 leaves it to the model")
    safe: str = _setting("moderate", "which models are shown: any, moderate, strict")
    weight_clip: float = _setting(1.0, "GRE-Score: how much the match of picture and words counts")
    weight_mcos: float = _setting(0.8, "GRE-Score: how much being unlike the other models counts")
    weight_popularity: float = _setting(0.2, "GRE-Score: how much downloads count")
    database: str = _setting("here", "where the rows are: here (SQLite in the home), or postgresql://...")
    blobs: str = _setting(
        "here", "where drawn pictures are: here (a folder of the home), or s3://, gs://, az://, file://"
    )
    index: str = _setting(
        "here",
        "what is asked instead of every vector: here (nothing), cells (styles, beside the home: for many models), "
        "or for `similar` pgvector or qdrant://host:port",
    )

    @property
    def named_device(self) -> str | None:
        """None where the best there is should be taken."""
        return None if self.device == "auto" else self.device

    @property
    def weights(self) -> tuple[float, float, float]:
        return self.weight_clip, self.weight_mcos, self.weight_popularity


ALLOWED: dict[str, tuple[str, ...]] = {
    "fit": ("squash", "crop"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "safe": ("any", "moderate", "strict"),
}


ELSEWHERE = ("database", "blobs", "index")
"""Settings that $PALATE_DATABASE and its like overrule: an address may hold what belongs in no file."""


def described() -> dict[str, str]:
    """Each setting's name and what it does."""
    return {setting.name: str(setting.metadata["help"]) for setting in fields(Settings)}


def read(home: Path) -> Settings:
    """The home's settings over the defaults, and over both where its stores are said to be by the environment."""
    settings = _read(home / FILE)
    said = {name: os.environ.get(f"PALATE_{name.upper()}") for name in ELSEWHERE}
    overruled: dict[str, Any] = {name: value for name, value in said.items() if value}
    return replace(settings, **overruled)


def _read(path: Path) -> Settings:
    """A file somebody broke by hand is named with the line."""
    if not path.exists():
        return Settings()
    import tomllib

    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PalateError(
            "settings_broken", f"cannot be read: {error}", about=str(path), hint="mend the line"
        ) from error
    settings = Settings()
    for name, value in given.items():
        settings = replace(settings, **{name: _fitted(name, value)})
    return settings


def set_one(home: Path, name: str, text: str) -> Settings:
    """Change one setting and keep the rest of the file, comments included."""
    import tomlkit

    value = _fitted(name, text)
    path = home / FILE
    document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
    document[name] = value
    scratch = path.with_suffix(".new")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(tomlkit.dumps(document))
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)  # noqa: PTH105 - atomic on every system
    return read(home)


def _fitted(name: str, value: object) -> Any:
    defaults: dict[str, Any] = {setting.name: setting.default for setting in fields(Settings)}
    if name not in defaults:
        raise PalateError("unknown_setting", f"there is no setting '{name}'", hint=f"known: {', '.join(defaults)}")
    kind: type[Any] = type(defaults[name])
    try:
        fitted = value if isinstance(value, kind) else kind(value)
    except (TypeError, ValueError) as error:
        raise PalateError("wrong_setting", f"'{value}' is not {kind.__name__}", about=name) from error
    if isinstance(fitted, float) and not math.isfinite(fitted):
        raise PalateError("wrong_setting", f"'{value}' is not a finite number", about=name)
    if name in ALLOWED and fitted not in ALLOWED[name]:
        raise PalateError("wrong_setting", f"'{value}' is none of {', '.join(ALLOWED[name])}", about=name)
    return fitted


POCKET = "pocket"


def is_pocket(named: str | None = None) -> bool:
    """Whether the pocket hub is what was named; a folder of that name is `./pocket`."""
    return (named or os.environ.get("PALATE_HOME")) == POCKET


def home_folder(named: str | None = None) -> Path:
    """Where the home is: `--hub`, else $PALATE_HOME, else ~/.palate; `pocket` is $PALATE_POCKET_HOME."""
    chosen = named or os.environ.get("PALATE_HOME")
    if is_pocket(named):
        return Path(os.environ.get("PALATE_POCKET_HOME") or Path.home() / ".palate-pocket").expanduser()
    return Path(chosen).expanduser() if chosen else Path.home() / ".palate"
