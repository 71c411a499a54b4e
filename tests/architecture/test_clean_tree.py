"""What must not be in the tree: addresses of package registries, paths of one machine, private keys. AP-03."""

import re

from project_tree import ROOT, project_files, shown

_HOSTS = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "deb" + "ian.org",
    "proxy.golang" + ".org",
)
_FOLDERS = ("/" + "work/", "/" + "root/", "/" + "home/", "/" + "Users/")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE " + "KEY-----\n[A-Za-z0-9+/]")

TEXT = (
    ".py",
    ".md",
    ".toml",
    ".lock",
    ".yaml",
    ".yml",
    ".json",
    ".txt",
    ".cfg",
    ".sh",
    ".service",
    ".cedar",
    ".html",
    ".in",
    "",
)


def _texts():
    for path in project_files(*TEXT):
        yield path, path.read_text(encoding="utf-8", errors="replace")


def test_no_registry_is_named():
    found = [shown(path) for path, text in _texts() if any(host in text for host in _HOSTS)]
    assert found == []


def test_no_path_of_one_machine_is_named():
    found = [
        f"{shown(path)}: {folder}" for path, text in _texts() for folder in (*_FOLDERS, f"{ROOT}/") if folder in text
    ]
    assert found == []


def test_no_private_key_is_stored():
    found = [shown(path) for path, text in _texts() if _PRIVATE_KEY.search(text)]
    assert found == []
