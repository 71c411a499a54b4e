"""Intake: precision and recall of the scanner on planted text, and how fast files are checked beside a bare read.

.venv/bin/python bench/intake_scanner.py [ROWS]
"""

import csv
import hashlib
import io
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / "tests"), str(Path(__file__).parent.parent / "tests" / "unit")]

from test_intake_scanner import measured  # noqa: E402

from simulators.extracts import checked, many, rows_as_csv  # noqa: E402


def main(rows: int) -> None:
    """Print both."""
    for seed in (11, 12, 13):
        precision, recall, missed = measured(seed, 3_000)
        print(f"seed {seed}: precision {precision:.3f}, recall {recall:.3f}, missed {dict(missed)}")
    content = rows_as_csv(
        *many(rows, note="douleur thoracique depuis deux heures, ECG normal, surveillance simple au box 4")
    )
    limit = _timed(
        lambda: (hashlib.sha256(content), sum(1 for _ in csv.reader(io.StringIO(content.decode()), delimiter=";")))
    )
    taken = _timed(lambda: checked(content, rows, piece=1 << 18))
    megabytes = len(content) / 1e6
    print(
        f"{rows:,} rows of {len(content) // rows} bytes, ten columns: checked and scanned at {rows / taken:,.0f} rows/s, {megabytes / taken:.1f} MB/s"
        f" of processor time; SHA-256 and csv.reader alone {megabytes / limit:.1f} MB/s ({taken / limit:.1f} times)"
    )


def _timed(work) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
