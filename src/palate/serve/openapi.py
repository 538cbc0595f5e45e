"""`python -m palate.serve.openapi [FILE]` writes the routes and their shapes, from which the web's types are made."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from palate.serve.app import routes_only


def text() -> str:
    return json.dumps(routes_only().openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "web/openapi.json").write_text(text(), "utf-8")
