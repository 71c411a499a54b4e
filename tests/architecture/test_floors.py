"""The floors of ARCHITECTURE.md hold, and there is no knot anywhere."""

import os
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
from project_tree import NEXUS, ROOT, SOURCE


def _lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of pyproject.toml over the package `nexus` under `directory`."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", "pyproject.toml"]
    environment = {**os.environ, "PYTHONPATH": str(directory / "src")}
    return subprocess.run(
        command, check=False, cwd=directory, env=environment, capture_output=True, text=True, timeout=120
    )


def test_every_package_imports_only_what_stands_below_it():
    checked = _lint(ROOT)
    assert checked.returncode == 0, checked.stdout


def test_an_import_from_a_floor_above_is_found(tmp_path: Path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(NEXUS, tmp_path / "src" / "nexus", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "src" / "nexus" / "kernel" / "upside_down.py").write_text("import nexus.objects\n")
    checked = _lint(tmp_path)
    assert checked.returncode != 0
    assert "nexus.kernel.upside_down" in checked.stdout


def test_no_module_imports_itself_through_others_not_even_for_types_alone():
    graph = grimp.build_graph("nexus", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as knot:
        raise AssertionError(" -> ".join(knot.args[1])) from None


def test_every_room_is_on_the_map():
    rooms = {path.name for path in NEXUS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    page = (ROOT / "ARCHITECTURE.md").read_text()
    assert [name for name in sorted(rooms) if f"\n  {name}/ " not in page] == []
    assert SOURCE.is_dir()
