"""The claims base's extract: tables and columns of the SNDS, those that a study of care asks for.

A beneficiary is known by BEN_NIR_PSA, made of the insured's number, birth and sex, and BEN_RNG_GEM, which tells twins of
one sex apart. A child insured with both parents has two; BEN_NIR_ANO, the own number, and BEN_IDT_ANO bring them together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy
import pyarrow
import pyarrow.compute

from nexus.warehouse.generator import calendar, places, register
from nexus.warehouse.generator.catalogue import ACTS, CHRONIC, CONDITIONS, DRUGS, MEASURES
from nexus.warehouse.generator.columns import Seen, looked_up, same, table_of, texts
from nexus.warehouse.generator.deliveries import Batch, belonging
from nexus.warehouse.generator.lives import Lives
from nexus.warehouse.generator.model import Asked, Badness, Flags, Strings, Whole, years_between
from nexus.warehouse.generator.people import NEVER, People
from nexus.warehouse.generator.register import Numbers
from nexus.warehouse.generator.spoiling import Spoilable

SOURCE: Final = "snds"
BENEFICIARIES: Final = "IR_BEN_R"
IDENTIFYING: Final = ("BEN_NIR_ANO",)
"""The column of beneficiaries that holds the number itself: here before the claims base's own pseudonyms replace it."""
SPOILABLE: Final = {
    "ER_PRS_F": Spoilable("EXE_SOI_DTD", {Badness.UNKNOWN_PATIENT: ("BEN_NIR_PSA", "99999999999999999")}),
    "ER_PHA_F": Spoilable("FLX_TRT_DTD", {Badness.RETIRED_CODE: ("PHA_PRS_C13", "3990707")}),
    "T_MCOaaB": Spoilable("SOR_ANN", {Badness.RETIRED_CODE: ("DGN_PAL", "410.9")}),
}
_CONSULTATION, _PHARMACY, _BIOLOGY = 1111, 3313, 3211
"""Natures of what is paid for (IR_NAT_V)."""
_EUROS: Final = {_CONSULTATION: 25.0, _BIOLOGY: 11.3}
_BOTH_PARENTS: Final = 0.4
_NUMBER_UNKNOWN: Final = 0.02
_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWX"
_FINESS: Final = 990_000_000
_LONG_ILLNESS: Final = {1: 8, 2: 14, 3: 14, 4: 5, 5: 5, 16: 30}
"""Numbers of the list of long illnesses (ALD), by condition."""


@dataclass(frozen=True, slots=True)
class Beneficiaries:
    """Rows of IR_BEN_R, those of the block's people first, then the second rows of children insured with both parents."""

    person: Whole
    psa: Strings
    rank: Whole
    single: Strings
    """BEN_IDT_ANO: one for a person whose number is known; else the PSA."""
    number_known: Flags
    second: Whole
    """For each person, the position of the second row; -1 for none."""

    def row_of(self, person: Whole, serial: Whole) -> Whole:
        """The row under which an encounter of a person is paid."""
        other = self.second[person]
        return numpy.where((other >= 0) & (serial % 2 == 1), other, person)


def beneficiaries(random: numpy.random.Generator, asked: Asked, people: People) -> Beneficiaries:
    """Who the claims base believes the people of a block to be."""
    everybody = numpy.arange(len(people))
    both = (people.other_parent != everybody) & (random.random(len(people)) < _BOTH_PARENTS)
    both = both[numpy.where(people.twin_of >= 0, people.twin_of, everybody)] & (people.other_parent != everybody)
    again = numpy.flatnonzero(both)
    person = numpy.concatenate((everybody, again))
    insured = numpy.concatenate((people.parent, people.other_parent[again]))
    second = numpy.full(len(people), -1, dtype=numpy.int64)
    second[again] = len(people) + numpy.arange(len(again))
    known = random.random(len(people)) >= _NUMBER_UNKNOWN
    psa = _psa(asked, people, insured, person)
    alone = _mixed(asked, "SYNA", (people.first + person).astype(numpy.uint64))
    single = numpy.where(known[person], alone, psa)
    return Beneficiaries(person, psa, _gemellary_rank(people)[person], single, known[person], second)


def beneficiary_rows(people: People, numbers: Numbers, held: Beneficiaries) -> Seen:
    """IR_BEN_R."""
    who = held.person
    year, month = register.months(people.born[who])
    dead = people.died[who] < NEVER
    nir = numpy.where(held.number_known, numbers.nir[who], "")
    died = numpy.minimum(people.died[who], calendar.LAST - 1)
    table = table_of(
        BEN_NIR_PSA=texts(held.psa),
        BEN_RNG_GEM=pyarrow.array(held.rank),
        BEN_NIR_ANO=texts(nir),
        BEN_IDT_ANO=texts(held.single),
        BEN_IDT_TOP=pyarrow.array(held.number_known.astype(numpy.int64)),
        BEN_CDI_NIR=same("00", len(who)),
        BEN_NAI_ANN=pyarrow.array(year),
        BEN_NAI_MOI=pyarrow.array([f"{one:02d}" for one in month.tolist()]),
        BEN_SEX_COD=pyarrow.array(people.female[who] + 1),
        BEN_DCD_DTE=calendar.written(died, missing=~dead),
        BEN_DCD_AME=calendar.written(died, calendar.MONTH, missing=~dead),
        BEN_RES_DPT=_departments(people.home[who]),
        BEN_RES_COM=same("001", len(who)),
    )
    return Seen(BENEFICIARIES, table, people.born[who])


def lasting_rows(asked: Asked, people: People, lives: Lives, held: Beneficiaries) -> Iterator[Seen]:
    """Long illnesses (IR_IMB_R) and causes of death (KI_CCI_R)."""
    for_life = [number for number, disease in enumerate(CHRONIC) if disease.condition in _LONG_ILLNESS]
    person, column = numpy.nonzero(lives.chronic[:, for_life] < numpy.minimum(people.died, asked.end)[:, None])
    disease = numpy.array([CHRONIC[number].condition for number in for_life])[column]
    since = numpy.maximum(lives.chronic[:, for_life][person, column], people.born[person])
    yield Seen(
        "IR_IMB_R",
        table_of(
            BEN_NIR_PSA=texts(held.psa[person]),
            BEN_RNG_GEM=pyarrow.array(held.rank[person]),
            IMB_ALD_DTD=calendar.written(since),
            IMB_ALD_NUM=looked_up([_LONG_ILLNESS.get(number, 0) for number in range(len(CONDITIONS))], disease),
            IMB_ETM_NAT=pyarrow.array(numpy.full(len(person), 41)),
            MED_MTF_COD=looked_up([one.cim for one in CONDITIONS], disease),
        ),
        people.born[person],
    )
    dead = numpy.flatnonzero(people.died < asked.end)
    year, month = register.months(people.born[dead])
    yield Seen(
        "KI_CCI_R",
        table_of(
            DCD_IDT_ENC=texts(_mixed(asked, "DEAD", (people.first + dead).astype(numpy.uint64))),
            BEN_IDT_ANO=texts(held.single[dead]),
            BEN_RES_DPT=_departments(people.home[dead]),
            BEN_DCD_DTE=calendar.written(people.died[dead]),
            BEN_NAI_ANN=pyarrow.array(year),
            BEN_NAI_MOI=pyarrow.array([f"{one:02d}" for one in month.tolist()], pyarrow.string()),
            BEN_SEX_COD=pyarrow.array(people.female[dead] + 1),
            DCD_CIM_COD=looked_up([one.cim for one in CONDITIONS], lives.cause[dead]),
        ),
        people.born[dead],
    )


def paid_rows(people: People, lives: Lives, batch: Batch, held: Beneficiaries) -> Iterator[Seen]:
    """What is paid in town: ER_PRS_F, ER_PHA_F, ER_BIO_F."""
    drug_row, drug_at = belonging(lives.drugs, batch)
    test_row, test_at = belonging(lives.measures, batch)
    visits = numpy.arange(len(batch.at))
    row = numpy.concatenate((visits, drug_row, test_row))
    after = numpy.concatenate((0 * visits, lives.drugs.after[drug_at], 0 * test_row))
    nature = numpy.repeat((_CONSULTATION, _PHARMACY, _BIOLOGY), (len(visits), len(drug_row), len(test_row)))
    what = numpy.concatenate((0 * visits, lives.drugs.what[drug_at], lives.measures.what[test_at]))
    order = numpy.argsort(row, kind="stable")
    row, after, nature, what = row[order], after[order], nature[order], what[order]
    rank = numpy.arange(len(row)) - numpy.searchsorted(row, row, side="left") + 1
    day = batch.day[row] + after
    keys = _keys(people, batch.serial[row], rank, day)
    who = lives.encounters.person[batch.at[row]]
    owner = held.row_of(who, batch.serial[row])
    euros = numpy.where(
        nature == _PHARMACY,
        numpy.array([one.euros for one in DRUGS])[what % len(DRUGS)],
        numpy.where(nature == _CONSULTATION, _EUROS[_CONSULTATION], _EUROS[_BIOLOGY]),
    )
    yield Seen(
        "ER_PRS_F",
        table_of(
            BEN_NAI_ANN=pyarrow.array(register.months(people.born[who])[0]),
            BEN_NIR_PSA=texts(held.psa[owner]),
            BEN_RNG_GEM=pyarrow.array(held.rank[owner]),
            BEN_RES_DPT=_departments(people.home[who]),
            BEN_SEX_COD=pyarrow.array(people.female[who] + 1),
            EXE_SOI_DTD=calendar.written(day),
            EXE_SOI_DTF=calendar.written(day),
            PRE_PRE_DTD=calendar.written(batch.day[row]),
            BSE_REM_MNT=pyarrow.array(numpy.round(euros * 0.65, 2)),
            PRS_ACT_QTE=pyarrow.array(numpy.ones(len(row), dtype=numpy.int64)),
            PRS_PAI_MNT=pyarrow.array(euros),
            PRS_NAT_REF=pyarrow.array(nature),
            PFS_EXE_NUM=pyarrow.array(100_000 + (who * 31 + nature) % 4_000),
            PSE_SPE_COD=pyarrow.array(numpy.where(nature == _CONSULTATION, 1, 0)),
            **keys,
        ),
        people.born[who],
    )
    yield from _details(people, keys, nature, what, people.born[who])


def _details(people: People, keys: dict[str, pyarrow.Array], nature: Whole, what: Whole, born: Whole) -> Iterator[Seen]:
    boxes = numpy.flatnonzero(nature == _PHARMACY)
    yield Seen(
        "ER_PHA_F",
        table_of(
            PHA_ACT_QSN=pyarrow.array(numpy.ones(len(boxes), dtype=numpy.int64)),
            PHA_PRS_C13=looked_up([one.cip for one in DRUGS], what[boxes]),
            **_taken(keys, boxes),
        ),
        born[boxes],
    )
    tests = numpy.flatnonzero(nature == _BIOLOGY)
    yield Seen(
        "ER_BIO_F",
        table_of(
            BIO_ACT_QSN=pyarrow.array(numpy.ones(len(tests), dtype=numpy.int64)),
            BIO_PRS_IDE=looked_up([one.nabm for one in MEASURES], what[tests]),
            **_taken(keys, tests),
        ),
        born[tests],
    )


def stay_rows(people: People, lives: Lives, batch: Batch, hospital: Whole, held: Beneficiaries) -> Iterator[Seen]:
    """Stays in wards, as hospitals report them for payment: T_MCOaaB, C, D and A. `hospital`: of each of the batch."""
    seen = lives.encounters
    who = seen.person[batch.at]
    leaves = batch.day + seen.stay[batch.at]
    owner = held.row_of(who, batch.serial)
    stay = {
        "ETA_NUM": pyarrow.array(_FINESS + hospital),
        "RSA_NUM": pyarrow.array(people.block * 100_000 + batch.serial),
    }
    year = register.months(leaves)[0]
    died = leaves >= people.died[who]
    yield Seen(
        "T_MCOaaB",
        table_of(
            AGE_ANN=pyarrow.array(numpy.maximum(0, years_between(people.born[who], batch.day))),
            COD_SEX=pyarrow.array(people.female[who] + 1),
            DGN_PAL=looked_up([*(one.cim for one in CONDITIONS), "Z768"], seen.condition[batch.at]),
            ENT_MOD=same("8", len(who)),
            SEJ_NBJ=pyarrow.array(seen.stay[batch.at]),
            SOR_ANN=pyarrow.array(year),
            SOR_MOD=pyarrow.array(numpy.where(died, "9", "8")),
            SOR_MOI=calendar.written(leaves, calendar.MONTH_ALONE),
            **stay,
        ),
        people.born[who],
    )
    yield Seen(
        "T_MCOaaC",
        table_of(
            ENT_DAT=calendar.written(batch.day, calendar.COMPACT),
            EXE_SOI_DTD=calendar.written(batch.day, calendar.SAS),
            EXE_SOI_DTF=calendar.written(leaves, calendar.SAS),
            NIR_ANO_17=texts(held.psa[owner]),
            NIR_RET=same("0", len(who)),
            RNG_BEN=pyarrow.array(held.rank[owner]),
            SEJ_NUM=pyarrow.array(batch.day % 100_000),
            SOR_ANN=pyarrow.array(year),
            SOR_DAT=calendar.written(leaves, calendar.COMPACT),
            SOR_MOI=calendar.written(leaves, calendar.MONTH_ALONE),
            **stay,
        ),
        people.born[who],
    )
    row, disease = numpy.nonzero(lives.chronic[who] <= batch.day[:, None])
    associated = numpy.array([one.condition for one in CHRONIC])[disease]
    yield Seen(
        "T_MCOaaD",
        table_of(ASS_DGN=looked_up([one.cim for one in CONDITIONS], associated), **_taken(stay, row)),
        people.born[who][row],
    )
    row, at = belonging(lives.acts, batch)
    yield Seen(
        "T_MCOaaA",
        table_of(
            ACV_ACT=same("1", len(row)),
            CDC_ACT=looked_up([one.ccam for one in ACTS], lives.acts.what[at]),
            ENT_DAT_DEL=pyarrow.array(numpy.minimum(1, seen.stay[batch.at][row])),
            NBR_EXE_ACT=pyarrow.array(numpy.ones(len(row), dtype=numpy.int64)),
            **_taken(stay, row),
        ),
        people.born[who][row],
    )


def drug_list() -> pyarrow.Table:
    """IR_PHA_R: what the drug codes mean."""
    return pyarrow.table(
        {
            "PHA_CIP_C13": [one.cip for one in DRUGS],
            "PHA_PRS_IDE": [one.cip[5:12] for one in DRUGS],
            "PHA_MED_NOM": [one.text.upper() for one in DRUGS],
            "PHA_ATC_C07": [one.atc for one in DRUGS],
        }
    )


def stay_key(hospital: int, block: int, serial: int) -> str:
    """ETA_NUM and RSA_NUM of a stay."""
    return f"{_FINESS + hospital}/{block * 100_000 + serial}"


def payment_key(block: int, serial: int) -> str:
    """DCT_ORD_NUM, FLX_EMT_NUM and FLX_EMT_ORD of all that was paid together."""
    return f"{serial}/{block // 10_000}/{block % 10_000}"


def _keys(people: People, serial: Whole, rank: Whole, day: Whole) -> dict[str, pyarrow.Array]:
    count = len(serial)
    paid = calendar.written(day + 9)
    return {
        "DCT_ORD_NUM": pyarrow.array(serial),
        "FLX_DIS_DTD": calendar.written(day + 40),
        "FLX_EMT_NUM": pyarrow.array(numpy.full(count, people.block // 10_000)),
        "FLX_EMT_ORD": pyarrow.array(numpy.full(count, people.block % 10_000)),
        "FLX_EMT_TYP": same("1", count),
        "FLX_TRT_DTD": paid,
        "ORG_CLE_NUM": same("01C990000", count),
        "PRS_ORD_NUM": pyarrow.array(rank),
        "REM_TYP_AFF": same("0", count),
    }


def _taken(columns: dict[str, pyarrow.Array], rows: Whole) -> dict[str, pyarrow.Array]:
    at = pyarrow.array(rows)
    return {name: column.take(at) for name, column in columns.items()}


def _psa(asked: Asked, people: People, insured: Whole, person: Whole) -> Strings:
    """17 characters that stand for the insured, the birth and the sex."""
    year, month = register.months(people.born[person])
    birth = ((year * 12 + month) * 2 + people.female[person]).astype(numpy.uint64)
    return _mixed(asked, "SYNT", (people.first + insured).astype(numpy.uint64) ^ (birth << numpy.uint64(36)))


def _mixed(asked: Asked, head: str, words: numpy.typing.NDArray[numpy.uint64]) -> Strings:
    """17 characters for each word, unlike for unlike words, and mixed so that they say nothing."""
    words = words * numpy.uint64(0x9E3779B97F4A7C15) + numpy.uint64(asked.seed % 2**32 * 0xD1B54A32D192ED03 % 2**64)
    for shift in (30, 27, 31):
        words = (words ^ (words >> numpy.uint64(shift))) * numpy.uint64(0xBF58476D1CE4E5B9)
    made = numpy.empty(len(words), dtype=object)
    made[:] = [head + "".join([_ALPHABET[word >> at & 31] for at in range(0, 65, 5)]) for word in words.tolist()]
    return made


def _gemellary_rank(people: People) -> Whole:
    """2 for the second of two of one sex, else 1: who differs by sex needs no rank."""
    second = people.birth_rank == 2
    rank = numpy.ones(len(people), dtype=numpy.int64)
    alike = second & (people.female == people.female[numpy.maximum(people.twin_of, 0)])
    rank[alike] = 2
    return rank


def _departments(home: Whole) -> pyarrow.Array:
    codes = [places.CODES[department * places.COMMUNES][:2] for department in range(places.DEPARTMENTS)]
    return looked_up([f"0{code}" for code in codes], home)
