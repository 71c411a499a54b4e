"""A file of people: read exactly or not at all, and compared with the accounts."""

import json

import pytest

from nexus.app.cli.people import MAX_LEAVERS_SHARE, _require_plausible
from nexus.app.cli.people_file import MAX_FILE_BYTES, Move, Step, plan, read
from nexus.kernel.errors import Invalid

CSV = b"""login,name,email,active,successor
Ada,Ada Byron,ada@hospital.example,yes,
zoe,Zoe Durand,Zoe@hospital.example,oui,
rita,Rita Levi,rita@hospital.example,no,ada
tom,Tom Petit,tom@hospital.example,,
"""


def account(login: str, state: str = "active", name: str = "", email: str = "") -> dict[str, str]:
    return {
        "id": f"per_{login}",
        "login": login,
        "name": name or login.title(),
        "email": email or f"{login}@hospital.example",
        "state": state,
    }


ACCOUNTS = [
    account("ada", name="Ada Byron"),
    account("rita", name="Rita Levi"),
    account("tom", "suspended", name="Tom Petit"),
    account("olga"),
]


def test_joiners_leavers_and_those_who_return_are_found():
    moves = plan(read(CSV, is_json=False), ACCOUNTS, complete=False)
    assert moves == [
        Move(Step.LEAVE, "rita", "per_rita", successor="per_ada"),
        Move(Step.JOIN, "zoe", name="Zoe Durand", email="zoe@hospital.example"),
        Move(Step.RETURN, "tom", "per_tom"),
    ]


def test_whoever_is_not_in_a_complete_file_leaves():
    moves = plan(read(CSV, is_json=False), ACCOUNTS, complete=True)
    assert [move.login for move in moves if move.step is Step.LEAVE] == ["olga", "rita"]


def test_nothing_is_left_to_do_once_it_is_done():
    accounts = [account("ada", name="Ada Byron"), account("rita", "suspended"), account("tom", name="Tom Petit")]
    accounts.append(account("zoe", "invited", "Zoe Durand"))
    assert plan(read(CSV, is_json=False), accounts, complete=True) == []


def test_another_name_or_address_is_for_a_human_to_look_at():
    lines = read(b"login,name,email\nada,Ada Lovelace,ada@hospital.example\nrita,Rita,other@x.example\n", is_json=False)
    assert [(move.step, move.login) for move in plan(lines, ACCOUNTS, complete=False)] == [
        (Step.DIFFERS, "ada"),
        (Step.DIFFERS, "rita"),
    ]


def test_json_says_the_same_as_csv():
    rows = [
        {"login": "ada", "name": "Ada Byron", "email": "ada@hospital.example"},
        {"login": "rita", "name": "Rita Levi", "email": "rita@hospital.example", "active": False, "successor": "ada"},
    ]
    lines = read(json.dumps(rows).encode(), is_json=True)
    assert [line.active for line in lines] == [True, False]
    assert plan(lines, ACCOUNTS, complete=False) == [Move(Step.LEAVE, "rita", "per_rita", successor="per_ada")]


@pytest.mark.parametrize(
    "raw",
    [
        b"login,name\nada,Ada\n",
        b"login,name,email,role\nada,Ada,a@x.example,security_officer\n",
        b"login,name,email\nada,,a@x.example\n",
        b"login,name,email\nada,Ada,a@x.example,too,many,fields\n",
        b"login,name,email\nada,Ada,a@x.example\nADA,Ada,b@x.example\n",
        b"login,name,email\nada,Ada,a@x.example\nben,Ben,A@x.example\n",
        b"login,name,email,active\nada,Ada,a@x.example,perhaps\n",
        b"login,name,email\nada," + b"x" * 300 + b",a@x.example\n",
        b"login,name,email\nada,A\x00da,a@x.example\n",
        b"\xff\xfe\x00",
        b"x" * (MAX_FILE_BYTES + 1),
    ],
)
def test_a_csv_file_that_is_not_exactly_in_this_form_is_refused(raw):
    with pytest.raises(Invalid):
        read(raw, is_json=False)


@pytest.mark.parametrize("raw", [b"{}", b"[1]", b'[{"login": "x"}]', b"[" * 100_000, b'[{"login":["x"]}]', b"null"])
def test_a_json_file_that_is_not_exactly_in_this_form_is_refused(raw):
    with pytest.raises(Invalid):
        read(raw, is_json=True)


def test_a_successor_without_an_account_stops_the_plan():
    lines = read(b"login,name,email,active,successor\nrita,Rita Levi,rita@hospital.example,no,ghost\n", is_json=False)
    with pytest.raises(Invalid):
        plan(lines, ACCOUNTS, complete=False)


def test_a_file_that_would_end_many_accounts_needs_a_second_look():
    leavers = [Move(Step.LEAVE, f"p{n}") for n in range(3)]
    _require_plausible(leavers, int(3 / MAX_LEAVERS_SHARE), many_leavers=False)
    _require_plausible(leavers, 10, many_leavers=True)
    with pytest.raises(Invalid):
        _require_plausible(leavers, 10, many_leavers=False)
