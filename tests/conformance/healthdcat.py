"""Our public catalogue beside the SHACL shapes of HealthDCAT-AP and DCAT-AP, which you bring: nothing of them is kept here.

    .venv/bin/python tests/conformance/healthdcat.py --pyshacl PATH/TO/pyshacl healthdcat-ap.ttl dcat-ap.ttl

Each file is tried alone, its imports left out: it lies beside the others. Then the negative control: without one mandatory property after
the other, the dataset must conform no longer to one of them; what only Nexus demands is named. Exit code 1 if the catalogue does not conform.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rdflib import Graph, URIRef

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from nexus.warehouse.catalogue import graph, profile, turtle  # noqa: E402
from nexus.warehouse.catalogue.rdf import expand  # noqa: E402
from nexus.warehouse.catalogue.record import Party  # noqa: E402
from simulators.catalogue import ADDRESS, example  # noqa: E402


def conforms(pyshacl: str, shapes: Path, data: str, work: Path) -> bool:
    """Whether a validator finds no violation."""
    path = work / "data.ttl"
    path.write_text(data, encoding="utf-8")
    done = subprocess.run([pyshacl, "-s", str(shapes), str(path)], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{pyshacl} cannot read {shapes.name}: {done.stdout or done.stderr}")
    return done.returncode == 0


def alone(shapes: Path, work: Path) -> Path:
    """The same shapes without `owl:imports`, which would be fetched."""
    path = work / shapes.name
    kept = (line for line in shapes.read_text(encoding="utf-8").splitlines() if "owl:imports" not in line)
    path.write_text("\n".join(kept), encoding="utf-8")
    return path


def without(term: str) -> str:
    """A dataset without a property of its own."""
    found = Graph().parse(data=turtle.write([graph.dataset(example())]), format="turtle")
    found.remove((URIRef(f"{ADDRESS}/catalogue/diabetes"), URIRef(expand(term)), None))
    return found.serialize(format="turtle")


def main(arguments: Sequence[str] | None = None) -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--pyshacl", default="pyshacl")
    asked.add_argument("shapes", type=Path, nargs="+")
    chosen = asked.parse_args(arguments)
    holder = Party(name="CHU", contact="mailto:a@b.example")
    whole = turtle.write(graph.catalogue([example("a-study"), example("b-study")], f"{ADDRESS}/catalogue", holder))
    with tempfile.TemporaryDirectory() as temporary:
        work, failed = Path(temporary), False
        every = [alone(shapes, work) for shapes in chosen.shapes]
        for shapes in every:
            good = conforms(chosen.pyshacl, shapes, whole, work)
            failed |= not good
            print(f"{'conforms to' if good else 'DOES NOT CONFORM to'} {shapes.name}")
        for rule in profile.RULES["dcat:Dataset"]:
            if rule.least:
                broken = without(rule.term)
                seen = [shapes.name for shapes in every if not conforms(chosen.pyshacl, shapes, broken, work)]
                print(f"without {rule.term}: {'refused by ' + ', '.join(seen) if seen else 'only Nexus demands it'}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
