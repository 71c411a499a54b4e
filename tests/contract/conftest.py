"""A database on each engine, and another process's view of it. `db`, with its tables, is each file's own."""

import pytest

from nexus.kernel.database import Database
from nexus.kernel.secret import Secret
from simulators.recorder import MemoryRecorder


@pytest.fixture
def recorder():
    return MemoryRecorder()


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request, tmp_path):
    """Opens the same empty database, as often as one asks: each time as another process would."""
    if request.param == "sqlite":
        return lambda recorder: Database(tmp_path / "a.db", key=Secret(b"k" * 32), recorder=recorder)
    server = request.getfixturevalue("postgresql")
    place = server.place()
    return lambda recorder: Database(server.engine(place.schema), recorder=recorder)


@pytest.fixture
def other(opened, db):
    """The same database, as another process has it."""
    database = opened(MemoryRecorder())
    yield database
    database.close()
