"""Fixtures that more than one room of tests uses: real platforms, and where the sample data lie."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.app import softhsm
from nexus.app.settings import shared_data_path
from simulators import databases
from simulators.ceph import CephCluster
from simulators.ceph import running as running_ceph
from simulators.installation import Installation
from simulators.postgresql import PostgresServer
from simulators.postgresql import running as running_postgresql

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def platform(tmp_path_factory) -> Iterator[Installation]:
    """A running platform with the software keystore and every door; shared, so leave it running and unsealed."""
    yield from _running(Installation(tmp_path_factory.mktemp("nx"), console_port=0, bastion_port=0))


@pytest.fixture(scope="session")
def hsm_platform(tmp_path_factory) -> Iterator[Installation]:
    """A running platform whose keys live in a SoftHSM token; shared."""
    if not softhsm.available():
        pytest.skip("SoftHSM is not installed (Debian package softhsm2)")
    yield from _running(Installation(tmp_path_factory.mktemp("hsm")), "--provider", "pkcs11")


@pytest.fixture(scope="module")
def own_platform(tmp_path_factory) -> Iterator[Installation]:
    """A running platform for one module of tests, which may do anything to it."""
    yield from _running(Installation(tmp_path_factory.mktemp("own")))


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory) -> Iterator[Installation]:
    """A running platform whose keys are destroyed after a second instead of a week."""
    installation = Installation(tmp_path_factory.mktemp("demo"), demo_destruction_seconds=1)
    yield from _running(installation, "--demonstration")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="what simulated services keep their rows in",
    )


@pytest.fixture(scope="session", autouse=True)
def _chosen_database(request: pytest.FixtureRequest) -> Iterator[None]:
    """`--database postgresql`: whatever opens a database by `simulators.databases` opens one of one server."""
    if request.config.getoption("--database") == "sqlite":
        yield
        return
    databases.choose(request.getfixturevalue("postgresql"))
    yield
    del os.environ[databases.VARIABLE]


@pytest.fixture(scope="module", autouse=True)
def _databases_of_a_module(_chosen_database: None) -> Iterator[None]:
    """What one module of tests has opened is gone when the next one begins."""
    yield
    databases.drop_all()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`--database postgresql` runs what keeps its rows where that option says, and leaves out what would run no differently, and
    what looks into SQLite's file.
    """
    if config.getoption("--database") == "sqlite":
        return
    kept = [item for item in items if databases.is_reached_from(item.module) and not item.get_closest_marker("on_file")]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test process; shared, so leave it running. Each test takes a schema of its own."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def ceph() -> Iterator[CephCluster]:
    """A Ceph cluster of this test process; shared, so leave it running. Each test takes a prefix of its own."""
    with running_ceph() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data sets for tests: `../shared/data`, or what NEXUS_SHARED_DATA names."""
    folder = shared_data_path() or ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no sample data: NEXUS_SHARED_DATA may name them, {folder.name} is not beside the repository")
    return folder


def _running(installation: Installation, *options: str) -> Iterator[Installation]:
    try:
        installation.found(*options).up()
        yield installation
        installation.down()
    finally:
        installation.destroy()
