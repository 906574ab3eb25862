import sys

import pytest

from mmrec.display import load_template


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("mmrec.cli", "check.html.j2"),
        ("mmrec.cli", "compare.html.j2"),
        ("mmrec.demo", "report.html.j2"),
        ("mmrec.reporting", "report.html.j2"),
    ],
)
def test_a_template_finds_those_it_shares(package, name):
    template = load_template(package, name, extra="compare")
    found = template.environment.list_templates()
    assert {"base.html.j2", "page.css.j2", "tiles.html.j2", "findings.html.j2"} <= set(found)


def test_values_are_escaped_and_missing_ones_are_errors():
    from jinja2 import UndefinedError

    environment = load_template("mmrec.cli", "check.html.j2", extra="compare").environment
    assert environment.from_string("{{ a }}").render(a="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError, match="'a' is undefined"):
        environment.from_string("{{ a }}").render()


def test_without_jinja2_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'jinja2: pip install "mmrec\[given\]"'):
        load_template("mmrec.cli", "check.html.j2", extra="given")
