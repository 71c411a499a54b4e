"""What `deploy/` offers is well formed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from project_tree import ROOT

UNIT = ROOT / "deploy" / "systemd" / "nexus.service"
MAX_EXPOSURE = 2.5
"""systemd's own score from 0 (nothing but its files) to 10 (anything)."""

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def _analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


@needs_systemd
def test_the_service_file_is_understood_by_systemd(tmp_path: Path):
    copy = tmp_path / "nexus.service"
    copy.write_text(
        re.sub(r"^ExecStart=\S+", f"ExecStart={shutil.which('true')}", UNIT.read_text(), flags=re.MULTILINE)
    )
    checked = _analyze("verify", "--man=no", copy)
    assert checked.returncode == 0, checked.stderr
    assert "nexus.service" not in checked.stderr


@needs_systemd
def test_the_service_is_confined():
    checked = _analyze("security", "--offline=true", f"--threshold={int(MAX_EXPOSURE * 10)}", UNIT)
    assert checked.returncode == 0, checked.stdout


def test_keys_in_memory_do_not_reach_the_disk():
    settings = UNIT.read_text().splitlines()
    assert {"LimitCORE=0", "MemorySwapMax=0"} <= set(settings)


@pytest.mark.parametrize("script", ["deploy/setup", "requirements/compile", ".ci/run"])
def test_scripts_stop_at_the_first_error_and_parse(script: str):
    path = ROOT / script
    assert "\nset -euo pipefail\n" in path.read_text()
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(path)], check=True, timeout=10)
