"""Migrations: each service counts its own, one after the other, and no number is taken twice."""

from collections import defaultdict

import pytest

from nexus.app.schema import MIGRATIONS as PLATFORM
from nexus.kms.migrations import MIGRATIONS as KMS


def versions(migrations):
    found = defaultdict(list)
    for step in migrations:
        found[step.service].append(step.version)
    return found


@pytest.mark.parametrize("migrations", [PLATFORM, KMS], ids=["platform", "kms"])
def test_the_steps_of_a_service_are_numbered_from_one_without_a_gap(migrations):
    """Two steps of one number would both run on a new database, and the second never on an existing one."""
    for service, found in versions(migrations).items():
        assert found == list(range(1, len(found) + 1)), service
