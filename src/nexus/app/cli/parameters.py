"""From the fields of a request to options of a command, and from what was typed to the request's JSON document.

Fields in the path are positional. Of the others: flags for booleans, choices for closed lists, repetition for lists,
`KEY=VALUE` for maps, files for bytes, JSON for records; a secret is never an argument, because arguments are visible to
the whole machine: it comes from a file or a prompt.
"""

import base64
import json
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, get_args, get_origin

import click
import msgspec

from nexus.app.cli.moments import Moment
from nexus.kernel.clock import Instant
from nexus.kernel.operation import OperationSpec
from nexus.kernel.secret import Secret
from nexus.web import codec
from nexus.web.binding import is_list, path_fields, plain
from nexus.web.fielddocs import field_docs

MAX_FILE_BYTES: Final = 256 * 1024
"""What is read from a file that an option names."""
STDIN: Final = "-"


def parameters(spec: OperationSpec) -> list[click.Parameter]:
    """The arguments and options of an operation's command."""
    docs, in_path = field_docs(spec.request), path_fields(spec)
    fields = {field.encode_name: field for field in msgspec.structs.fields(spec.request)}
    positional: list[click.Parameter] = [
        click.Argument([name], type=_scalar_type(plain(fields[name].type))) for name in in_path
    ]
    named = [_option(field, docs.get(name, "")) for name, field in fields.items() if name not in in_path]
    return [*positional, *sorted(named, key=lambda option: not option.required)]


def option_name(field_name: str) -> str:
    """`expires_at` is `--expires-at`."""
    return "--" + field_name.replace("_", "-")


def _option(field: msgspec.structs.FieldInfo, doc: str) -> click.Option:
    name, type_ = field.encode_name, plain(field.type)
    common: dict[str, Any] = {"help": doc.replace("`", ""), "required": field.required}
    if not field.required and _worth_showing(field.default):
        common["help"] = f"{common['help']}  [default: {_shown(field.default)}]".strip()
    if type_ is Secret:
        return _secret_option(name, common)
    if type_ is bool:
        flag = f"{option_name(name)}/--no-{name.replace('_', '-')}"
        if not field.required:
            common["default"] = None  # "not said" must differ from "no", so that the service's own default holds
        return click.Option([flag, name], **common)
    if _is_map(type_):
        return click.Option([option_name(name), name], type=_Pair(), multiple=True, metavar="KEY=VALUE", **common)
    if is_list(type_):
        return click.Option(
            [option_name(name), name], type=_scalar_type(plain(get_args(type_)[0])), multiple=True, **common
        )
    return click.Option([option_name(name), name], type=_scalar_type(type_, field.type), **common)


def _secret_option(name: str, common: dict[str, Any]) -> click.Option:
    text = f"{common['help']} " if common["help"] else ""
    more = (
        "File whose first line it is; - reads stdin. Without it you are asked."
        if common["required"]
        else ("File whose first line it is; - reads stdin.")
    )
    type_ = _SecretFile(optional=not common["required"])
    return click.Option([f"{option_name(name)}-file", name], type=type_, metavar="FILE", help=text + more)


def _worth_showing(default: Any) -> bool:
    return default not in (None, "", (), msgspec.NODEFAULT) and default is not False


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ", ".join(_shown(member) for member in default)
    return str(default.value) if isinstance(default, Enum) else "on" if default is True else str(default)


def _is_map(type_: Any) -> bool:
    return get_origin(type_) in (dict, Mapping)


def _scalar_type(type_: Any, annotated: Any = None) -> click.ParamType[Any]:
    if type_ is Instant:
        return Moment()
    if isinstance(type_, type) and issubclass(type_, Enum):
        return click.Choice([str(member.value) for member in type_])
    if get_origin(type_) is Literal:
        return click.Choice([str(choice) for choice in get_args(type_)])
    if type_ is bytes:
        return _BytesFile()
    if codec.fields_of(type_) is not None:
        return _Document()
    return _number_type(type_, annotated) if type_ in (int, float) else click.STRING


def _number_type(type_: type, annotated: Any) -> click.ParamType[Any]:
    if type_ is float:
        return click.FLOAT
    meta = next((part for part in get_args(annotated)[1:] if isinstance(part, msgspec.Meta)), None)
    return click.IntRange(meta.ge, meta.le) if meta and (meta.ge is not None or meta.le is not None) else click.INT  # type: ignore[arg-type]


# What was typed, as JSON


def document_of(spec: OperationSpec, typed: Mapping[str, Any]) -> dict[str, Any]:
    """The request's JSON document: only what was given, so that the service's own defaults hold for the rest."""
    document: dict[str, Any] = {}
    for field in msgspec.structs.fields(spec.request):
        value = typed.get(field.encode_name)
        if value is None or value == ():
            continue
        document[field.encode_name] = dict(value) if _is_map(plain(field.type)) else _json_of(value)
    return document


def missing_secrets(spec: OperationSpec, document: Mapping[str, Any]) -> list[str]:
    """Required secrets that no file gave: the person is asked for them."""
    fields = msgspec.structs.fields(spec.request)
    return [f.encode_name for f in fields if f.required and plain(f.type) is Secret and f.encode_name not in document]


def _json_of(value: Any) -> Any:
    return [_json_of(item) for item in value] if isinstance(value, tuple) else value


class _Pair(click.ParamType[Any]):
    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, found, text = str(value).partition("=")
        if not found or not key:
            self.fail("expected KEY=VALUE", param, ctx)
        return key, text


class _SecretFile(click.ParamType[Any]):
    """The first line of a file or of stdin, as text that is not echoed anywhere."""

    name = "file"

    def __init__(self, *, optional: bool) -> None:
        self.optional = optional

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return read_secret(str(value))


class _BytesFile(click.ParamType[Any]):
    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return base64.b64encode(read_file(str(value))).decode()


class _Document(click.ParamType[Any]):
    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = str(value)
        try:
            return json.loads(read_file(text[1:]) if text.startswith("@") else text)
        except ValueError:
            self.fail("expected JSON, or @FILE that holds JSON", param, ctx)


def read_file(name: str) -> bytes:
    """The bytes of a file or of stdin (`-`), within the limit. Raises click.UsageError."""
    try:
        if name == STDIN:
            return _limited(sys.stdin.buffer, name)
        with Path(name).open("rb") as file:
            return _limited(file, name)
    except OSError as error:
        raise click.UsageError(f"{name} cannot be read: {error.strerror}") from error


def read_secret(name: str) -> str:
    """The first line of a file or of stdin (`-`), without its end. Raises click.UsageError."""
    try:
        line = read_file(name).decode().splitlines()
    except UnicodeDecodeError:
        line = []
    if not line or not line[0]:
        raise click.UsageError(f"{name} holds no text on its first line")
    return line[0]


def _limited(stream: BinaryIO, name: str) -> bytes:
    content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise click.UsageError(f"{name} is larger than {MAX_FILE_BYTES} bytes")
    return content
