import sys
from pathlib import Path

POCKET = Path(__file__).parents[2] / "pocket"
for folder in (POCKET, POCKET / "src"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
