"""The patient portal with ten years of entries: how long each page takes at the server.

    .venv/bin/python bench/portal.py [--rounds N] [--json]

One patient with 20,000 entries about him, in a log of 80,000 (two hundred reads twice a month, beside those of forty others),
placed by the worker's chore as on a platform that has run. Each page is asked for through the real application and routes, in
process: signed-in session, rights, consent, unsealing of entries, templates, and the entry that says that he looked, durable in
the log. Beside, in the same run: a page that does not exist, which is the same way without anything behind it.

`NEXUS_BENCH_PORTAL` sets the number of entries about the patient.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from harness import Figure, main, percentile

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))

from nexus.audit.placing import Placing  # noqa: E402
from nexus.kernel.clock import DAY  # noqa: E402
from simulators.portal import Hospital, PatientBrowser  # noqa: E402

ENTRIES = int(os.environ.get("NEXUS_BENCH_PORTAL", "20000"))
AT_ONCE, BESIDE = 200, 600
"""Reads of the patient's data, and of others', between two steps of the clock."""
OTHERS = 40
ASKED = 20
"""Requests of each page in a round."""
TARGET = "at most 200"
PAGES = {
    "the first page, with the objection switch": "/",
    "who used my data": "/acces",
    "who used my data, the refused ones": "/acces?periode=&resultat=denied",
    "who used my data, for teaching": "/acces?periode=&pour=education",
    "one entry, to be checked": "",
    "my choices": "/choix",
    "what is held about me": "/donnees",
    "my requests": "/demandes",
    "my account": "/compte",
    "notices by mail": "/compte/courriel",
}


async def _fill(hospital: Hospital, subject: str) -> None:
    others = [await hospital.subject() for _ in range(OTHERS)]
    for step in range(max(1, ENTRIES // AT_ONCE)):
        hospital.clock.advance(DAY // 2)
        await hospital.reads(subject, AT_ONCE)
        await hospital.reads(others[step % OTHERS], BESIDE)
    placing = Placing(hospital.db)
    while await placing.advance():
        pass


async def _asked(browser: PatientBrowser, path: str, rounds: int) -> list[float]:
    await browser.get(path)
    took = []
    for _ in range(ASKED * rounds):
        start = time.perf_counter()
        await browser.get(path)
        took.append((time.perf_counter() - start) * 1_000)
    return took


async def _measure(rounds: int) -> list[Figure]:
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        hospital = await Hospital(Path(folder)).open()
        try:
            subject, browser = await hospital.patient()
            await _fill(hospital, subject)
            await browser.sign_in(browser.human)
            await hospital.publish()
            entry = (await browser.get("/acces")).text.partition('href="/acces/')[2].partition('"')[0]
            nothing = await _asked(browser, "/nothing-here", rounds)
            figures.append(_figure("a page that does not exist", nothing, target=""))
            for what, path in PAGES.items():
                figures.append(_figure(what, await _asked(browser, path or f"/acces/{entry}", rounds)))
        finally:
            hospital.close()
    return figures


def _figure(what: str, took: list[float], *, target: str = TARGET) -> Figure:
    note = f"p99 {percentile(took, 99):.1f} ms"
    return Figure(what, percentile(took, 50), "ms", min(took), max(took), target=target, note=note)


def measure(rounds: int) -> Iterable[Figure]:
    """Every page, median and p99."""
    return asyncio.run(_measure(rounds))


if __name__ == "__main__":
    main(measure)
