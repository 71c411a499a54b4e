"""`nexus demo` tells the whole story, with sample data and without, again and again, and stops when told."""

import json
import os
import subprocess
import sys

import pytest

WAIT_S = 480
STEPS = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("d")
    yield folder
    demo(folder, "--stop")


def demo(folder, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nexus", "demo", "--directory", str(folder / "demo"), *options],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.slow
def test_the_story_is_told_to_its_end_without_sample_data(folder):
    """With files that pydicom carries and a generated extract: what a fresh clone has."""
    told = demo(folder, NEXUS_SHARED_DATA=str(folder))
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"{STEPS} A key is destroyed by four eyes" in told.stdout
    for said in (
        "none of them in",
        "every byte the same",
        "AccessDenied",
        "cosigned by witness-1.example and",
        "a byte flipped",
        "an entry deleted",
        "the end cut off",
        "the directory rolled back",
        "the object is gone for good",
        "She sees who read her data, and withdraws",
        "1 document",
        "eva's next read: NoSuchKey",
        "both lines verify offline",
        "Claims base  11 files",
        "none in",
        "two names, two keys, nothing in common",
        "Essential hypertension",
        "follows its parent",
        "1 left out because they object",
        "The platform stays up.",
    ):
        assert said in told.stdout, said


def test_it_leaves_the_platform_up_with_people_who_can_sign_in(folder):
    data = str(folder / "demo" / "data")
    command = [sys.executable, "-m", "nexus", "status", "--data", data, "--json"]
    status = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=WAIT_S).stdout)
    assert status["phase"] == "running" and status["demonstration"] is True
    code = demo(folder, "--code", "bruno").stdout.strip()
    assert code.isdigit() and len(code) == 6
    assert demo(folder, "--code", "nobody").returncode == 4


def test_it_stops_when_told_and_says_when_there_is_nothing_to_stop(folder):
    assert json.loads(demo(folder, "--stop", "--json").stdout) == {"stopped": True}
    assert json.loads(demo(folder, "--stop", "--json").stdout) == {"stopped": False}
