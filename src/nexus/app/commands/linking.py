"""`nexus warehouse link`: which records of which sources are one person."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from nexus.app.cli.options import json_option, terminal
from nexus.warehouse.linkage.linking import REVIEW, link, write
from nexus.warehouse.linkage.model import Thresholds
from nexus.warehouse.linkage.records import MEMORY

_DEFAULTS: Final = Thresholds()


def _link(folder: Path, **typed: Any) -> int:
    screen = terminal(typed["as_json"])
    thresholds = Thresholds(merge=typed["merge"], review=typed["review"])
    with screen.progress() as bar:
        bar.add_task("", total=None)
        linked = link(folder, thresholds=thresholds, memory=typed["memory"])
        write(linked, typed["into"])
    report = linked.report
    if screen.json:
        screen.document(asdict(report))
        return 0
    table = Table(box=None, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, count in {
        "records": report.records,
        "numbers-usable": report.numbers_usable,
        "numbers-doubtful": report.numbers_doubtful,
        "numbers-missing": report.numbers_missing,
        **{f"by-{rule}": count for rule, count in report.by_rule.items()},
        "persons": report.persons,
        "for-review": sum(report.for_review.values()),
    }.items():
        table.add_row(screen.say(f"linkage.{name}"), f"{count:,}")
    screen.show(table)
    if any(report.for_review.values()):
        screen.note(f"{screen.say('linkage.look')} {typed['into'] / REVIEW}")
    return 0


link_command = click.Command(
    "link",
    callback=_link,
    params=[
        click.Argument(["folder"], type=click.Path(exists=True, file_okay=False, path_type=Path)),
        click.Option(
            ["--into"],
            required=True,
            type=click.Path(file_okay=False, path_type=Path),
            help="A folder for who is who, for what is to be judged by a person, and for the counts.",
        ),
        click.Option(
            ["--merge"],
            type=float,
            default=_DEFAULTS.merge,
            show_default=True,
            help="From this probability on, two records are one person.",
        ),
        click.Option(
            ["--review"],
            type=float,
            default=_DEFAULTS.review,
            show_default=True,
            help="From this probability on, somebody is to judge.",
        ),
        click.Option(["--memory"], default=MEMORY, show_default=True, help="What the engine may hold in memory."),
        json_option(),
    ],
    help="Find which patients of hospitals and of the claims base are one person: by number, traits at birth, probability."
    " On doubt nothing is merged.",
)
