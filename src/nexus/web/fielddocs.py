"""What the source says about each field: the string below it. One text, shown by OpenAPI, `--help` and the reference."""

import ast
import inspect
import sys
from functools import cache
from pathlib import Path
from typing import Any, get_origin


def field_docs(type_: Any) -> dict[str, str]:
    """Field name to its docstring, on one line, for a class whose source is at hand; empty otherwise."""
    plain = get_origin(type_) or type_
    return _classes(plain.__module__).get(plain.__qualname__, {})


def class_doc(type_: Any) -> str:
    """The first paragraph of a class's own docstring, on one line; empty if it has none."""
    own = getattr(get_origin(type_) or type_, "__dict__", {}).get("__doc__") or ""
    paragraph = inspect.cleandoc(own).partition("\n\n")[0]
    return " ".join(paragraph.split())


@cache
def _classes(module: str) -> dict[str, dict[str, str]]:
    """Of each class, its fields' texts. Neither the tree nor the lines are kept: of all operations' modules they take 6 MiB."""
    try:
        source = Path(inspect.getfile(sys.modules[module])).read_text("utf-8")
        tree = ast.parse(source)
    except (OSError, TypeError, KeyError):
        return {}
    return {node.name: _fields(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> dict[str, str]:
    docs: dict[str, str] = {}
    for field, following in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and (text := _text(following)):
            docs[field.target.id] = text
    return docs


def _text(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""
