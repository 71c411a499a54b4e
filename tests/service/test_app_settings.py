"""Settings come from defaults, the data directory and the environment, and a wrong one is named."""

import pytest

from nexus.app import settings
from nexus.iam.conditions import FRESH_FACTOR, NO_CONDITIONS, PRIVILEGED_ZONES, RESEARCH_HOURS
from nexus.kernel.errors import Invalid


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    file = tmp_path / "nexus.toml"
    file.write_text('format = 1\n[settings]\ns3_port = 1111\nregion = "eu-north-1"\n')
    found = settings.load(file, {"NEXUS_S3_PORT": "2222", "NEXUS_DATA": "/x", "OTHER": "1"})
    assert (found.s3_port, found.region, found.api_port) == (2222, "eu-north-1", settings.Settings().api_port)
    assert settings.load(file, {"NEXUS_S3_PORT": "2222"}, s3_port=0).s3_port == 0


def test_a_list_in_the_environment_is_separated_by_commas():
    found = settings.load(None, {"NEXUS_NAMES": "nexus.hospital.example, 10.0.0.7"})
    assert found.names == ("nexus.hospital.example", "10.0.0.7")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[settings]\ns3_prot = 1\n", "did you mean s3_port"),
        ("[settings]\ns3_port = 70000\n", "s3_port"),
        ('[settings]\nprovider = "none"\n', "provider"),
        ("[settings\n", "TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_source(tmp_path, text, said):
    file = tmp_path / "nexus.toml"
    file.write_text(text)
    with pytest.raises(Invalid) as raised:
        settings.load(file, {})
    assert said in f"{raised.value} {raised.value.hint}" and str(file) in str(raised.value)


def test_a_wrong_value_in_the_environment_says_that_it_comes_from_there():
    with pytest.raises(Invalid, match=r"certificate_hours from the environment"):
        settings.load(None, {"NEXUS_CERTIFICATE_HOURS": "soon"})


def test_the_data_directory_has_a_place_of_its_own_for_each_kind_of_user(tmp_path):
    assert settings.data_path({"NEXUS_DATA": str(tmp_path)}) == tmp_path
    assert settings.data_path({}).name == "nexus"


@pytest.mark.parametrize(
    "given",
    [
        {"network_zones": "office"},
        {"network_zones": "office=10.1.0.0/16", "privileged_zones": "offce"},
        {"working_from": "20", "working_until": "7"},
        {"working_days": "8"},
        {"time_zone": "Europe/Atlantis"},
    ],
)
def test_conditions_that_do_not_fit_together_stop_the_start(given):
    with pytest.raises(Invalid):
        settings.load(None, {f"NEXUS_{name.upper()}": value for name, value in given.items()})


def test_conditions_come_from_the_settings():
    environment = {
        "NEXUS_NETWORK_ZONES": "office=10.1.0.0/16, ward=10.1.7.0/24",
        "NEXUS_PRIVILEGED_ZONES": "office,local",
        "NEXUS_FRESH_FACTOR_MINUTES": "15",
        "NEXUS_RESEARCH_IN_WORKING_HOURS": "true",
        "NEXUS_WORKING_DAYS": "1,2",
    }
    found = settings.load(None, environment).conditions()
    assert (found.zones.of("10.1.7.3"), found.fresh_factor_s, found.working_days) == ("ward", 900, {1, 2})
    assert found.in_force() == {PRIVILEGED_ZONES, FRESH_FACTOR, RESEARCH_HOURS}
    assert settings.load(None, {}).conditions() == NO_CONDITIONS
