"""What can go wrong, in words for the person it goes wrong for."""

from __future__ import annotations


class PalateError(Exception):
    """One plain sentence: what was wrong, with what, and what to do.

    `code` is stable and for programs; `about` names the file or field; `hint` says what to do next.
    """

    exit_code = 1

    def __init__(self, code: str, message: str, *, about: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.about = about
        self.hint = hint

    def __str__(self) -> str:
        """The whole error on one line: `about: message (hint)`."""
        line = self.message if self.about is None else f"{self.about}: {self.message}"
        return line if self.hint is None else f"{line} ({self.hint})"

    def as_json(self) -> dict[str, str | None]:
        return {"code": self.code, "message": self.message, "about": self.about, "hint": self.hint}
