"""A small claims base, and what happens to it from one delivery to the next: persons, claims and stays come, change and go."""

import csv
import random
import shutil
from pathlib import Path

from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.omop.sources.snds_keys import LINE_KEY

PARENTS = {"ER_PRS_F": "BEN_NIR_PSA", "T_MCOaaC": "NIR_ANO_17"}
CHILDREN = {
    "ER_PHA_F": ("PHA_PRS_C13", "DCT_ORD_NUM"),
    "ER_BIO_F": ("BIO_PRS_IDE", "DCT_ORD_NUM"),
    "T_MCOaaB": ("DGN_PAL", "RSA_NUM"),
    "T_MCOaaD": ("ASS_DGN", "RSA_NUM"),
    "T_MCOaaA": ("CDC_ACT", "ETA_NUM"),
}
PEOPLE = "IR_BEN_R"
NAMED_BY = {"ER_PRS_F": [name.upper() for name in LINE_KEY], "T_MCOaaC": ["ETA_NUM", "RSA_NUM"]}
KEYS = {"ER_PRS_F": "PRS_ORD_NUM", "T_MCOaaC": "ETA_NUM"}
DATES = {"ER_PRS_F": "EXE_SOI_DTD", "T_MCOaaC": "EXE_SOI_DTF"}
EDITS = (
    "parent-moves", "parent-stranger", "parent-nobody", "parent-gone", "parent-twice", "parent-key-less", "parent-date-less",
    "parent-later", "parent-found", "child-changes", "child-gone", "child-again", "child-strays", "child-key-less", "person-corrected", "person-renamed",
    "person-gone", "person-twin", "person-second-number", "person-new", "cause-changes", "break", "shuffle",
)  # fmt: skip
"""What can happen; `edit` says it in code. Parents are lines of claims and stays: they say whose their children are."""


def write_claims(into: Path, people: int = 30, seed: int = 4) -> None:
    """One whole delivery."""
    generate(Asked(people=people, hospitals=1, seed=seed, years=2, late=0.2), into / "made")
    shutil.copytree(into / "made" / "snds" / "delivery-1", into / "in")


class Claims:
    """The tables of a delivery, in memory, rows by column."""

    def __init__(self, folder: Path) -> None:
        self.tables: dict[str, list[dict[str, str]]] = {}
        for path in sorted(folder.glob("*.csv")):
            with path.open(newline="") as file:
                self.tables[path.stem] = list(csv.DictReader(file))
        self._columns = {name: list(rows[0]) for name, rows in self.tables.items() if rows}

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for name, columns in self._columns.items():
            with (folder / f"{name}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.tables[name])

    def edit(self, what: str, number: int) -> None:
        """One thing that happens. `number`: to whom."""
        chance = random.Random(number)
        kind, _, how = what.partition("-")
        if kind == "parent":
            name = chance.choice(list(PARENTS))
            self._parent(name, how, chance)
        elif kind == "child":
            name = chance.choice(list(CHILDREN))
            self._child(name, how, chance)
        elif kind == "person":
            self._person(how, chance)
        elif kind == "cause":
            for row in self.tables["KI_CCI_R"][:1]:
                row["DCD_CIM_COD"] = chance.choice(["I21", "C34", "X99"])
        elif kind == "break":
            chance.choice(self.tables["ER_PRS_F"])["PSE_SPE_COD"] = "1\n2"
        else:
            for rows in self.tables.values():
                chance.shuffle(rows)

    def _parent(self, name: str, how: str, chance: random.Random) -> None:
        rows, person = self.tables[name], PARENTS[name]
        row = chance.choice(rows)
        other = chance.choice(self.tables[PEOPLE])["BEN_NIR_PSA"] if self.tables[PEOPLE] else "X"
        if how == "gone":
            rows.remove(row)
        elif how == "twice":
            rows.append({**row, person: chance.choice([other, ""]), DATES[name]: chance.choice(rows)[DATES[name]]})
        elif how == "found":
            rows += [{**row, **keys} for keys in self._alone(name)[:1]]
        elif how == "later":
            row[DATES[name]] = chance.choice(rows)[DATES[name]]
        elif how == "date-less":
            row[DATES[name]] = ""
        elif how == "key-less":
            for each in [row, *self._children(name, row)]:
                each[KEYS[name]] = ""
        else:
            row[person] = {"moves": other, "stranger": "9" * 17, "nobody": ""}[how]

    def _children(self, name: str, parent: dict[str, str]) -> list[dict[str, str]]:
        named = NAMED_BY[name]
        rows = (row for child in CHILDREN for row in self.tables[child] if named[0] in row)
        return [row for row in rows if all(row[key] == parent[key] for key in named)]

    def _alone(self, name: str) -> list[dict[str, str]]:
        """The keys of children that have no parent."""
        named = NAMED_BY[name]
        there = {tuple(row[key] for key in named) for row in self.tables[name]}
        children = (row for child in CHILDREN for row in self.tables[child] if named[0] in row)
        return [{key: row[key] for key in named} for row in children if tuple(row[key] for key in named) not in there]

    def _child(self, name: str, how: str, chance: random.Random) -> None:
        rows, (code, key) = self.tables[name], CHILDREN[name]
        row = chance.choice(rows)
        if how == "gone":
            rows.remove(row)
        elif how == "again":
            rows.append(dict(row))
        elif how == "strays":
            row[key] = "77777"
        elif how == "key-less":
            row[key] = ""
        else:
            row[code] = chance.choice(rows)[code]

    def _person(self, how: str, chance: random.Random) -> None:
        rows = self.tables[PEOPLE]
        row, other = chance.choice(rows), chance.choice(rows)
        if how == "corrected":
            row["BEN_NAI_ANN"] = str(int(row["BEN_NAI_ANN"]) - 1)
        elif how == "renamed":
            row["BEN_IDT_ANO"] = chance.choice([f"N{number}" for number in range(9)] + [""])
        elif how == "gone":
            rows.remove(row)
        elif how == "twin":
            row.update(BEN_NIR_PSA=other["BEN_NIR_PSA"], BEN_RNG_GEM="2")
        elif how == "second-number":
            rows.append({**row, "BEN_NIR_PSA": f"Q{chance.randrange(99)}"})
        else:
            new = f"Z{chance.randrange(999):016}"
            rows.append({**row, "BEN_NIR_PSA": new, "BEN_IDT_ANO": new})
