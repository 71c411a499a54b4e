"""What a data steward says of a dataset: only what nothing else knows."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from nexus.projects.model import LegalBasis, StudyPurpose

DAY = "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"
Title = Annotated[str, Meta(min_length=3, max_length=200)]
Text = Annotated[str, Meta(min_length=10, max_length=4_000)]
Optional = Annotated[str, Meta(max_length=1_000)]
Keyword = Annotated[str, Meta(min_length=2, max_length=60)]
Theme = Annotated[str, Meta(pattern="^Q[1-9][0-9]{0,10}$", examples=["Q12206"])]
Day = Annotated[str, Meta(pattern=DAY)]
Age = Annotated[int, Meta(ge=-1, le=120)]


class HealthCategory(StrEnum):
    """Kinds of electronic health data that are made available for secondary use (EHDS art. 51)."""

    EHR = "ehr"
    HEALTH_DETERMINANTS = "health-determinants"
    HEALTHCARE_RESOURCES = "healthcare-resources"
    PATHOGEN = "pathogen"
    ADMIN_CLAIMS = "admin-claims"
    GENOMIC = "genomic"
    MOLECULAR = "molecular"
    MEDICAL_DEVICE = "medical-device"
    WELLNESS = "wellness"


class Description(Struct, frozen=True, kw_only=True):
    """It, in both languages."""

    title_fr: str
    title_en: str
    description_fr: str
    description_en: str
    keywords: tuple[str, ...]
    health_categories: tuple[HealthCategory, ...]
    health_themes: tuple[str, ...] = ()
    population_fr: str = ""
    population_en: str = ""
    min_age: int = -1
    max_age: int = -1
    purposes: tuple[StudyPurpose, ...] = ()
    legal_basis: LegalBasis | None = None
    period_from: str = ""
    period_until: str = ""
    retained_until: str = ""
