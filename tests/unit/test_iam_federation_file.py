"""The file that names outside issuers is read if it is safe, and refused with a reason if it is not."""

import pytest

from nexus.iam.federation import issuer as configuration
from nexus.kernel.errors import Invalid

GOOD = """
[[issuer]]
name = "psc"
title = "Pro Santé Connect"
titre = "Pro Santé Connect"
url = "https://psc.example/realms/esante"
client_id = "nexus"
[issuer.acr]
"eidas2" = ["passkey"]
[[issuer.role]]
claim = "groups"
value = "cardio"
role = "researcher"
scope = "project:p1"
"""


def test_a_configuration_that_is_safe_is_read(tmp_path):
    file = tmp_path / "federation.toml"
    file.write_text(GOOD)
    (found,) = configuration.load(file)
    assert found.strong_acr() == ("eidas2",) and found.role[0].days == 7


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://psc", "http://psc"),
        ('["passkey"]', '["password"]'),
        ('["passkey"]', '["federated", "password"]'),
        ('"researcher"', '"security_officer"'),
        ('"project:p1"', '"platform"'),
        ('client_id = "nexus"', 'client_id = "nexus"\nalgorithms = ["HS256"]'),
        ('client_id = "nexus"', 'client_id = "nexus"\nalgorithms = []'),
        ('client_id = "nexus"', 'client_id = "nexus"\nverify = false'),
        ('name = "psc"', 'name = "Psc/../x"'),
        ('scope = "project:p1"', 'scope = "project:p1"\ndays = 400'),
    ],
)
def test_a_configuration_that_would_not_be_safe_is_refused(tmp_path, before, after):
    file = tmp_path / "federation.toml"
    assert before in GOOD
    file.write_text(GOOD.replace(before, after))
    with pytest.raises(Invalid):
        configuration.load(file)


def test_an_issuer_named_twice_or_a_lost_file_is_refused(tmp_path):
    file = tmp_path / "federation.toml"
    file.write_text(GOOD + GOOD)
    with pytest.raises(Invalid):
        configuration.load(file)
    with pytest.raises(Invalid):
        configuration.load(tmp_path / "lost.toml")
