"""SNDS: who a row is about, and which claim's line or stay it belongs to."""

import functools
import operator
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.delivery import MARK
from nexus.warehouse.omop.keys import together
from nexus.warehouse.omop.parsing import snds_day
from nexus.warehouse.omop.source import Inputs
from nexus.warehouse.omop.ties import PERSON, Tie, column

LINE_KEY: Final = (
    "dct_ord_num",
    "flx_dis_dtd",
    "flx_emt_num",
    "flx_emt_ord",
    "flx_emt_typ",
    "flx_trt_dtd",
    "org_cle_num",
    "prs_ord_num",
    "rem_typ_aff",
)
"""What tells a line of a claim apart, in every table of DCIR."""
NOBODY: Final = "N"
"""Before a name that is made of a number of insurance and a twin's rank, where there is no identifier of the person."""
_FIRST: Final = "1"
"""A twin's rank where none is told."""


def insured_name(number: ir.StringValue, rank: ir.StringValue | None = None) -> ir.StringValue:
    """What a person is called by a number of insurance: of the twins who share it, one."""
    return NOBODY + number + "/" + (ibis.literal(_FIRST) if rank is None else ibis.coalesce(rank, _FIRST))


def own_name(rows: ir.Table) -> ir.StringValue:
    """What a row of the beneficiaries calls its person."""
    return ibis.coalesce(rows.ben_idt_ano, insured_name(rows.ben_nir_psa, rows.ben_rng_gem))


def _line_name(rows: ir.Table) -> ir.StringValue:
    """A claim's line as one text; NULL where a part is missing: then it is the line of no other row."""
    missing = functools.reduce(operator.or_, (rows[name].isnull() for name in LINE_KEY))
    return ibis.ifelse(missing, ibis.null("string"), together(*(rows[name] for name in LINE_KEY)))


INSURED: Final = Tie(PERSON, lambda rows: insured_name(rows.ben_nir_psa, rows.ben_rng_gem))
PATIENT: Final = Tie(PERSON, lambda rows: insured_name(rows.nir_ano_17))
"""A stay says a number of insurance, and not which of the twins."""
CAUSE: Final = column("ben_idt_ano")
BENEFICIARY: Final = (Tie(PERSON, own_name), INSURED, Tie(PERSON, lambda rows: insured_name(rows.ben_nir_psa)))
CLAIM: Final = Tie("claim", _line_name)


def insured(rows: ir.Table, inputs: Inputs) -> ir.Table:
    """Rows of DCIR with `person`: by number of insurance and twin's rank. A person may have several of them."""
    beneficiaries = inputs.whole("ir_ben_r")
    names = beneficiaries.mutate(_name=own_name(beneficiaries), _rank=ibis.coalesce(beneficiaries.ben_rng_gem, _FIRST))
    names = names.group_by(["ben_nir_psa", "_rank"]).aggregate(_name=names._name.min())
    names = names.select(_nir="ben_nir_psa", _rank="_rank", person="_name")
    rank = ibis.coalesce(rows.ben_rng_gem, _FIRST)
    joined = rows.left_join(names, [rows.ben_nir_psa == names._nir, rank == names._rank])
    known = ibis.coalesce(joined.person, insured_name(joined.ben_nir_psa, joined.ben_rng_gem))
    return joined.mutate(person=known).drop("_nir", "_rank")


def of_claim(inputs: Inputs) -> ir.Table:
    """The driver's rows, each with who, when and by whom from its line in ER_PRS_F; of a line that is told twice, the least of each."""
    rows = inputs.driver()
    lines = inputs.whole("er_prs_f").semi_join(rows, LINE_KEY)  # most lines of ER_PRS_F are of no row here
    lines = insured(lines, inputs)
    lines = lines.group_by([lines[name].name(f"_{name}") for name in LINE_KEY]).aggregate(
        person=lines.person.min(), exe_soi_dtd=lines.exe_soi_dtd.min(), pfs_exe_num=lines.pfs_exe_num.min()
    )
    return rows.left_join(lines, [rows[name] == lines[f"_{name}"] for name in LINE_KEY]).drop(
        *(f"_{name}" for name in LINE_KEY)
    )


def care_parts(rows: ir.Table) -> tuple[ir.StringValue, ...]:
    """One contact: a person, one day, one professional."""
    return rows.person, rows.exe_soi_dtd, ibis.coalesce(rows.pfs_exe_num, "")


def care_name(rows: ir.Table) -> ir.StringValue:
    """A contact as one text."""
    person, day, by = care_parts(rows)
    return "dcir/" + person + "/" + day + "/" + by


def stay_name(rows: ir.Table) -> ir.StringValue:
    """A stay: hospital, number, and the year in the file's name, since numbers begin anew each year."""
    return "mco/" + ibis.coalesce(rows[MARK], "") + "/" + rows.eta_num + "/" + rows.rsa_num


STAY: Final = Tie("stay", stay_name)


def hospitalised(rows: ir.Table, inputs: Inputs) -> ir.Table:
    """Rows of T_MCOaaC with `person`, by number of insurance, and `stay`."""
    beneficiaries = inputs.whole("ir_ben_r")
    names = beneficiaries.mutate(_name=own_name(beneficiaries)).group_by("ben_nir_psa")
    names = names.aggregate(_name=lambda t: t._name.min()).select(_nir="ben_nir_psa", _name="_name")
    joined = rows.left_join(names, rows.nir_ano_17 == names._nir)
    known = ibis.coalesce(joined._name, insured_name(joined.nir_ano_17))
    return joined.mutate(person=known, stay=stay_name(joined)).drop("_nir", "_name")


def stays_of(inputs: Inputs) -> ir.Table:
    """Who and when of each stay; of one that is told twice, the least of each."""
    links = hospitalised(inputs.whole("t_mcoaac"), inputs)
    return links.group_by("stay").aggregate(
        person=links.person.min(), exe_soi_dtd=links.exe_soi_dtd.min(), exe_soi_dtf=links.exe_soi_dtf.min()
    )


def of_stay(inputs: Inputs) -> ir.Table:
    """The driver's rows, each with who and when from its stay, and `start`, a day."""
    rows = inputs.driver()
    rows = rows.mutate(_stay=stay_name(rows))
    stays = stays_of(inputs)
    joined = rows.left_join(stays, rows._stay == stays.stay).drop("stay").rename(stay="_stay")
    return joined.mutate(start=snds_day(joined.exe_soi_dtd), end=snds_day(joined.exe_soi_dtf))
