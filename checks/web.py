"""The committed build of the pages is what their sources give, and their types are what the OpenAPI file says.

Needs node 20 and `npm ci` in web/; without them it says so and passes, as a user needs neither.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
BUILT = ROOT / "src" / "palate" / "serve" / "static"
TYPES = WEB / "src" / "api" / "openapi.d.ts"


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def differences(fresh: Path, committed: Path) -> list[str]:
    """What one folder has and the other has not, or has otherwise."""
    here, there = files(fresh), files(committed)
    _, different, unread = filecmp.cmpfiles(fresh, committed, map(str, sorted(here & there)), shallow=False)
    return [
        *(f"{path}: not built any more" for path in sorted(there - here)),
        *(f"{path}: not committed" for path in sorted(here - there)),
        *(f"{path}: built otherwise" for path in sorted([*different, *unread])),
    ]


def run(*words: str) -> None:
    subprocess.run(["npm", "exec", "--no", "--", *words], cwd=WEB, check=True, capture_output=True, text=True)


def faults() -> list[str]:
    with TemporaryDirectory() as scratch:
        types, built = Path(scratch) / "openapi.d.ts", Path(scratch) / "static"
        run("openapi-typescript", "openapi.json", "--output", str(types))
        found = (
            [] if types.read_text() == TYPES.read_text() else ["web/src/api/openapi.d.ts: stale, `make web` makes it"]
        )
        run("vite", "build", "--outDir", str(built), "--emptyOutDir")
        return found + differences(built, BUILT)


if __name__ == "__main__":
    if shutil.which("npm") is None or not (WEB / "node_modules").is_dir():
        print("web: not compared, as there is no node or no web/node_modules (npm ci in web/)")
        sys.exit(0)
    try:
        found = faults()
    except subprocess.CalledProcessError as error:
        found = [f"{' '.join(error.cmd)}: {error.stderr.strip()[-2000:]}"]
    print("\n".join(found) or "web: the committed build and types are what the sources give")
    sys.exit(bool(found))
