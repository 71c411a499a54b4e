"""docs/reference/omop-sources.md: the sources of the warehouse, from their own definitions."""

from nexus.warehouse.omop.lists import LISTS
from nexus.warehouse.omop.problems import ADVICE
from nexus.warehouse.omop.registry import SOURCES
from nexus.warehouse.omop.source import Source, SourceTable


def page() -> str:
    parts = [
        "# Sources of the warehouse\n",
        "Written by `make reference`; do not edit.\n",
        "What `nexus warehouse convert` reads ([how](../how-to/convert-to-omop.md), [add one](../how-to/add-a-source.md)).\n",
    ]
    parts += [_source(source) for source in SOURCES.values()]
    rows = "\n".join(
        f"| `{name}` | {each.vocabulary} | {each.title} | {', '.join(f'`{c}`' for c in each.codes)} |"
        for name, each in LISTS.items()
    )
    parts.append(
        f"## French lists\n\n| `--local` | vocabulary | list | columns of codes |\n|---|---|---|---|\n{rows}\n"
    )
    rows = "\n".join(f"| `{reason}` | {text} |" for reason, text in ADVICE.items())
    parts.append(f"## Reasons of quarantine\n\n| reason | what it means, and what to do |\n|---|---|\n{rows}\n")
    return "\n".join(parts)


def _source(source: Source) -> str:
    lines = [
        f"## {source.name}: {source.title}\n",
        "| table | columns | may be missing | becomes | key of a row, in changes |",
        "|---|---|---|---|---|",
    ]
    for table in source.tables:
        becomes = {
            mapping.targets[0] if len(mapping.targets) == 1 else "events by domain"
            for mapping in source.mappings
            if mapping.driver == table.name
        }
        names = ", ".join(f"`{name}`" for name in (table.name, *table.files))
        needed, optional = (", ".join(f"`{c}`" for c in columns) for columns in (table.columns, table.optional))
        lines.append(
            f"| {names} | {needed} | {optional} | {', '.join(sorted(becomes)) or 'looked up'} | {_key(table)} |"
        )
    lines.append(f"\nVocabularies: {', '.join(source.vocabularies)}.\n")
    return "\n".join(lines)


def _key(table: SourceTable) -> str:
    """How a delivery of changes replaces or removes rows of a table."""
    own = "/".join(f"`{column}`" for column in table.row)
    of = (
        f"within `{table.within[0]}` by {'/'.join(f'`{column}`' for column in table.within[1])}" if table.within else ""
    )
    return "; ".join(filter(None, (own, of))) or "none: its content"
