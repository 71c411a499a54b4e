"""One word per idea: the names in the code use the field's terms and none of their synonyms."""

import ast
import re

from project_tree import shown, source_files, syntax

SYNONYMS = {
    "customer": "site",
    "client_org": "site",
    "sudo": "break-glass",
    "trail": "audit log",
    "purge": "erase, erasure",
    "lake": "health data warehouse",
    "mirror": "replica",
    "signoff": "approval",
    "dump": "extract",
    "owner_org": "controller",
    "anonymise": "pseudonymise",
    "anonymize": "pseudonymise",
}
"""The word that a name must not contain, and the one to use."""
NOT_OURS = {("src/nexus/kernel/engines/values.py", "dump")}
"""Methods whose names a library asks for."""


def _words(name: str) -> set[str]:
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def test_names_use_the_glossary():
    faults = []
    for path in source_files():
        names = [(0, path.stem)]
        names += [
            (node.lineno, node.name)
            for node in ast.walk(syntax(path))
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and (shown(path), node.name) not in NOT_OURS
        ]
        for line, name in names:
            faults += [f"{shown(path)}:{line} {name}: say {SYNONYMS[word]}" for word in _words(name) & SYNONYMS.keys()]
    assert faults == []
