"""docs/reference/metrics.md, written from `nexus.app.telemetry.catalogue`."""

from collections.abc import Iterator

from nexus.app.telemetry import catalogue
from nexus.app.telemetry.catalogue import Kind, Metric
from nexus.app.telemetry.health import Component
from nexus.app.telemetry.labels import DOORS, Label

MOST_SHOWN = 12
"""A longer list of values is counted, not shown."""


def page() -> str:
    """The whole page."""
    return (
        "# Metrics\n\nWritten by `make reference`; do not edit.\n\n"
        "What `/metrics` of the operations listener holds ([how to watch the platform](../how-to/watch-the-platform.md)). Every"
        " metric has the label `process` besides: the process that counted (`kms`, `worker`, `api`, `console`, `portal`,"
        " `bastion`, `supervisor`; `s3`, or `s3-0`, `s3-1` … where there are several).\n\n"
        "A value that is in none of the lists below is counted as `other`.\n\n"
        "| metric | kind | labels | what it says |\n|---|---|---|---|\n"
        + "\n".join(map(_row, catalogue.METRICS))
        + "\n\n## Labels\n\n| label | values | what they are |\n|---|---|---|\n"
        + "\n".join(dict.fromkeys(_labels()))
        + "\n\n## Buckets\n\n| histogram | upper bounds |\n|---|---|\n"
        + "\n".join(
            f"| `{metric.name}` | {', '.join(format(bound, 'g') for bound in metric.buckets)} |"
            for metric in catalogue.METRICS
            if metric.kind is Kind.HISTOGRAM
        )
        + "\n\n## What can be missing\n\n"
        + f"{', '.join(f'`{component.value}`' for component in Component)}. Doors that answer `/-/live` and `/-/ready`:"
        + f" {', '.join(f'`{door}`' for door in DOORS)}.\n"
    )


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label.name}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind.value} | {labels} | {metric.says} |"


def _labels() -> Iterator[str]:
    for metric in catalogue.METRICS:
        for label in metric.labels:
            yield f"| `{label.name}` | {_values(label)} | {label.says} |"


def _values(label: Label) -> str:
    if label.values is None:
        return "the table in the code"
    if len(label.values) > MOST_SHOWN:
        return f"{len(label.values)} names"
    return ", ".join(f"`{value}`" for value in sorted(label.values))
