"""Programs of others that the suite runs Nexus against, installed by `make setup` under tests/peers."""

import shutil
from pathlib import Path

import pytest

PEERS = Path(__file__).parents[1] / "peers"
NODE = shutil.which("node")
needs_peers = pytest.mark.skipif(
    NODE is None or not (PEERS / "node_modules").is_dir(),
    reason="Node.js or the packages of tests/peers are not installed (Debian packages nodejs and npm, then `make setup`)",
)
