"""The command line's way into the machine: what it shows of a session, and what the doctor says of other ways in."""

from nexus.app.cli.bastion import shown
from nexus.app.doctor.finding import State
from nexus.app.doctor.machine import other_shells


def test_what_is_watched_does_not_steer_the_watchers_terminal():
    hostile = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m \x1bPdcs\x1b\\ \x9b2J\x08\x07bell\r\nnext\ttab é"
    safe = shown(hostile)
    assert not any(ord(char) < 32 and char not in "\n\t" for char in safe)
    assert "\x9b" not in safe
    assert "red" in safe and "next\ttab é" in safe


def test_the_doctor_sees_an_sshd_beside_the_bastion(tmp_path):
    """EMC-38: the bastion is the only way in."""
    for number, name in ((1, "systemd"), (42, "bash")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "comm").write_text(f"{name}\n")
    assert other_shells("ssh://127.0.0.1:2222", tmp_path).state is State.REAL
    assert other_shells("", tmp_path).state is State.REAL
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "comm").write_text("sshd\n")
    found = other_shells("ssh://127.0.0.1:2222", tmp_path)
    assert (found.state, bool(found.mend)) == (State.DEGRADED, True)
