"""`nexus demo`."""

import json
import os
from pathlib import Path
from typing import Any

import click

from nexus import __version__
from nexus.app.cli.options import json_option, terminal
from nexus.app.datadir import PRIVATE
from nexus.app.demo import beginning, data, ending, patient, proofs, samples, study, warehouse
from nexus.app.demo.people import Person
from nexus.app.demo.scenery import Scenery
from nexus.app.demo.stage import Stage
from nexus.app.demo.story import Story
from nexus.kernel.errors import NotFound

DEFAULT_ROOT = Path(".nexus") / "demo"
STEPS = (
    beginning.start,
    beginning.enrol,
    beginning.create_bucket,
    data.upload,
    data.search_disk,
    data.read_back,
    data.refuse,
    proofs.prove_read,
    proofs.tamper,
    ending.destroy_key,
    patient.enrol_patient,
    patient.withdraw,
    warehouse.deliver,
    warehouse.build,
    study.release,
    study.ask,
    study.leave,
    ending.leave_open,
)
"""The story, in order."""


def _demo(**typed: Any) -> None:
    os.umask(PRIVATE)
    stage = Stage()
    scenery = Scenery(typed["directory"], stage)
    if typed["code"]:
        _show_code(scenery, typed["code"], as_json=typed["as_json"])
        return
    if typed["stop"]:
        _stop(scenery, as_json=typed["as_json"])
        return
    samples.require_boto3()
    source, loaded = samples.load()
    stage.title(f"Nexus {__version__}", "a demonstration on real health data")
    story = Story(stage, scenery, source, loaded)
    for step in STEPS:
        step(story)


def _stop(scenery: Scenery, *, as_json: bool) -> None:
    screen = terminal(as_json)
    with screen.waiting("stopping"):
        stopped = scenery.stop()
    if screen.json:
        screen.document({"stopped": stopped})
    elif stopped:
        screen.good("The demonstration has stopped", aside=str(scenery.root))
    else:
        screen.note("No demonstration was running.")


def _show_code(scenery: Scenery, login: str, *, as_json: bool) -> None:
    """The code that a person's authenticator shows now."""
    try:
        person = json.loads(scenery.people_file.read_text())[login]
    except (FileNotFoundError, KeyError) as error:
        raise NotFound(
            f"nobody called {login} is in the demonstration", code="demo.nobody", hint="make demo"
        ) from error
    known = Person(login, scenery.place, person["password"])
    known.otpauth = person["otpauth"]
    code = known.authenticator.now()
    if as_json:
        terminal(as_json).document({"login": login, "code": code})
    else:
        click.echo(code)


demo = click.Command(
    "demo",
    callback=_demo,
    params=[
        click.Option(
            ["--directory"],
            type=click.Path(path_type=Path, file_okay=False),
            default=DEFAULT_ROOT,
            show_default=True,
            help="Where it happens; removed and made anew each time.",
        ),
        click.Option(["--stop"], is_flag=True, help="Stop the platform that the last one left up."),
        click.Option(["--code"], metavar="LOGIN", help="Show what this person's authenticator shows now."),
        json_option(),
    ],
    help="Show the main job end to end on real health data, and leave the platform up.",
    short_help="Show the main job end to end",
)
