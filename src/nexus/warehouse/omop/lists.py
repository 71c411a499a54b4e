"""French lists as local concepts: CIM-10, CCAM, NABM, CIP, UCD, LPP, with ids above 2,000,000,000 that stay.

A list is a file of codes and labels, as the agencies publish them. Ids are given in the order of codes, within a block of
each list; which id a code has is kept (`ids.csv`), and a code that comes later gets the next one.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.warehouse.omop.delivery import opened

FIRST_LOCAL: Final = 2_000_000_000
BLOCK: Final = 10_000_000
"""Ids that each list may use: CIP and LPP have some tens of thousands."""


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list. `codes`, `labels`: what their columns are called, in the files that exist."""

    vocabulary: str
    title: str
    domain: str
    concept_class: str
    block: int
    codes: tuple[str, ...]
    labels: tuple[str, ...]
    stands_for: str = ""
    """The vocabulary of OMOP in which the same code stands, where there is one (`alike`)."""


LISTS: Final[Mapping[str, CodeList]] = {
    "cim10": CodeList(
        "CIM10", "CIM-10 FR", "Condition", "ICD10 code", 1,
        ("code", "cim_cod", "dgn_cod"), ("label", "libelle", "cim_lib"), "ICD10",
    ),
    "ccam": CodeList(
        "CCAM", "Classification commune des actes médicaux", "Procedure", "Procedure", 2,
        ("code", "cam_prs_ide_cod"), ("label", "libelle", "cam_prs_ide_lib"), "CCAM",
    ),
    "nabm": CodeList(
        "NABM", "Nomenclature des actes de biologie médicale", "Measurement", "Lab Test", 3,
        ("code", "bio_prs_ide"), ("label", "libelle", "bio_inf_lib"),
    ),
    "cip": CodeList(
        "CIP", "Codes CIP 13", "Drug", "Drug Product", 4,
        ("code", "pha_cip_c13", "pha_prs_c13", "cip13"), ("label", "libelle", "pha_nom_pa", "pha_med_nom"), "BDPM",
    ),
    "ucd": CodeList(
        "UCD", "Unités communes de dispensation", "Drug", "Drug Product", 5,
        ("code", "ucd_ucd_cod"), ("label", "libelle", "ucd_inf_lib", "ucd_ucd_lib"),
    ),
    "lpp": CodeList(
        "LPP", "Liste des produits et prestations", "Device", "Device", 6,
        ("code", "lpp_prs_ide", "tip_prs_ide"), ("label", "libelle", "lpp_red_lib"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LocalConcept:
    """One code of one list, and its id."""

    id: int
    code: str
    label: str
    of: CodeList


def read_lists(files: Mapping[str, Path], ids: Path) -> list[LocalConcept]:
    """The concepts of these lists; `ids` remembers which id each code has. Raises Invalid."""
    known = _remembered(ids)
    found: list[LocalConcept] = []
    for name, path in sorted(files.items()):
        if name not in LISTS:
            raise Invalid(f"there is no list {name}", code="omop.list", hint=f"lists: {', '.join(LISTS)}")
        found += _numbered(LISTS[name], dict(_codes(LISTS[name], path)), known)
    _remember(ids, known)
    return found


def _numbered(of: CodeList, codes: Mapping[str, str], known: dict[tuple[str, str], int]) -> Iterator[LocalConcept]:
    start = FIRST_LOCAL + of.block * BLOCK
    last = max((id_ for (vocabulary, _), id_ in known.items() if vocabulary == of.vocabulary), default=start)
    for code in sorted(codes):
        if (of.vocabulary, code) not in known:
            last += 1
            known[of.vocabulary, code] = last
        yield LocalConcept(known[of.vocabulary, code], code, codes[code], of)


def _codes(of: CodeList, path: Path) -> Iterator[tuple[str, str]]:
    with io.TextIOWrapper(opened(path), encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        separator = max(";,\t", key=header.count)
        columns = [cell.strip().strip('"').lower() for cell in header.rstrip("\r\n").split(separator)]
        code = next((columns.index(name) for name in of.codes if name in columns), None)
        label = next((columns.index(name) for name in of.labels if name in columns), None)
        if code is None or label is None:
            raise Invalid(
                f"{path.name}, line 1: no column of codes and labels",
                code="omop.list",
                hint=f"codes: {', '.join(of.codes)}; labels: {', '.join(of.labels)}",
            )
        for row in csv.reader(file, delimiter=separator):
            if len(row) > max(code, label) and row[code].strip():
                yield row[code].strip(), row[label].strip()


def _remembered(ids: Path) -> dict[tuple[str, str], int]:
    if not ids.exists():
        return {}
    with ids.open(encoding="utf-8", newline="") as file:
        return {(row["vocabulary"], row["code"]): int(row["id"]) for row in csv.DictReader(file)}


def _remember(ids: Path, known: Mapping[tuple[str, str], int]) -> None:
    ids.parent.mkdir(parents=True, exist_ok=True)
    new = ids.with_name(f".{ids.name}.new")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("vocabulary", "code", "id"))
        writer.writerows((vocabulary, code, id_) for (vocabulary, code), id_ in sorted(known.items()))
    new.replace(ids)
