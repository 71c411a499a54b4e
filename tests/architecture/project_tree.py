"""The project's own files, as the tests in this folder read them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
NEXUS = SOURCE / "nexus"
TESTS = ROOT / "tests"

_NOT_OURS = {".git", ".venv", "__pycache__", "build", "dist", "node_modules", ".nexus"}


def project_files(*suffixes: str) -> list[Path]:
    """Every file of the checkout with one of these suffixes (all files if none is given), caches left out."""
    return sorted(path for path in _walk(ROOT) if not suffixes or path.suffix in suffixes)


def source_files() -> list[Path]:
    """Every Python file of the distribution."""
    return [path for path in project_files(".py") if path.is_relative_to(NEXUS)]


def shown(path: Path) -> str:
    """The path as messages show it."""
    return path.relative_to(ROOT).as_posix()


@cache
def syntax(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=shown(path))


def room(path: Path) -> str:
    """The package of `nexus` that a source file belongs to; empty for files at its top."""
    inside = path.relative_to(NEXUS).parts
    return inside[0] if len(inside) > 1 else ""


def _walk(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name in _NOT_OURS or entry.name.endswith(("_cache", ".egg-info")) or entry.name == ".hypothesis":
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        elif entry.is_file():
            yield entry
