"""SNDS: the French claims base. DCIR (reimbursed care), PMSI MCO (stays in hospital), causes of death.

Column and table names are the agencies' own. A person is one BEN_IDT_ANO; where it is missing, one BEN_NIR_PSA with its twin
rank. Lines of DCIR are joined by the nine columns that tell a claim's line apart; only ER_PRS_F and T_MCOaaC say whose a line or a stay is.
"""

from nexus.warehouse.omop.delivery import MARK
from nexus.warehouse.omop.source import Coded, Direct, Source, SourceTable
from nexus.warehouse.omop.sources import snds_events as events
from nexus.warehouse.omop.sources import snds_records as records
from nexus.warehouse.omop.sources.snds_keys import BENEFICIARY, CAUSE, CLAIM, INSURED, LINE_KEY, PATIENT, STAY

_STAY = ("eta_num", "rsa_num")
_PAYMENT = ("dct_ord_num", "flx_emt_num", "flx_emt_ord")
_IN_PAYMENT, _IN_STAY = ("er_prs_f", _PAYMENT), ("t_mcoaab", _STAY)
SNDS = Source(
    name="snds",
    title="SNDS: DCIR, PMSI MCO, causes de décès",
    tables=(
        SourceTable(
            "ir_ben_r",
            ("ben_nir_psa", "ben_rng_gem", "ben_nai_ann", "ben_sex_cod"),
            ("ben_idt_ano", "ben_nai_moi", "ben_dcd_dte", "ben_res_dpt", "ben_res_com"),
            row=("ben_nir_psa", "ben_rng_gem"),
            ties=BENEFICIARY,
        ),
        SourceTable("ki_cci_r", ("ben_idt_ano", "dcd_cim_cod"), ("ben_dcd_dte",), row=("ben_idt_ano",), ties=(CAUSE,)),
        SourceTable(
            "er_prs_f",
            (*LINE_KEY, "ben_nir_psa", "ben_rng_gem", "exe_soi_dtd"),
            ("exe_soi_dtf", "pfs_exe_num", "pse_spe_cod", "prs_nat_ref", "bse_prs_nat", "prs_act_qte"),
            row=_PAYMENT,
            ties=(INSURED, CLAIM),
        ),
        SourceTable(
            "er_pha_f", (*LINE_KEY, "pha_prs_c13"), ("pha_act_qsn", "pha_ord_num"), within=_IN_PAYMENT, ties=(CLAIM,)
        ),
        SourceTable(
            "er_ucd_f", (*LINE_KEY, "ucd_ucd_cod"), ("ucd_dlv_nbr", "ucd_ord_num"), within=_IN_PAYMENT, ties=(CLAIM,)
        ),
        SourceTable(
            "er_cam_f", (*LINE_KEY, "cam_prs_ide"), ("cam_ord_num", "cam_act_cod"), within=_IN_PAYMENT, ties=(CLAIM,)
        ),
        SourceTable(
            "er_bio_f", (*LINE_KEY, "bio_prs_ide"), ("bio_act_qsn", "bio_ord_num"), within=_IN_PAYMENT, ties=(CLAIM,)
        ),
        SourceTable(
            "er_tip_f",
            (*LINE_KEY, "tip_prs_ide"),
            ("tip_act_qsn", "tip_ord_num", "tip_acl_dtd", "tip_acl_dtf"),
            within=_IN_PAYMENT,
            ties=(CLAIM,),
        ),
        SourceTable(
            "t_mcoaac",
            (*_STAY, "nir_ano_17", "exe_soi_dtd"),
            ("exe_soi_dtf", "rng_ben", "nir_ret", "sej_num", MARK),
            files=("t_mco??c",),
            within=_IN_STAY,
            ties=(PATIENT, STAY),
        ),
        SourceTable(
            "t_mcoaab",
            (*_STAY, "dgn_pal"),
            ("dgn_rel", "ent_mod", "sor_mod", MARK),
            files=("t_mco??b",),
            row=_STAY,
            ties=(STAY,),
        ),
        SourceTable(
            "t_mcoaad", (*_STAY, "ass_dgn"), ("dgn_ass_num", MARK), files=("t_mco??d",), within=_IN_STAY, ties=(STAY,)
        ),
        SourceTable(
            "t_mcoaaa",
            (*_STAY, "cdc_act"),
            ("ent_dat_del", "acv_act", "pha_act", "rum_seq", MARK),
            files=("t_mco??a",),
            within=_IN_STAY,
            ties=(STAY,),
        ),
        SourceTable(
            "t_mcoaamed",
            (*_STAY, "ucd_ucd_cod"),
            ("adm_nbr", "delai", MARK),
            files=("t_mco??med",),
            within=_IN_STAY,
            ties=(STAY,),
        ),
    ),
    mappings=(
        Direct("location", "ir_ben_r", records.locations, by_piece=False),
        Direct("person", "ir_ben_r", records.persons, by_piece=False),
        Direct("death", "ir_ben_r", records.deaths, by_piece=False),
        Direct("provider", "er_prs_f", records.providers, by_piece=False),
        Direct("care_site", "t_mcoaac", records.hospitals, by_piece=False),
        Direct("visit_occurrence", "er_prs_f", records.care, by_piece=False),
        Direct("visit_occurrence", "t_mcoaac", records.stays),
        Coded("er_pha_f", "Drug", events.pharmacy),
        Coded("er_ucd_f", "Drug", events.hospital_drugs),
        Coded("er_cam_f", "Procedure", events.acts),
        Coded("er_bio_f", "Measurement", events.biology),
        Coded("er_tip_f", "Device", events.devices),
        Coded("t_mcoaab", "Condition", events.main_diagnoses, part="dp"),
        Coded("t_mcoaab", "Condition", events.related_diagnoses, part="dr"),
        Coded("t_mcoaad", "Condition", events.other_diagnoses),
        Coded("t_mcoaaa", "Procedure", events.stay_acts),
        Coded("t_mcoaamed", "Drug", events.stay_drugs),
    ),
    vocabularies=("CIM10", "CCAM", "NABM", "CIP", "UCD", "LPP"),
    period_type=32810,
)
