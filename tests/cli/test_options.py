from dataclasses import fields
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from mmrec.cli.options import option_helps, takes_options
from mmrec.recommender import Options


@pytest.fixture
def call():
    """Run a command that takes options; return what it got."""

    def run(*arguments):
        got = []
        app = typer.Typer()

        @app.command()
        @takes_options
        def command(
            *, data: Annotated[str, typer.Argument()], options: Options, loud: bool = False
        ) -> None:
            """Do it."""
            got.append((data, options, loud))

        result = CliRunner().invoke(app, ["DATA", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return got[0]

    return run


def test_nothing_given_is_the_defaults(call):
    assert call() == ("DATA", Options(), False)


def test_every_option_can_be_given(call):
    given = {
        "modalities": "id, text",
        "layers": "3",
        "dropout": "0.25",
        "modality-dropout": "0.5",
        "patience": "2",
        "weight-decay": "0.125",
        "text-template": "{title}",
        "devices": "2",
        "epsilon": "4",
    }
    flags = ["--event-types", "--no-time-gap", "--no-drop-repeats", "--loud"]
    _, options, loud = call(*(f"--{name}={value}" for name, value in given.items()), *flags)
    assert loud
    assert options == Options(
        modalities=("id", "text"),
        layers=3,
        dropout=0.25,
        modality_dropout=0.5,
        patience=2,
        weight_decay=0.125,
        text_template="{title}",
        devices=2,
        epsilon=4.0,
        event_types=True,
        time_gap=False,
        drop_repeats=False,
    )


def test_every_option_has_a_help():
    helps = option_helps()
    assert list(helps) == [field.name for field in fields(Options)]
    assert all(text.endswith(".") and "`" not in text for text in helps.values())
    assert helps["scorer"].startswith('"dot" retrieves; "mlp" also')
