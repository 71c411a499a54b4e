"""Deliveries of a hospital that tells changes: their files, and what becomes of them at intake."""

import hashlib
from pathlib import Path

from nexus.warehouse.generator.agreements import agreed
from nexus.warehouse.intake.agreement import Agreement
from nexus.warehouse.intake.requests import NamedDelivery, SubmitDelivery

PATIENTS = "Id,BIRTHDATE,DEATHDATE,SSN,FIRST,LAST,MAIDEN,GENDER,RACE,ETHNICITY,ADDRESS,CITY,STATE,ZIP\n"
ENCOUNTERS = "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,ENCOUNTERCLASS,CODE\n"
CONDITIONS = "START,STOP,PATIENT,ENCOUNTER,CODE\n"


def patients(*names):
    return PATIENTS + "".join(f"{name},1961-04-30,,,Ysaline,LEGALL,,F,,,1 rue X,Lyon,ARA,69001\n" for name in names)


def encounters(*names, day="2026-05-01"):
    return ENCOUNTERS + "".join(f"{name},{day}T10:00:00Z,{day}T11:00:00Z,p1,o1,d1,ambulatory,185\n" for name in names)


def removed(*keys):
    return "TABLE,KEY\n" + "".join(f"{table},{key}\n" for table, key in keys)


def files(**texts):
    return {f"{name}.csv": (text.encode(), text.count("\n") - 1) for name, text in texts.items()}


WHOLE = files(
    patients=patients("p1", "p2"),
    encounters=encounters("e1", "e2"),
    conditions=CONDITIONS + "2026-05-01,,p1,e1,I10\n",
)
CHANGES = files(encounters=encounters("e2", "e3"), removed=removed(("encounters", "e1"), ("patients", "p2")))


def agreed_upon(folder: Path) -> Agreement:
    """What is agreed about files such as these."""
    for name, (content, _) in WHOLE.items():
        (folder / name).write_bytes(content)
    return agreed(folder, fresh_days=90, unusable_percent=10)


def shown(chu, number):
    return chu.service.delivery(chu.store.op, NamedDelivery(provider="chu-ehr", number=number))


async def delivered(chu, holds, number, **said):
    key = await chu.deliver(holds, number, f"{number}/", **said)
    await chu.service.submit(chu.store.op, SubmitDelivery(provider="chu-ehr", manifest=key))
    await chu.examining.run()
    return await shown(chu, number)


async def follow(chu, number):
    """What a manifest says of the delivery that it follows."""
    content = await chu.store.get(chu.bucket, f"{number}/manifest.json")
    return {"kind": "changes", "follows": {"number": number, "manifest_sha256": hashlib.sha256(content).hexdigest()}}


async def changed(chu, holds, number, after, **said):
    return await delivered(chu, holds, number, **await follow(chu, after) | said)


def faults(view):
    return [(problem.fault, problem.file, problem.line, problem.column) for problem in view.report.problems]


def about(view):
    """The one thing that is wrong."""
    (problem,) = view.report.problems
    return problem.fault, problem.hint
