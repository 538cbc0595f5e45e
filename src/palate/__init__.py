"""Palate recommends what generative image models should make for a person."""

import os

# OpenMP's threads spin while they wait. On a machine that is busy with anything else that made drawing 30 times slower.
# It is read once, when torch is first imported, so it is set here; a person's own setting is kept.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
