import sys
from pathlib import Path

import pytest

POCKET = Path(__file__).parents[2] / "pocket"
for folder in (POCKET, POCKET / "src"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def tiny_pocket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole pocket package of two-step trainings: its weights; the work folder is beside them. Made once."""
    from pocket_world import ship_tiny

    folder = tmp_path_factory.mktemp("tiny-pocket")
    with pytest.MonkeyPatch.context() as patch:
        ship_tiny(folder, patch)
    return folder / "weights"


@pytest.fixture
def pocket_weights(tiny_pocket: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `palate_pocket` opens is the tiny package."""
    from pocket_world import point_at

    point_at(tiny_pocket.parent, monkeypatch)
    return tiny_pocket
