"""Nexus changes settings in `nexus.toml` and nothing else in it."""

import tomllib

import pytest

from nexus.app.description import BLOB_FOLDERS, DATABASE, changed
from nexus.app.settings import Settings
from nexus.kernel.errors import Conflict

TEXT = """# by hand
format = 1
instance = "nx_1"

[settings]
# ours
s3_port = 9000
database_host = "db.example"
names = ["a", "b"]

[other]
database_host = "not a setting"
"""


def test_settings_are_set_and_taken_out_and_the_rest_stays_as_people_wrote_it():
    found = changed(TEXT, {"database_host": "/run/pg", "database_volume_encrypted": True, "s3_port": None})
    assert tomllib.loads(found) == {
        "format": 1,
        "instance": "nx_1",
        "settings": {"database_host": "/run/pg", "database_volume_encrypted": True, "names": ["a", "b"]},
        "other": {"database_host": "not a setting"},
    }
    assert "# by hand" in found and "# ours" in found
    assert changed(found, {"s3_port": None}) == found


def test_a_description_without_settings_gets_them():
    assert tomllib.loads(changed("format = 1\n", {"s3_port": 1}))["settings"] == {"s3_port": 1}


@pytest.mark.parametrize(
    "text",
    [
        'settings = {database_host = "x"}\n',
        '[settings]\n"database_host" = "x"\n',
        '[settings]\ndatabase_host = """\nx"""\n',
    ],
)
def test_what_is_written_otherwise_is_left_to_people(text):
    with pytest.raises(Conflict):
        changed(text, {"database_host": "y"})


def test_a_move_of_the_database_leaves_the_places_of_blobs_alone():
    """The classes of settings inherit from each other; what a move takes out is the database's alone."""
    assert {name.partition("_")[0] for name in DATABASE} == {"database"}
    assert set(BLOB_FOLDERS) <= set(Settings.__struct_fields__)
