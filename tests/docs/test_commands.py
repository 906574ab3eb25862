import re
from types import SimpleNamespace

import pytest
from commands import field_values, write
from typer.testing import CliRunner

from mmrec.cli.app import app
from mmrec.recommender.options import Options


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages by name."""
    folder = tmp_path_factory.mktemp("commands")
    write(SimpleNamespace(srcdir=folder))
    return {
        str(path.relative_to(folder).with_suffix("")): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.rst")
    }


COMMANDS = [made.name or made.callback.__name__ for made in app.registered_commands]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_what_help_prints(pages, name):
    printed = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "240"}).stdout
    shown = " ".join(re.findall(r"^\.\. option:: (.*)$", pages[f"cli/{name}"], re.MULTILINE))
    lines = [re.match(r"[│\s*]*((?:--?[a-z][\w-]*[,\s]*)+)", line) for line in printed.splitlines()]
    of_help = {
        option for line in lines if line for option in re.findall(r"--?[a-z][\w-]*", line[1])
    }
    assert set(re.findall(r"(?<!\w)--?[a-z][\w-]*", shown)) == of_help - {"--help"}
    assert f"mmrec {name} <{name}>" in pages["cli/index"]


def test_defaults_and_ranges_are_shown(pages):
    fit = pages["cli/fit"]
    assert re.search(
        r"option:: --min-count NUMBER\n.*\n.*\n\n   Default: ``0``; Values: whole", fit
    )
    assert re.search(r"option:: --drop-repeats, --no-drop-repeats\n[^:]*Default: ``--drop-rep", fit)
    assert re.search(r"option:: --out PATH\n[^:]*Required", pages["cli/export"])
    assert "Default: ``~/.cache/mmrec``" in fit  # the home of whoever builds is not published


def test_the_page_of_options_has_them_all(pages):
    page = pages["options/index"]
    assert [name for name in Options.model_fields if f"``{name}``\n" not in page] == []
    assert field_values("seed") == "whole number, 0 to 4,294,967,295"
    assert field_values("epochs") == "whole number, 1 or more"
    assert field_values("split") == "``time``, ``leave-one-out``"
    assert field_values("epsilon") == "number, 0.01 to 1000"
    assert field_values("devices") == "whole number, 1 or more or ``auto``"


def test_a_command_without_a_group_is_an_error(tmp_path, monkeypatch):
    import commands

    monkeypatch.setattr(commands, "GROUPS", {"Data": ("check",)})
    with pytest.raises(ValueError, match="must group the commands"):
        write(SimpleNamespace(srcdir=tmp_path))
