import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import mmrec
from mmrec.cli.app import app
from mmrec.recommender.artifact.run import (
    CONTRIBUTIONS,
    FILES,
    GIVEN,
    NEIGHBOURS,
    TARGETS,
    TREND,
)

QUICK = ["--dim", "16", "--epochs", "1", "--batch-size", "8", "--max-length", "6"]
QUICK += ["--modalities", "id", "--negatives", "full", "--devices", "1", "--lr", "0.02"]
QUICK += ["--refit", "none"]
COMMANDS = [c.name or c.callback.__name__ for c in app.registered_commands]


@pytest.fixture(scope="session")
def folder(chain, tmp_path_factory):
    """A data set folder without images; don't change it."""
    folder = tmp_path_factory.mktemp("data")
    events, items = chain(users=20, steps=10)
    pl.DataFrame(events).write_csv(folder / "interactions.csv")
    pl.DataFrame(items).drop("image").write_csv(folder / "items.csv")
    return folder


@pytest.fixture
def own(folder, tmp_path):
    """A copy of the folder, to be spoilt."""
    target = tmp_path / "own"
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.fixture(scope="session")
def process():
    """Start the command in a process of its own, as a user does."""

    def start(*arguments, first=""):
        script = f"{first}\nfrom mmrec.cli import main; main()"
        environment = {k: v for k, v in os.environ.items() if k != "JAXTYPING_DISABLE"}
        return subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | {"OMP_NUM_THREADS": "1"},
        )

    return start


@pytest.fixture
def quick():
    """Options of a fit that takes a second."""
    return list(QUICK)


@pytest.fixture(scope="session")
def run(folder, tmp_path_factory) -> Path:
    """A RUN that the command has made; don't change it."""
    from typer.testing import CliRunner

    from mmrec.cli.app import app

    out = tmp_path_factory.mktemp("runs") / "run"
    result = CliRunner().invoke(app, ["fit", str(folder), "--out", str(out), *QUICK])
    assert result.exit_code == 0, result.output
    return out


def refused(result, *words):
    """The status is 2, and stderr is one sentence that has the words."""
    status, _, err = result
    assert status == 2, err
    assert err.startswith("mmrec: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    for word in words:
        assert word in err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command, name):
    status, out, err = command(name, "--help")
    assert (status, err) == (0, "")
    assert re.match(rf"\s*Usage: .*{name} \[OPTIONS\]", out)
    if name not in ("serve", "rollback", "compact"):  # these give no result
        assert "--json" in out
    # Nothing in these is random.
    fixed = ("serve", "rollback", "evaluate", "recommend", "similar", "export", "check")
    fixed = (*fixed, "compact")
    if name not in (*fixed, "import-log", "import", "fetch-images"):
        assert "--seed" in out


def test_help_and_version(command):
    status, out, _ = command("--help")
    assert status == 0
    assert all(name in out for name in ("fit", "evaluate", "recommend", "demo"))
    assert command("--version") == (0, f"mmrec {mmrec.__version__}\n", "")


def test_help_is_quick_to_start(process):
    started = process("fit", "--help")
    out, err = started.communicate(timeout=60)
    assert started.returncode == 0, err
    assert "Train a recommender on a data set folder" in out


def test_fit_evaluate_recommend(command, folder, quick, tmp_path):
    out = tmp_path / "runs" / "first"
    status, text, err = command("fit", folder, "--out", out, *quick, "--json")
    assert status == 0, err
    assert "Traceback" not in err
    report = json.loads(text.splitlines()[-1])
    assert report["test"].keys() >= {"ndcg@10", "hr@10"}
    assert report["baselines"].keys() >= {"popularity", "markov"}
    assert report["seed"] == 0
    assert "RUN written to" in text
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*FILES, TARGETS, CONTRIBUTIONS, TREND, NEIGHBOURS, GIVEN]
    )
    assert json.loads((out / "report.json").read_text()) == report
    assert [path.name for path in out.parent.iterdir()] == ["first"]

    status, text, err = command("evaluate", out, "--json")
    assert (status, err) == (0, "")
    again = json.loads(text.splitlines()[-1])
    assert again.pop("same_split")
    assert again == {name: report[name] for name in again}

    status, text, err = command("recommend", out, "--history", "i3, i4", "-k", 4, "--json")
    assert (status, err) == (0, "")
    answer = json.loads(text.splitlines()[-1])
    assert answer["history"] == ["i3", "i4"]
    assert len(answer["recommendations"]) == 4
    assert not {line["item"] for line in answer["recommendations"]} & {"i3", "i4"}
    made = mmrec.Recommender.load(out)
    expected = [line._asdict() for line in made.recommend(["i3", "i4"], 4)]
    assert answer["recommendations"] == expected


def test_a_model_by_name_and_options_at_their_defaults(command, folder, quick, tmp_path):
    stated = ["--model", "lrurec", "--dropout", "0.4", "--loss", "bpr"]
    status, text, err = command("fit", folder, "--out", tmp_path, *quick, *stated, "--json")
    assert status == 0, err
    assert "model lrurec (arXiv 2310.02367) sets: interest lrurec, " in text
    said = json.loads(text.splitlines()[-1])["model"]
    assert said["parts"] == {"interest": "lrurec"}
    assert "dropout" not in said["options"]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["options"]["model"]["dropout"] == 0.4
    assert config["recipe"]["loss"] == "bpr"


def test_a_second_fit_replaces_the_run_and_says_so(command, folder, quick, tmp_path):
    for seed in (1, 2):
        status, out, err = command("fit", folder, "--out", tmp_path / "run", *quick, "--seed", seed)
        assert status == 0, err
        said = out.splitlines()[-1]
        assert said.startswith(f"RUN written to {tmp_path / 'run'}")
        assert (", in place of the one of 2" in said) == (seed == 2)
    assert mmrec.Recommender.load(tmp_path / "run").options.seed == 2
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_without_json_only_text(command, run):
    for arguments in (["evaluate", run], ["recommend", run]):
        status, out, _ = command(*arguments)
        assert status == 0
        with pytest.raises(ValueError):
            json.loads(out.splitlines()[-1])


def test_recommend_where_and_repeat(command, run):
    def items(*arguments):
        status, out, err = command("recommend", run, "-k", 50, "--json", *arguments)
        assert status == 0, err
        return [line["item"] for line in json.loads(out.splitlines()[-1])["recommendations"]]

    assert len(items()) == 12
    assert {int(i[1:]) % 2 for i in items("--history", "i3", "--where", "kind=even")} == {0}
    both = items("--where", "kind=even", "--where", "kind=odd")
    assert len(both) == 12
    assert items("--where", "kind=even", "--where", "item_id=i2") == ["i2"]
    assert "i3" not in items("--history", "i3")
    assert "i3" in items("--history", "i3", "--repeat")


def test_evaluate_on_another_log(command, run, own):
    events = pl.read_csv(own / "interactions.csv")
    events.head(150).write_csv(own / "interactions.csv")
    status, out, err = command("evaluate", run, "--data", own, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["same_split"] is False
    assert "note: trained on split" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "0"], ["epochs must be", "got 0"]),
        (["--dim", "-1"], ["dim must be", "got -1"]),
        (["--modalities", "audio"], ["modality 'audio' must be one of"]),
        (["--modalities", ""], ["modalities must be", "got []"]),
        (["--tuning", "lora-0"], ["tuning must be", "'lora-0'"]),
        (["--split", "random"], ["split must be one of", "'random'"]),
        (["--precision", "junk"], ["precision must be one of", "'junk'"]),
        (["--devices", "junk"], ["devices must be", "'junk'"]),
        (["--devices", "0"], ["devices must be", "got 0"]),
        (["--model", "bert"], ["model must be one of", "'bert'"]),
        (["--scorer", "foo"], ["scorer must be one of", "'foo'"]),
        (["--interest", "no.such.Part"], ["'no.such.Part' can't be imported"]),
        (["--interest", "{broken"], ["--interest must be a name, a class path or JSON"]),
        (["--parts", "/no/such.yaml"], ["No such file"]),
        (["--fusion", "mean"], ["fusion must be one of"]),
        (["--new-item-cost", "1"], ["new_item_cost must be", "got 1"]),
        (["--loss", "hinge"], ["loss must be one of"]),
        (["--negatives", "no"], ["negatives must be one of"]),
        (["--seed", "-1"], ["seed must be"]),
        (["--lr", "nan"], ["lr must be"]),
        (["--min-count", "1000"], ["leaves no event in: train"]),
        (["--modalities", "text", "--text-template", "{color}"], ["'color'", "don't exist"]),
        (["--modalities", "text", "--text-encoder", "no/such"], ["'no/such' cannot be found"]),
        (["--modalities", "image"], ["none of the 12 items has it"]),
        (["--modalities", "image", "--image-encoder", "no_such_net"], ["no_such_net"]),
    ],
)
def test_bad_options(command, folder, quick, tmp_path, arguments, words, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    cache = ["--cache", tmp_path / "cache"]
    result = command("fit", folder, "--out", tmp_path / "run", *quick, *cache, *arguments)
    refused(result, *words)
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "run.training").exists()


def test_places_that_cannot_be_written(command, folder, bert_folder, quick, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "run"
    refused(command("fit", folder, "--out", out, *quick), "checkpoints can't be written to")
    text = ["--modalities", "text", "--text-encoder", bert_folder]
    place = ["--cache", tmp_path / "file" / "cache"]
    result = command("fit", folder, "--out", tmp_path / "run", *quick, *text, *place)
    refused(result, f"features can't be written to {place[1]}: Not a directory")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_list_without_items_says_why(command, run):
    status, out, err = command("recommend", run, "--where", "kind=zzz")
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "no item meets the condition"


def test_serving_nothing_leaves_nothing(command, tmp_path):
    refused(command("serve", tmp_path / "nope"), "no RUN at")
    assert not list(tmp_path.iterdir())


def test_missing_folder(command, quick, tmp_path):
    refused(command("fit", tmp_path / "no", "--out", tmp_path / "run", *quick), "no data set")
    (tmp_path / "empty").mkdir()
    result = command("fit", tmp_path / "empty", "--out", tmp_path / "run", *quick)
    refused(result, "must hold one table interactions", "got none")


def replace(path, column, row, value):
    frame = pl.read_csv(path, infer_schema=False)
    values = frame[column].to_list()
    values[row] = value
    frame.with_columns(pl.Series(column, values, dtype=pl.String)).write_csv(path)


SPOILT = {
    "missing column": (
        lambda f: (
            pl.read_csv(f / "interactions.csv").drop("user_id").write_csv(f / "interactions.csv")
        ),
        ["interactions must have the columns ['user_id']"],
    ),
    "unknown item": (
        lambda f: replace(f / "interactions.csv", "item_id", 5, "nothing"),
        ["1 item that is not in the catalogue", "nothing"],
    ),
    "duplicate id": (lambda f: replace(f / "items.csv", "item_id", 3, "i1"), ["unique", "i1"]),
    "empty id": (lambda f: replace(f / "items.csv", "item_id", 3, " "), ["must not be empty"]),
    "NaN time": (
        lambda f: replace(f / "interactions.csv", "timestamp", 7, "NaN"),
        ["timestamp must be a finite number", "lines [9] of interactions.csv"],
    ),
    "no number": (
        lambda f: replace(f / "interactions.csv", "timestamp", 7, "noon"),
        ["timestamp must be", "noon"],
    ),
    "image outside": (
        lambda f: (
            pl.read_csv(f / "items.csv")
            .with_columns(image=pl.lit("../x.jpg"))
            .write_csv(f / "items.csv")
        ),
        ["../x.jpg", "lies outside"],
    ),
    "no rows": (
        lambda f: (f / "interactions.csv").write_text("user_id,item_id,timestamp\n"),
        ["interactions must have at least one row"],
    ),
    "no table": (lambda f: (f / "items.csv").write_bytes(b"\x00\xff" * 50), ["items"]),
    "two tables": (
        lambda f: (f / "items.parquet").write_bytes(b""),
        ["must hold one table items", "items.parquet"],
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_bad_data(command, own, quick, tmp_path, name):
    spoil, words = SPOILT[name]
    spoil(own)
    refused(command("fit", own, "--out", tmp_path / "run", *quick), *words)
    assert not (tmp_path / "run").exists()


def test_a_place_that_is_taken_is_refused_before_training(
    command, folder, quick, tmp_path, monkeypatch
):
    monkeypatch.setattr(mmrec.Recommender, "fit", lambda *_, **__: pytest.fail("it trained"))
    (tmp_path / "notes.txt").write_text("mine")
    refused(command("fit", folder, "--out", tmp_path, *quick), "something other than a RUN")
    refused(command("fit", folder, "--out", tmp_path / "notes.txt", *quick), "is a file")
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["evaluate", "recommend"])
def test_bad_runs(command, run, tmp_path, name):
    refused(command(name, tmp_path / "no"), "no RUN at")
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    (broken / "model.safetensors").unlink()
    refused(command(name, broken), "lacks ['model.safetensors']")
    shutil.copytree(run, broken, dirs_exist_ok=True)
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | {"format": 99}))
    refused(command(name, broken), "format 7; it is of format 99")
    (broken / "config.json").write_text("{junk")
    refused(command(name, broken), "config.json is damaged")


def test_bad_requests_to_recommend(command, run, tmp_path):
    refused(command("recommend", run, "--history", "i3,nothing"), "not in the catalogue", "nothing")
    refused(command("recommend", run, "--where", "kind"), "can't be compared with true or false")
    refused(command("recommend", run, "--where", "kind=a=b"), "kind=a[here]=b")
    refused(command("recommend", run, "--where", "color=blue"), "there is no column 'color'")
    refused(command("evaluate", run, "--data", tmp_path / "no"), "no data set folder")


@pytest.mark.parametrize("text", ["soon", "-5", "9999-01-01"])
def test_a_time_of_a_request_that_cannot_be_read(command, run, text):
    result = command("recommend", run, "--history", "i3", f"--at={text}")
    refused(result, "--at must be unix seconds", f"got {text!r}")


def test_a_run_that_does_not_say_its_data(command, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["about"].pop("data")
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    refused(command("evaluate", tmp_path / "run"), "pass --data FOLDER")


def test_an_error_of_several_lines_becomes_one(command, run, monkeypatch):
    def fail(directory, **more):
        raise OSError("first\n\n  second")

    monkeypatch.setattr(mmrec.Recommender, "load", fail)
    assert command("recommend", run) == (2, "", "mmrec: first second\n")


def test_wrong_usage(command, run):
    for arguments in (["recommend", run, "-k", "0"], ["evaluate"], ["recommend", run, "--nothing"]):
        status, _, err = command(*arguments)
        assert status == 2
        assert "Traceback" not in err
        assert re.search(r"Missing|Invalid|No such option", err)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "RUN", "--port", "abc"], "'--port': expected a whole number; got 'abc'"),
        (["serve", "RUN", "--port", "70000"], "'--port': expected at most 65535; got 70000"),
        (["serve", "RUN", "--rate", "-1"], "'--rate': expected 0 or more; got -1"),
        (["recommend", "RUN", "-k", "1.5"], "'-k': expected a whole number; got '1.5'"),
        (["learn", "RUN", "--poll", "x"], "'--poll': expected a number; got 'x'"),
    ],
)
def test_a_number_that_cannot_be_read(command, arguments, said):
    pytest.importorskip("typer._coercion", reason="older versions of typer say it well")
    more = ["--log", "l.db", "--versions", "v"] if arguments[0] == "learn" else []
    status, _, err = command(*arguments, *more)
    assert status == 2
    assert said in " ".join(err.replace("│", " ").split())


STOP = """
def stop(*arguments, **options):
    import time
    print("here", flush=True)
    time.sleep(60)
"""
STOPS = {
    "training": "import lightning; lightning.Trainer.fit = stop",
    "writing": "import polars; polars.DataFrame.write_parquet = stop",
}


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize(("moment", "older"), [("training", False), ("writing", True)])
def test_a_killed_fit_leaves_no_half_written_run(
    process, folder, run, tmp_path, quick, moment, older
):
    out = tmp_path / "run"
    if older:
        shutil.copytree(run, out)
    before = {path.name: path.read_bytes() for path in out.glob("*")}
    stop = (
        "def stop(*_, **__):\n    import time\n    print('here', flush=True)\n    time.sleep(60)\n"
    )
    started = process("fit", folder, "--out", out, *quick, first=stop + STOPS[moment])
    try:
        for line in started.stdout:
            if line.strip() == "here":
                break
        assert started.poll() is None
    finally:
        started.send_signal(signal.SIGKILL)
        started.communicate(timeout=30)
    assert {path.name: path.read_bytes() for path in out.glob("*")} == before
    assert out.exists() == older


def test_features_of_users_are_read_from_the_folder(command, own, quick, tmp_path):
    names = pl.read_csv(own / "interactions.csv")["user_id"].unique(maintain_order=True).to_list()
    users = {"user_id": [*names, "new"], "sex": ["f", "m"] * (len(names) // 2) + ["f"]}
    pl.DataFrame(users).write_csv(own / "users.csv")
    out = tmp_path / "run"
    status, text, err = command("fit", own, "--out", out, *quick, "--json")
    assert status == 0, err
    assert "features of users: category:sex" in err
    assert json.loads(text.splitlines()[-1])["users_with_features"] == len(names) + 1
    _, text, _ = command("recommend", out, "--user", "new", "--json")
    found = json.loads(text.splitlines()[-1])
    assert found["history"] == []
    assert {line["reason"] for line in found["recommendations"]} == {"interest"}
    assert command("recommend", out, "--user", names[0])[0] == 0
    refused(command("recommend", out, "--user", "nobody"), "no event of the user 'nobody'")
    _, text, _ = command("fit", own, "--out", out, *quick, "--user-features", "none", "--json")
    assert "users_with_features" not in json.loads(text.splitlines()[-1])
