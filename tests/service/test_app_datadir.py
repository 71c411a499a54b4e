"""One data directory: laid out once, opened by those who know its format, held by one platform."""

import os
import stat
import subprocess
import sys
import time

import pytest

from nexus.app import datadir
from nexus.kernel.errors import Conflict, Damaged, Invalid, NotFound


def test_a_new_directory_is_private_and_opens_again(tmp_path):
    made = datadir.create(tmp_path / "data")
    assert datadir.open_directory(tmp_path / "data") == made
    for path in [made.root, *made.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_nothing_is_laid_over_what_is_there(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Conflict, match="not empty"):
        datadir.create(tmp_path)


def test_a_directory_of_a_newer_format_is_refused_and_left_alone(tmp_path):
    directory = datadir.create(tmp_path / "data")
    newer = directory.description.read_text().replace("format = 1", "format = 2")
    directory.description.write_text(newer)
    with pytest.raises(Conflict) as raised:
        datadir.open_directory(directory.root)
    assert raised.value.code == "data.newer-format" and "format 2" in str(raised.value)
    assert directory.description.read_text() == newer


@pytest.mark.parametrize("text", ["format = 'one'\n", "format = 1\ninstance = '../../etc'\n", "\x00", ""])
def test_a_damaged_description_is_an_error_in_words(tmp_path, text):
    directory = datadir.create(tmp_path / "data")
    directory.description.write_text(text)
    with pytest.raises(Damaged):
        datadir.open_directory(directory.root)


def test_a_missing_directory_says_how_to_found_one(tmp_path):
    with pytest.raises(NotFound) as raised:
        datadir.open_directory(tmp_path)
    assert "nexus init" in raised.value.hint


def test_two_platforms_never_share_a_directory(tmp_path):
    directory = datadir.create(tmp_path / "data")
    with datadir.locked(directory):
        with pytest.raises(Conflict, match=str(os.getpid())), datadir.locked(directory, wait_s=0):
            pass
        assert datadir.is_locked(directory)
    assert not datadir.is_locked(directory)


def test_a_child_that_outlives_its_platform_still_holds_the_directory(tmp_path):
    directory = datadir.create(tmp_path / "data")
    with datadir.locked(directory) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=[descriptor]
        )
    try:
        assert datadir.is_locked(directory)
    finally:
        child.communicate()
    deadline = time.monotonic() + 5
    while datadir.is_locked(directory) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not datadir.is_locked(directory)


def test_only_a_demonstration_may_shorten_the_waiting_period(tmp_path):
    real = datadir.create(tmp_path / "real")
    demonstration = datadir.create(tmp_path / "demo", demonstration=True)
    datadir.require_demonstration(demonstration, 3)
    datadir.require_demonstration(real, 0)
    with pytest.raises(Invalid, match="demonstration"):
        datadir.require_demonstration(real, 3)


def test_a_durable_write_leaves_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / "a"
    datadir.write_durably(path, b"old")
    with pytest.raises(TypeError):
        datadir.write_durably(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["a"]
