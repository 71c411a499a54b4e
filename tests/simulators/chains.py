"""Changes to what a hospital told, at random, and the whole that results: said row by row, in another way than the code does."""

import csv
import random
from collections import defaultdict
from pathlib import Path

from hypothesis import strategies as st

Tables = dict[str, list[dict[str, str]]]
ROOTS = {"patients": "Id", "organizations": "Id", "providers": "Id", "encounters": "Id"}
STEPS = st.lists(st.lists(st.integers(0, 10**6), max_size=6), min_size=1, max_size=2)


def read(folder: Path) -> Tables:
    return {path.stem: list(csv.DictReader(path.open(newline=""))) for path in sorted(folder.glob("*.csv"))}


def write(folder: Path, tables: Tables) -> Path:
    folder.mkdir(parents=True)
    for name, rows in tables.items():
        if rows:
            with (folder / f"{name}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    return folder


def increment(tables: Tables, numbers: list[int]) -> tuple[Tables, list[tuple[str, str]]]:
    """Encounters with all that is in them, and persons: told anew, corrected, or removed; rows that are told again word for word."""
    told: dict[str, dict[str, dict]] = defaultdict(dict)
    within: Tables = defaultdict(list)
    again: Tables = defaultdict(list)
    removed: set[tuple[str, str]] = set()
    for number in numbers:
        chance = random.Random(number)
        root = chance.choice(["encounters", "encounters", "patients"])
        row = dict(chance.choice(tables[root]))
        what = chance.choice(["remove", "correct", "add", "again", "unknown"])
        if what == "again":
            again["conditions"].append(dict(chance.choice(tables["conditions"])))
            continue
        if what == "unknown":
            removed.add((root, f"none-{number}"))
            continue
        if row["Id"] in told[root] or (root, row["Id"]) in removed:
            continue
        if what == "remove":
            removed.add((root, row["Id"]))
            continue
        if what == "add":
            row["Id"] = f"{row['Id']}-{number}"
        elif root == "patients":
            row["GENDER"] = chance.choice("MF")
        told[root][row["Id"]] = row
        if root == "encounters":
            for _ in range(chance.randrange(3)):
                within["conditions"].append(
                    {**chance.choice(tables["conditions"]), "PATIENT": row["PATIENT"], "ENCOUNTER": row["Id"]}
                )
    changes = {name: list(rows.values()) for name, rows in told.items()}
    for more in (within, again):
        for name, rows in more.items():
            changes[name] = [*changes.get(name, []), *rows]
    return changes, sorted(removed)


def united(tables: Tables, changes: Tables, removed: list[tuple[str, str]]) -> Tables:
    """What results, said in another way than the code does: row by row."""
    touched = {(name, row["Id"]) for name, rows in changes.items() if name in ROOTS for row in rows} | set(removed)
    after: Tables = {}
    for name, rows in tables.items():
        new = [tuple(row.values()) for row in changes.get(name, [])]
        kept = [
            row
            for row in rows
            if not (name in ROOTS and (name, row["Id"]) in touched)
            and ("encounters", row.get("ENCOUNTER")) not in touched
            and tuple(row.values()) not in new
        ]
        after[name] = kept + changes.get(name, [])
    return after


def removals(folder: Path, removed: list[tuple[str, str]]) -> None:
    """The keys that changes remove, beside what they tell."""
    with (folder / "removed.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["TABLE", "KEY"])
        writer.writeheader()
        writer.writerows([{"TABLE": table, "KEY": key} for table, key in removed])
