"""Says in one line what is missing before anything is installed."""

import sys

if sys.version_info < (3, 11):
    sys.exit(f"palate needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.11")
