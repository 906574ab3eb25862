"""The command, run in the process of the tests."""

import sys

import pytest


@pytest.fixture
def command(monkeypatch, capfd):
    """Run the command in this process; return exit status, stdout and stderr."""

    def run(*arguments):
        from mmrec.cli import main

        monkeypatch.setattr(sys, "argv", ["mmrec", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        output = capfd.readouterr()
        return exit_.value.code or 0, output.out, output.err

    return run
