import io
import sys
from types import SimpleNamespace

import pytest

from mmrec.layers import progress
from mmrec.layers.progress import counter, showing, shows_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def streams(monkeypatch):
    """Replace stdout and stderr."""

    def replace(out, err):
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)

    return replace


@pytest.mark.parametrize("out", [Terminal, io.StringIO])
@pytest.mark.parametrize("err", [Terminal, io.StringIO])
def test_by_default_in_a_terminal_alone(streams, out, err):
    streams(out(), err())
    assert shows_progress(None) is (out is err is Terminal)
    assert shows_progress(True) is True
    assert shows_progress(False) is False


def test_by_default_in_a_notebook(streams, monkeypatch):
    streams(io.StringIO(), io.StringIO())
    for name, shown in (("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False)):
        shell = type(name, (), {})()
        module = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setitem(sys.modules, "IPython", module)
        assert shows_progress(None) is shown


def test_a_program_without_streams(streams):
    streams(None, None)
    assert shows_progress(None) is False


def test_what_takes_long_is_counted(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    with showing(True), counter("ranked", 3000) as done:
        done(1)
        done(2999)
    assert capsys.readouterr().err == "\rranked 1 of 3,000\rranked 3,000 of 3,000\n"
    with showing(True), showing(False), counter("ranked", 3) as done:
        done(3)
    with counter("ranked", 3) as done:
        done(3)
    assert capsys.readouterr().err == ""


def test_what_is_quick_is_not(capsys):
    with showing(True), counter("ranked", 3) as done:
        done(3)
    assert capsys.readouterr().err == ""
