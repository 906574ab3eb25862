import json
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from mmrec.cli.options import given_parts, own_parts, takes_options
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
            *,
            data: Annotated[str, typer.Argument()],
            options: Options,
            parts: dict[str, Any],
            loud: bool = False,
        ) -> None:
            """Do it."""
            got.append((data, options, parts, loud))

        result = CliRunner().invoke(app, ["DATA", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return got[0]

    return run


def test_nothing_given_is_the_defaults(call):
    assert call() == ("DATA", Options(), {}, False)


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
    _, options, _, loud = call(*(f"--{name}={value}" for name, value in given.items()), *flags)
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


def test_what_is_left_at_its_default_does_not_count_as_set(call):
    assert call("--dropout=0.4", "--dim=8")[1].model_fields_set == {"dim"}


def test_every_option_has_a_help():
    for name, field in Options.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_parts_are_names_class_paths_or_json(call):
    given = {"class_path": "mmrec.interest.GRUInterest", "init_args": {"layers": 2}}
    _, _, parts, _ = call(
        "--fusion=siamese", f"--interest={json.dumps(given)}", "--loss=a.b", "--text-encoder=x/y"
    )
    assert parts == {
        "fusion": "siamese",
        "interest": given,
        "loss": "a.b",
        "encoders": {"text": "x/y"},
    }


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_parts_of_a_file(call, tmp_path, suffix):
    text = {
        "json": '{"interest": {"class_path": "a.B", "init_args": {"layers": 2}}}',
        "yaml": "interest:\n  class_path: a.B\n  init_args:\n    layers: 2\n",
    }
    file = tmp_path / f"parts.{suffix}"
    file.write_text(text[suffix])
    expected = {"class_path": "a.B", "init_args": {"layers": 2}}
    assert call(f"--parts={file}")[2] == {"interest": expected}
    assert call(f"--parts={file}", "--interest=sasrec")[2] == {"interest": "sasrec"}


def test_files_that_hold_no_parts(call, tmp_path):
    file = tmp_path / "parts.yaml"
    for text, message in (("[1]", "must hold parts by slot; it holds list"), ("{", "JSON or YAML")):
        file.write_text(text)
        with pytest.raises(ValueError, match=message):
            call(f"--parts={file}")


def test_parts_of_a_command_that_names_some():
    assert given_parts({"loss": "bpr", "negatives": None}) == {"loss": "bpr"}


def test_a_command_may_ask_what_was_stated():
    got = []
    app = typer.Typer()

    @app.command()
    @takes_options
    def command(*, options: Options, parts: dict[str, Any], stated: frozenset[str]) -> None:
        got.append((stated, options))

    result = CliRunner().invoke(app, ["--dim", "128", "--interest", "sasrec"])
    assert result.exit_code == 0, result.output
    assert got == [({"dim", "interest"}, Options())]


def test_own_parts_are_those_of_the_flag_or_of_the_environment(monkeypatch):
    monkeypatch.delenv("MMREC_PARTS", raising=False)
    assert own_parts(None) == []
    monkeypatch.setenv("MMREC_PARTS", '["lab.fusion", "lab.rest.Mean"]')
    assert own_parts(None) == ["lab.fusion", "lab.rest.Mean"]
    assert own_parts(["other.Mean"]) == ["other.Mean"]
    monkeypatch.setenv("MMREC_PARTS", "")
    assert own_parts(None) == []
    for wrong in ("lab.fusion", '"lab.fusion"', "[1]"):
        monkeypatch.setenv("MMREC_PARTS", wrong)
        with pytest.raises(ValueError, match=r"MMREC_PARTS must be a list of names in JSON"):
            own_parts(None)
