"""What a small world delivers: two hospitals and the claims base, in folders, as intake would have accepted them."""

import csv
import hashlib
from datetime import date
from pathlib import Path

from nexus.pseudonyms.messages import NirGiven, read
from nexus.pseudonyms.notation import Domain, Writing
from nexus.warehouse.building.forms import form_of
from nexus.warehouse.building.model import Extract, File
from nexus.warehouse.generator import agreements
from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.intake.agreement import Agreement
from nexus.warehouse.intake.manifest import FileSaid

UNTIL = date(2026, 10, 31)


def world(into: Path, *, people: int = 160, seed: int = 7) -> dict[str, Path]:
    """The folder of each provider's first delivery; the truth lies in `truth/`. Files are called like their tables."""
    generate(Asked(people, hospitals=2, seed=seed), into)
    folders = {name: into / name / "delivery-1" for name in ("hospital-1", "hospital-2", "snds")}
    for folder in folders.values():
        for path in folder.iterdir():
            path.rename(path.with_name(path.name.lower()))
    return folders


def agreed(folder: Path) -> Agreement:
    """What is agreed about the files of a folder: identifiers declared where they stand."""
    return agreements.agreed(folder, fresh_days=1_000, unusable_percent=1)


def extract(provider: str, folder: Path, number: int = 1, *changes: Path) -> Extract:
    """A delivery as a build reads it, with the changes since, under the numbers that follow. Keys of its files are their paths."""
    agreement = agreed(folder)
    form = form_of(provider, agreement)
    files, whole = [], hashlib.sha256()
    for link, delivered in enumerate([folder, *changes]):
        for count, path in enumerate(sorted(delivered.glob("*.csv")), 1):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            whole.update(digest.encode())
            rows = content.count(b"\n") - 1
            said = FileSaid(name=path.name, table=path.stem, sha256=digest, bytes=len(content), rows=rows)
            table = agreement.table(path.stem)
            files.append(File(count, said, str(path), "1", table, form.tables(table), link))
    chain = tuple(range(number, number + 1 + len(changes))) if changes else ()
    last, content = number + len(changes), whole.hexdigest()
    return Extract(provider, provider, f"{provider}-in", last, content, UNTIL, form, tuple(files), chain)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Folders:
    """The port `Contents`, over folders. `read`: which files were read, in order."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def stream(self, extract, file):
        self.read.append(file.key)
        content = Path(file.key).read_bytes()
        yield from (content[at : at + 9_973] for at in range(0, len(content), 9_973))

    def anywhere(self, extract, file):
        self.read.append(file.key)
        return Path(file.key).open("rb")


class Register:
    """The port `Pseudonyms`: the same for the same identity. `asked`: every identity that it was asked about."""

    def __init__(self, domain: str = "WAREHOUSE") -> None:
        self.writing = Writing(Domain(domain, 1))
        self.asked: list[object] = []

    def of(self, people):
        self.asked += people
        return [self.writing.write(hashlib.sha256(_canonical(one)).digest()[:20]) for one in people]


def _canonical(one) -> bytes:
    return read(one).canonical() if not isinstance(one, NirGiven) else one.text[:13].encode()


class Patients:
    """The port `Decisions`: subjects by (site, reference), and who refuses."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], str] = {}
        self.refuses: set[str] = set()

    def state(self):
        return f"{len(self.known)}.{len(self.refuses)}"

    def subjects(self, site, references):
        return {one: self.known[site, one] for one in references if (site, one) in self.known}

    def refusing(self, subjects):
        return self.refuses & set(subjects)
