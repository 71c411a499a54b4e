"""The health data of the demonstration: public DICOM files and a hospital's tabular extract, or a made-up one."""

import csv
import gzip
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.app import settings
from nexus.kernel.errors import NotFound

MAX_IMAGES: Final = 12
MIN_CANARY_CHARS: Final = 7
"""Shorter strings turn up in random bytes by chance."""
MAX_CANARIES_PER_FILE: Final = 4
GENERATED_PATIENTS: Final = 500
SHARED: Final = Path("..") / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Sample:
    """One object to upload, and strings in it that must never be found on the disk."""

    key: str
    body: bytes
    about: str
    canaries: tuple[str, ...]


def load() -> tuple[str, Sequence[Sample]]:
    """Where the data come from, and the samples. Raises NotFound when pydicom is not installed."""
    shared = settings.shared_data_path() or SHARED
    if (shared / "dicom-samples").is_dir():
        images, source = sorted((shared / "dicom-samples").glob("*.dcm")), str(shared)
    else:
        images, source = _pydicoms_own(), "files that pydicom carries, and a generated extract"
    tables = list(_shared_tables(shared)) or [_generated_table()]
    return source, [*(_image(path) for path in images[:MAX_IMAGES]), *tables]


# Images


def _pydicoms_own() -> list[Path]:
    try:
        import pydicom
    except ImportError as error:
        raise _missing("pydicom") from error
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    named = ("CT_small.dcm", "MR_small.dcm", "examples_overlay.dcm", "examples_ybr_color.dcm", "waveform_ecg.dcm")
    return [folder / name for name in named if (folder / name).is_file()]


def _image(path: Path) -> Sample:
    try:
        import pydicom
    except ImportError as error:
        raise _missing("pydicom") from error
    header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    modality = str(header.get("Modality", "OT"))
    texts = [
        str(header.get(name) or "") for name in ("PatientName", "PatientID", "StudyInstanceUID", "InstitutionName")
    ]
    return Sample(
        key=f"imaging/{modality}/{path.name}",
        body=path.read_bytes(),
        about=modality,
        canaries=tuple(text for text in texts if len(text) >= MIN_CANARY_CHARS)[:MAX_CANARIES_PER_FILE],
    )


def _missing(library: str) -> NotFound:
    return NotFound(
        f"the demonstration needs {library}",
        code="demo.missing-library",
        hint="install it with the extra: pip install 'nexus-health[demo]'; `make demo` does",
    )


def require_boto3() -> None:
    """Raises NotFound if boto3 is not installed."""
    try:
        import boto3  # noqa: F401
    except ImportError as error:
        raise _missing("boto3") from error


# Tables


def _shared_tables(shared: Path) -> Iterator[Sample]:
    folder = shared / "synthea109-paired" / "raw"
    if (folder / "patients.csv").is_file():
        yield _table("extract/patients.csv", (folder / "patients.csv").read_bytes(), ("LAST", "SSN"))
    if (folder / "conditions.csv.gz").is_file():
        yield _table("extract/conditions.csv", gzip.decompress((folder / "conditions.csv.gz").read_bytes()), ())


def _generated_table() -> Sample:
    """An extract of patients who never lived."""
    chance = random.Random(2026)  # noqa: S311  # made-up people, no secret
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["PATIENT", "LAST", "SSN", "BIRTHDATE", "CODE"])
    for number in range(GENERATED_PATIENTS):
        name = "".join(chance.choice("BCDFGLMNPRST") + chance.choice("aeiou") for _ in range(4))
        ssn = f"{chance.choice('12')}{chance.randrange(10**12):012}"
        birth = f"{chance.randrange(1930, 2020)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
        rows.writerow([number, name, ssn, birth, chance.choice(["I10", "E11.9", "C50.9", "J45", "F32.1"])])
    return _table("extract/patients.csv", text.getvalue().encode(), ("LAST", "SSN"))


def _table(key: str, body: bytes, columns: tuple[str, ...]) -> Sample:
    lines = list(csv.DictReader(io.StringIO(body.decode())))
    found = [line[column] for line in lines[:MAX_CANARIES_PER_FILE] for column in columns]
    return Sample(
        key=key,
        body=body,
        about=f"{len(lines):,} rows",
        canaries=tuple(text for text in found if len(text) >= MIN_CANARY_CHARS)[:MAX_CANARIES_PER_FILE],
    )
