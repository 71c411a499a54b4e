"""The pages of docs/reference that are written from the code. `make reference` writes them; a test finds stale ones."""

import ast
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import catalogue_page
import click
import fhir_page
import metrics_page
import omop_page
import settings_page
from project_tree import NEXUS, ROOT, source_files, syntax

from nexus import __version__
from nexus.app.cli.commands import BESIDE_OPERATIONS, LOCAL
from nexus.app.cli.generated import operation_command
from nexus.app.cli.options import connection_options, json_option
from nexus.app.operations import OPERATIONS, PURPOSES, SERVICES
from nexus.iam.actions import ACTIONS
from nexus.iam.model import Intent
from nexus.kernel import errors
from nexus.kernel.operation import OperationSpec
from nexus.web.openapi import command_of, openapi

REFERENCE = ROOT / "docs" / "reference"
_NOTE = "Written by `make reference`; do not edit."


def pages() -> dict[Path, str]:
    """Every generated page and what it should hold."""
    document = openapi(OPERATIONS, version=__version__, purposes=PURPOSES, intent=Intent, services=SERVICES)
    return {
        REFERENCE / "openapi.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        REFERENCE / "api.md": _api(document),
        REFERENCE / "catalogue.md": catalogue_page.page(),
        REFERENCE / "cli.md": _cli(),
        REFERENCE / "error-codes.md": _codes(),
        REFERENCE / "fhir.md": fhir_page.page(),
        REFERENCE / "metrics.md": metrics_page.page(),
        REFERENCE / "omop-sources.md": omop_page.page(),
        REFERENCE / "settings.md": settings_page.page(),
    }


def _of(service: str) -> list[OperationSpec]:
    return [spec for spec in OPERATIONS if spec.service == service]


# api.md


def _api(document: dict[str, Any]) -> str:
    parts = [
        "# REST API",
        _NOTE,
        "Every operation but object traffic, which speaks S3. The same document for programs is"
        " [openapi.json](openapi.json); a running platform serves it at `/v1/openapi.json`.",
        "Send `Authorization: Bearer <token>` (a session token from `iam.session.create`, or a service token), and"
        f" `Nexus-Purpose` if the purpose is not `operation` (one of {', '.join(PURPOSES)})."
        " Requests and results are JSON; unknown fields are refused; times are RFC 3339 with their offset; bytes are"
        " base64. The header `Nexus-Operation` of each answer is the operation's id in the audit log. Errors are"
        " [problem documents](errors.md). *Four eyes*: the answer is 202 with an intent, which"
        " `iam.approval.approve` and `iam.approval.execute` bring to its end. *Shown once*: the answer holds a credential.",
        "| operation | route | what it does |",
    ]
    index = ["|---|---|---|"]
    index += [f"| [`{s.name}`](#{_anchor(s.name)}) | `{s.method} {s.path}` | {s.summary} |" for s in OPERATIONS]
    text = "\n\n".join(parts) + "\n" + "\n".join(index) + "\n"
    for service, sentence in SERVICES.items():
        if _of(service):
            text += f"\n## Service {service}\n\n{sentence}\n"
            text += "".join(_api_operation(spec, document) for spec in _of(service))
    return text


def _anchor(heading: str) -> str:
    return heading.lower().replace(".", "")


def _api_operation(spec: OperationSpec, document: dict[str, Any]) -> str:
    operation = document["paths"][spec.path][spec.method.lower()]
    marks = [mark for mark, on in (("four eyes", spec.sensitive), ("shown once", spec.secret_result)) if on]
    action = ACTIONS.get(spec.action)
    right = f"needs `{spec.action}` (to {action.sentence})" if action else "open: it proves who you are by itself"
    lines = [f"\n### {spec.name}\n", f"{spec.summary}{''.join(f' · *{mark}*' for mark in marks)}\n"]
    lines.append(f"`{spec.method} {spec.path}` · `{command_of(spec)}` · {right}\n")
    named = document["components"]["schemas"]
    rows = [*_parameter_rows(operation, named), *_body_rows(operation, named)]
    if rows:
        lines += ["| field | in | type | |", "|---|---|---|---|", *rows, ""]
    good = operation["responses"].get("200") or operation["responses"].get("202")
    if good:
        schema = good["content"]["application/json"]["schema"]
        fields = ", ".join(f"`{name}`" for name in _fields(schema, document))
        lines.append(f"Answers {_type(schema, named)}: {fields}.\n" if schema else f"Answers: {good['description']}\n")
    return "\n".join(lines)


def _parameter_rows(operation: dict[str, Any], named: dict[str, Any]) -> Iterator[str]:
    for parameter in operation["parameters"]:
        if parameter["in"] != "header":
            yield _row(
                parameter["name"],
                parameter["in"],
                parameter["schema"],
                named,
                parameter.get("required", False),
                parameter,
            )


def _body_rows(operation: dict[str, Any], named: dict[str, Any]) -> Iterator[str]:
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for name, part in schema["properties"].items():
            yield _row(name, "body", part, named, name in schema["required"], part)


def _row(
    name: str, place: str, schema: dict[str, Any], named: dict[str, Any], required: bool, described: dict[str, Any]
) -> str:
    notes = [described.get("description", "")]
    if not required and schema.get("default") not in (None, "", []):
        notes.append(f"Default: `{json.dumps(schema['default'])}`.")
    star = "" if required else "?"
    return f"| `{name}`{star} | {place} | {_type(schema, named)} | {' '.join(filter(None, notes)).replace('|', '/')} |"


def _type(schema: dict[str, Any], named: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _type(named[name], named) if "enum" in named.get(name, {}) else name.rpartition(".")[2]
    if "anyOf" in schema:
        return " or ".join(_type(part, named) for part in schema["anyOf"] if part.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items') or {}, named)}"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("format") == "date-time":
        return "time"
    limits = [f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    return " ".join([str(schema.get("format") or schema.get("type", "any")), *limits])


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> Sequence[str]:
    named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
    return list(named.get("properties", ()))


# cli.md


def _cli() -> str:
    text = f"""# Command line

{_NOTE}

`nexus COMMAND --help` says the same on your terminal. Commands below *Operations* are the
[REST API](api.md) under other names: same rights, same audit. [Exit codes](exit-codes.md) say how a command ended.

Every command takes `--json` (a document instead of a table; errors as one JSON line on stderr). Commands that speak to a
platform also take `--url`, `--ca` and `--data`, or read `NEXUS_URL`, `NEXUS_CA` and `NEXUS_DATA`; without them they
look for a platform of this machine. `NEXUS_TOKEN` holds a service token, for programs that do not sign in. Operations
take `--for PURPOSE`. Times are `2026-11-23T04:18:01Z`, `2026-11-23`, `30d` (from now) or `-12h` (before now). A secret
is never an argument: it comes from a file (`--password-file FILE`, `-` for stdin) or is asked for.

## Commands
"""
    for name, local in LOCAL.items():
        text += _command((name,), local.load())
    for service, sentence in SERVICES.items():
        beside = BESIDE_OPERATIONS.get(service, {})
        if not _of(service) and not beside:
            continue
        text += f"\n## Operations of {service}\n\n{sentence}\n"
        for name, local in beside.items():
            text += _command((service, name), local.load())
        for spec in _of(service):
            text += _command(tuple(spec.name.split(".")), operation_command(spec, PURPOSES))
    return text


def _command(path: tuple[str, ...], command: click.Command) -> str:
    if isinstance(command, click.Group):
        return "".join(_command((*path, name), child) for name, child in command.commands.items())
    context = click.Context(command, info_name=" ".join(("nexus", *path)), max_content_width=100, terminal_width=100)
    common = {option for parameter in (*connection_options(), json_option()) for option in parameter.opts} | {"--for"}
    usage = " ".join(command.collect_usage_pieces(context))
    formatter = click.HelpFormatter(width=110)
    own = [p for p in command.get_params(context) if not common & set(p.opts) and "--help" not in p.opts]
    records = [record for parameter in own if (record := parameter.get_help_record(context))]
    if records:
        formatter.write_dl(records)
    options = f"\n{formatter.getvalue().rstrip()}\n" if records else ""
    said = " ".join((command.help or "").split("\n\n")[0].split())
    return f"\n### nexus {' '.join(path)}\n\n{said}\n\n```text\n{context.info_name} {usage}\n{options}```\n"


# error-codes.md


def _codes() -> str:
    """Every code that the source raises, found where it is written."""
    kinds = {
        name: kind.kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.NexusError)
    }
    found: dict[str, tuple[set[str], set[str]]] = {}
    for path in source_files():
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                code = next((k.value for k in node.keywords if k.arg == "code"), None)
                if name in kinds and isinstance(code, ast.Constant) and isinstance(code.value, str):
                    seen = found.setdefault(code.value, (set(), set()))
                    seen[0].add(kinds[name])
                    seen[1].add(path.relative_to(NEXUS).as_posix())
    rows = [f"| `{code}` | {', '.join(sorted(k))} | {', '.join(sorted(p))} |" for code, (k, p) in sorted(found.items())]
    return (
        f"# Error codes\n\n{_NOTE}\n\nA code is stable: programs may rely on it. [Errors](errors.md) explains the kinds.\n\n"
        "| code | kind | raised in `src/nexus/` |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )
