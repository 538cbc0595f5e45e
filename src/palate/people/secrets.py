"""Random words that open doors, and what of them is kept: digests, never the words."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

PEPPER = "pepper"
BYTES = 32


def fresh() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(BYTES)


def fresh_id() -> str:
    """128 random bits in hexadecimal."""
    return secrets.token_hex(16)


def private_file(path: Path, data: bytes) -> None:
    """A file that only its user may read; whole or not at all."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        scratch.unlink()
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)  # noqa: PTH105 - atomic on every system


def pepper(folder: Path) -> bytes:
    """What a stolen database lacks; made once and kept in a file of its own."""
    path = folder / PEPPER
    if not path.exists():
        private_file(path, secrets.token_bytes(BYTES))
    return path.read_bytes()


def kept_digest(pepper: bytes, word: str) -> str:
    """HMAC-SHA256: words of 256 random bits need no slow hash."""
    return hmac.new(pepper, word.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compared in a time that does not say where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def hash_password(password: str) -> str:
    """argon2id with the library's parameters (RFC 9106, low memory)."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)


def right_password(kept: str | None, password: str) -> bool:
    """Takes as long for a person who is not there: a hash is checked in any case."""
    from argon2 import PasswordHasher
    from argon2.exceptions import VerificationError

    try:
        right = PasswordHasher().verify(kept or nobodys_hash(), password)
    except (VerificationError, ValueError):
        return False
    return right and kept is not None


@lru_cache(maxsize=1)
def nobodys_hash() -> str:
    return hash_password(fresh())
