"""Pythons that are at hand."""

import pytest


@pytest.fixture(scope="module")
def pythons(script):
    return script("pythons")


def python(folder, name, says):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


def test_the_newest_of_each_version_from_the_first_on(pythons, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    installed = tmp_path / ".pyenv" / "versions"
    python(tmp_path / "bin", "python3.10", "echo 3 10 9")
    python(tmp_path / "bin", "python3.12", "echo 3 12 1")
    python(tmp_path / "bin", "python3.13", "exit 127")  # a stand-in for what is not installed
    python(tmp_path / "bin", "python3.12-config", "echo 3 12 9")
    eleven = python(installed / "3.11.7" / "bin", "python3.11", "echo 3 11 7")
    twelve = python(installed / "3.12.4" / "bin", "python3.12", "echo 3 12 4")
    assert pythons.at_hand() == [eleven, twelve]


def test_a_command_that_fails_says_what_it_printed(pythons, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="no-such-file"):
        pythons.run("ls", "no-such-file", cwd=tmp_path)
    monkeypatch.setattr(pythons.sys, "argv", ["pythons.py"])
    with pytest.raises(SystemExit, match="expected the path of a wheel"):
        pythons.main()
