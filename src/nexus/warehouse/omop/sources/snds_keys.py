"""SNDS: who a row is about, and which claim's line or stay it belongs to."""

from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.delivery import MARK
from nexus.warehouse.omop.parsing import snds_day
from nexus.warehouse.omop.source import Inputs

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


def own_name(rows: ir.Table) -> ir.StringValue:
    """What a row of the beneficiaries calls its person."""
    made = NOBODY + rows.ben_nir_psa + "/" + ibis.coalesce(rows.ben_rng_gem, "1")
    return ibis.coalesce(rows.ben_idt_ano, made)


def insured(rows: ir.Table, inputs: Inputs) -> ir.Table:
    """Rows of DCIR with `person`: by number of insurance and twin's rank. A person may have several of them."""
    beneficiaries = inputs.whole("ir_ben_r")
    names = beneficiaries.mutate(_name=own_name(beneficiaries), _rank=ibis.coalesce(beneficiaries.ben_rng_gem, "1"))
    names = names.group_by(["ben_nir_psa", "_rank"]).aggregate(_name=names._name.min())
    names = names.select(_nir="ben_nir_psa", _rank="_rank", person="_name")
    rank = ibis.coalesce(rows.ben_rng_gem, "1")
    joined = rows.left_join(names, [rows.ben_nir_psa == names._nir, rank == names._rank])
    known = ibis.coalesce(joined.person, NOBODY + joined.ben_nir_psa + "/" + ibis.coalesce(joined.ben_rng_gem, "1"))
    return joined.mutate(person=known).drop("_nir", "_rank")


def of_claim(inputs: Inputs) -> ir.Table:
    """The driver's rows, each with who, when and by whom from its line in ER_PRS_F."""
    rows = inputs.driver()
    lines = inputs.whole("er_prs_f")
    lines = insured(lines, inputs).select(
        *(lines[name].name(f"_{name}") for name in LINE_KEY), "person", "ben_nir_psa", "ben_rng_gem", "exe_soi_dtd",
        "exe_soi_dtf", "pfs_exe_num",
    )  # fmt: skip
    lines = lines.distinct(on=[f"_{name}" for name in LINE_KEY], keep="first")
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


def stays_of(inputs: Inputs) -> ir.Table:
    """Who, when, where of each stay."""
    links = inputs.whole("t_mcoaac")
    beneficiaries = inputs.whole("ir_ben_r")
    names = (
        beneficiaries.mutate(_name=own_name(beneficiaries))
        .group_by("ben_nir_psa")
        .aggregate(_name=lambda t: t._name.min())
    )
    links = links.left_join(names, links.nir_ano_17 == names.ben_nir_psa)
    links = links.mutate(person=ibis.coalesce(links._name, NOBODY + links.nir_ano_17 + "/1"), stay=stay_name(links))
    return links.select("stay", "person", "exe_soi_dtd", "exe_soi_dtf", "eta_num").distinct(on="stay", keep="first")


def of_stay(inputs: Inputs) -> ir.Table:
    """The driver's rows, each with who and when from its stay, and `start`, a day."""
    rows = inputs.driver()
    rows = rows.mutate(_stay=stay_name(rows))
    stays = stays_of(inputs).drop("eta_num")
    joined = rows.left_join(stays, rows._stay == stays.stay).drop("stay").rename(stay="_stay")
    return joined.mutate(start=snds_day(joined.exe_soi_dtd), end=snds_day(joined.exe_soi_dtf))
