"""Every statement in the source that goes to a database, worked out without running it.

A statement is the first argument of `all`, `one`, `execute`, `execute_many`, `peek` or `watched` of something that is called tx, db or
database. It is worked out from what its module defines: literals, f-strings, sums of those, and what its function names
so. Where it also depends on another local name, `CHOICES` says what that may be.
"""

import ast
import copy
import importlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from project_tree import SOURCE, shown, source_files, syntax

from nexus.kernel.database import Migration

_METHODS = {"all", "one", "execute", "execute_many", "peek", "watched"}
_RECEIVER = re.compile(r"(^|[._])(tx|db|database|transaction)$")
_SELECTIONS = (
    "[_selection(__import__('types').SimpleNamespace(number=1), 'k', which)[0] for which in (None, 'null', 'id')]"
)
CHOICES = {
    "src/nexus/audit/store.py": {"marks": "['?', '?, ?']"},
    "src/nexus/consent/claim_store.py": {
        "where": """["id > ?", "id > ? AND site = ? AND state = 'received' AND due_at < ?"]"""
    },
    "src/nexus/consent/store.py": {
        "part": "[('a',), ('a', 'b')]",
        "where": "[['d.change > ?', 's.site = ?', 'd.recorded_at >= ?', 'd.kind IN (?, ?)']]",
    },
    "src/nexus/objects/store/inspection.py": {"sql": "list(QUESTIONS.values())"},
    "src/nexus/objects/usage.py": {"query": "[_VERSIONS, _UPLOADS, _PARTS]"},
    "src/nexus/iam/store/credentials.py": {"table": "['iam_access_key', 'iam_token']"},
    "src/nexus/iam/store/identities.py": {"column": "['p.id', 'p.login']"},
    "src/nexus/iam/store/reviews.py": {
        "source": "list(_SOURCES.values())",
        "table": "[source.table for source in _SOURCES.values()]",
    },
    "src/nexus/objects/store/versions.py": {"which": _SELECTIONS},
}
"""File -> local name in its statements -> an expression for the values that it takes, evaluated in the module."""


@dataclass(frozen=True)
class Statement:
    """Where it is and what it says."""

    place: str
    sql: str


class UnknowableError(Exception):
    """A statement that depends on a name that neither its module nor CHOICES explains."""


@cache
def statements() -> list[Statement]:
    """Every one of them. Raises UnknowableError."""
    return list(_statements())


def _statements() -> Iterator[Statement]:
    for path in source_files():
        calls = [call for call in ast.walk(syntax(path)) if _is_statement(call)]
        if calls and not path.is_relative_to(SOURCE / "nexus" / "kernel" / "engines"):
            module = importlib.import_module(_name(path))
            for call in calls:
                yield from _worked_out(path, module, call)


def _local_texts(path: Path, call: ast.Call) -> dict[str, ast.expr]:
    """What the function around a call gives a name to, where it does so once."""
    around = [
        node
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.lineno <= call.lineno <= (node.end_lineno or 0)
    ]
    named: dict[str, list[ast.expr]] = {}
    for function in around:
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                named.setdefault(node.targets[0].id, []).append(node.value)
    return {name: values[0] for name, values in named.items() if len(values) == 1}


class _Substitution(ast.NodeTransformer):
    """Puts in the place of a local name what it stands for."""

    def __init__(self, texts: dict[str, ast.expr]) -> None:
        self._texts = texts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._texts.get(node.id, node)


@cache
def migrations() -> tuple[Migration, ...]:
    """Every step of every service, also of those that no platform has yet."""
    found: dict[tuple[str, int], Migration] = {}
    for path in source_files():
        if "Migration(" in path.read_text(encoding="utf-8"):
            for value in vars(importlib.import_module(_name(path))).values():
                steps = value if isinstance(value, tuple) else (value,)
                found |= {(step.service, step.version): step for step in steps if isinstance(step, Migration)}
    return tuple(found.values())


def _is_statement(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _METHODS
        and bool(node.args)
        and _RECEIVER.search(ast.unparse(node.func.value)) is not None
    )


def _worked_out(path: Path, module: ModuleType, call: ast.Call) -> Iterator[Statement]:
    place = f"{shown(path)}:{call.lineno}"
    offered = CHOICES.get(shown(path), {})
    texts = {name: text for name, text in _local_texts(path, call).items() if name not in offered}
    expression = _Substitution(texts).visit(copy.deepcopy(call.args[0]))
    code = compile(ast.fix_missing_locations(ast.Expression(expression)), shown(path), "eval")
    wanted = [name for name in offered if name in {n.id for n in ast.walk(expression) if isinstance(n, ast.Name)}]
    values = [eval(offered[name], dict(vars(module))) for name in wanted]
    for chosen in itertools.product(*values):
        try:
            sql = eval(code, dict(vars(module)) | dict(zip(wanted, chosen, strict=True)))
        except NameError as error:
            raise UnknowableError(f"{place}: {error}; make it a constant, or say in CHOICES what it may be") from None
        yield Statement(place, sql)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
