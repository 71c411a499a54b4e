"""Every statement in the source that goes to a database, worked out without running it.

A statement is the first argument of `all`, `one`, `execute`, `execute_many` or `peek` of something that is called tx, db or
database. It is worked out from what its module defines: literals, f-strings, sums of those. Where it also depends on a
local name, `CHOICES` says what that may be.
"""

import ast
import importlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from project_tree import SOURCE, shown, source_files, syntax

_METHODS = {"all", "one", "execute", "execute_many", "peek"}
_RECEIVER = re.compile(r"(^|[._])(tx|db|database|transaction)$")
_SELECTIONS = (
    "[_selection(__import__('types').SimpleNamespace(number=1), 'k', which)[0] for which in (None, 'null', 'id')]"
)
CHOICES = {
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
    expression = call.args[0]
    code = compile(ast.Expression(expression), shown(path), "eval")
    offered = CHOICES.get(shown(path), {})
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
