"""`nexus warehouse generate`: hospitals and a claims base that nobody lives in, with the truth beside them."""

import time
from pathlib import Path
from typing import Any, Final

import click

from nexus.app.cli.options import json_option, terminal
from nexus.warehouse.generator.generating import SUMMARY, generate
from nexus.warehouse.generator.model import MAX_HOSPITALS, MAX_PEOPLE, Asked

_DEFAULTS: Final = Asked(people=1)


def _generate(into: Path, **typed: Any) -> int:
    screen = terminal(typed["as_json"])
    asked = Asked(
        typed["people"],
        hospitals=typed["hospitals"],
        seed=typed["seed"],
        first_year=typed["first_year"],
        years=typed["years"],
        effect=typed["effect"],
        whole=typed["whole"],
    )
    begun = time.monotonic()
    with screen.progress() as bar:
        task = bar.add_task("", total=asked.blocks)
        made = generate(
            asked,
            into,
            workers=typed["workers"],
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    speed = made.rows / max(time.monotonic() - begun, 1e-9)
    if screen.json:
        screen.document({"rows": made.rows, "files": len(made.files), "rows_per_second": round(speed)})
    else:
        screen.good(f"{made.rows:,} {screen.say('generator.rows')}, {len(made.files)} {screen.say('generator.files')}")
        screen.note(f"{speed:,.0f} {screen.say('generator.speed')}; {into / SUMMARY}")
    return 0


generate_command = click.Command(
    "generate",
    callback=_generate,
    params=[
        click.Option(
            ["--into"],
            required=True,
            type=click.Path(file_okay=False, path_type=Path),
            help="A new folder: one for each hospital, one for the claims base, one for the truth.",
        ),
        click.Option(["--people"], required=True, type=click.IntRange(1, MAX_PEOPLE), help="How many people live."),
        click.Option(
            ["--hospitals"],
            type=click.IntRange(1, MAX_HOSPITALS),
            default=_DEFAULTS.hospitals,
            show_default=True,
            help="How many hospitals they go to.",
        ),
        click.Option(
            ["--seed"], type=int, default=_DEFAULTS.seed, show_default=True, help="The same seed makes the same files."
        ),
        click.Option(
            ["--first-year"],
            type=int,
            default=_DEFAULTS.first_year,
            show_default=True,
            help="First year of the extracts.",
        ),
        click.Option(["--years"], type=int, default=_DEFAULTS.years, show_default=True, help="Years of the extracts."),
        click.Option(
            ["--effect"],
            type=float,
            default=_DEFAULTS.effect,
            show_default=True,
            help="By how much diclofenac multiplies the rate of gastric bleeds: the answer to be found again.",
        ),
        click.Option(
            ["--whole"],
            is_flag=True,
            help="Make the second delivery a whole extract again, as a refresh takes it, not what changed alone.",
        ),
        click.Option(
            ["--workers"],
            type=click.IntRange(1, 256),
            default=1,
            show_default=True,
            help="Processes that make blocks of people. The files are the same for any number.",
        ),
        json_option(),
    ],
    help="Generate extracts of hospitals and of a claims base about people who do not exist, and the truth about them.",
)
