"""docs/reference/settings.md, written from `nexus.app.settings`."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import Meta

from nexus.app.settings import PREFIX, Settings

_KINDS = {str: "text", int: "number", bool: "yes or no"}


def page() -> str:
    """The whole page."""
    return (
        "# Settings\n\nWritten by `make reference`; do not edit.\n\n"
        "A setting is given in the environment (`NEXUS_S3_PORT=9000`), or under `[settings]` in the data directory's"
        " `nexus.toml` (`s3_port = 9000`); the environment wins. `nexus init --set s3_port=9000` writes it there."
        " A change needs a restart. A wrong name or value is refused with the place that it came from.\n\n"
        "`NEXUS_DATA` names the data directory itself (`--data` wins). Without it: `/var/lib/nexus` for root,"
        " `~/.local/share/nexus` for everybody else.\n\n"
        "| setting | variable | type | default | what it does |\n|---|---|---|---|---|\n" + "\n".join(_rows()) + "\n"
    )


def _rows() -> Iterator[str]:
    hints = get_type_hints(Settings, include_extras=True)
    defaults = Settings()
    for name in Settings.__struct_fields__:
        plain, metas = _unfold(hints[name])
        said = next(meta.description for meta in metas if meta.description)
        yield (
            f"| `{name}` | `{PREFIX}{name.upper()}` | {_type(plain, metas)} | {_default(getattr(defaults, name))}"
            f" | {said} |"
        )


def _unfold(hint: Any) -> tuple[Any, list[Meta]]:
    metas: list[Meta] = []
    while get_origin(hint) is Annotated:
        hint, *more = get_args(hint)
        metas += [meta for meta in more if isinstance(meta, Meta)]
    return hint, metas


def _type(plain: Any, metas: list[Meta]) -> str:
    if get_origin(plain) is tuple:
        return "list of text"
    unit = next((meta.extra["unit"] for meta in metas if meta.extra and meta.extra.get("unit")), "")
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    limits = f"{low:,} to {high:,}" if high is not None and low is not None else f"{low:,} or more" if low else ""
    return " ".join(part for part in (limits or _KINDS[plain], unit) if part)


def _default(value: Any) -> str:
    return f"`{value}`" if value not in ("", ()) else ""
