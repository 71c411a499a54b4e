"""The sources that there are, by name."""

from collections.abc import Mapping
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.warehouse.omop.source import Source
from nexus.warehouse.omop.sources.fhir import FHIR
from nexus.warehouse.omop.sources.mimic import MIMIC
from nexus.warehouse.omop.sources.snds import SNDS
from nexus.warehouse.omop.sources.synthea import SYNTHEA

SOURCES: Final[Mapping[str, Source]] = {source.name: source for source in (SYNTHEA, MIMIC, SNDS, FHIR)}


def source_named(name: str) -> Source:
    """Raises Invalid if there is none."""
    if name not in SOURCES:
        raise Invalid(f"there is no source {name}", code="omop.source", hint=f"sources: {', '.join(SOURCES)}")
    return SOURCES[name]
