"""Names of the files that a conversion keeps beside its CDM, for whoever reads them without the engine."""

from pathlib import Path
from typing import Final

REPORT: Final = "conversion.json"
QUALITY: Final = "quality.json"


def quality_of_now(folder: Path) -> Path | None:
    """The kept run of the quality gate in the folder of a conversion, if it is of what the folder holds now."""
    kept, report = folder / QUALITY, folder / REPORT
    if not kept.exists() or (report.exists() and kept.stat().st_mtime_ns < report.stat().st_mtime_ns):
        return None
    return kept
