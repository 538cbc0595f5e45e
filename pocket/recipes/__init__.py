"""One training run a file; run as `python -m recipes.NAME` in pocket/: sets, render, clip, ship; see the README."""
