"""A real OpenID provider: npm's oidc-provider."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers import daemons

HERE = Path(__file__).parent / "node"
CLIENT, SECRET = "letterhead", "a secret: of + tests"


def demand() -> str:
    """Skip, loudly, where it is not installed; gives the path of node."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("needs node and npm's oidc-provider: run `make servers`")
    return node


def start(port: int, redirect: str, log: Path) -> subprocess.Popen[bytes]:
    """Start it; it sends browsers back to `redirect`, and nowhere else."""
    process = daemons.start([demand(), HERE / "openid.mjs", port, redirect], log)
    daemons.wait_for("127.0.0.1", port)
    return process
