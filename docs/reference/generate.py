"""Writes the generated pages of this folder: `make reference`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "architecture"), str(ROOT / "tests")]

import asvs  # noqa: E402
import attacks  # noqa: E402
import reference_pages  # noqa: E402
import traceability  # noqa: E402

from nexus.iam import matrix  # noqa: E402

for path, text in reference_pages.pages().items():
    path.write_text(text)
asvs.PAGE.write_text(asvs.page(asvs.lines()))
attacks.PAGE.write_text(attacks.page(attacks.attacks()))
matrix.write(ROOT)  # the matrix is read by eye: look at what changed in it before you commit
if requirements := traceability.catalogue():
    traceability.PAGE.write_text(traceability.page(requirements, traceability.citations()))
