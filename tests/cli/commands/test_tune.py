import pytest

from mmrec import Recommender

pytest.importorskip("optuna")

SMALL = ["--modalities", "id", "--batch-size", 16, "--epochs", 1, "--max-length", 6]
SPACE = ["--search", "dim=4..8", "--search", "interest=gru4rec,lrurec", "--loss", "bpr"]


def test_a_search_writes_the_run_of_the_best_and_is_continued(data, command, tmp_path):
    call = ["tune", data, "--out", tmp_path / "run", *SMALL, *SPACE]
    status, out, err = command(*call, "--trials", 1)
    assert status == 0, err
    assert "trial 0 complete: NDCG@10" in err
    assert "best of 1 trial (1 complete, 0 pruned, 0 failed): trial 0, validation NDCG@10" in out
    assert f"RUN written to {tmp_path / 'run'}, trials are in" in out
    status, _, err = command(*call, "--trials", 2, "--json")
    assert status == 0, err
    assert f"1 trial of {tmp_path / 'run.study.db'} is used" in err
    made = Recommender.load(tmp_path / "run")
    assert made.report["tuning"]["trials"] == 2
    assert made.report["tuning"]["space"] == {"dim": "4..8", "interest": "gru4rec,lrurec"}
    assert made.options.dim == made.report["tuning"]["chosen"]["dim"]
    assert made.state.recipe["loss"] == "bpr"
    assert made.state.about["data"] == str(data)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.study.db"]


def test_an_option_that_is_given_is_fixed_even_at_its_default(data, refusal, tmp_path):
    call = ["tune", data, "--out", tmp_path / "run", *SMALL]
    assert "['dim'] must be set or searched" in refusal(*call, "--search", "dim", "--dim", 128)
    assert "['loss'] must be set or searched" in refusal(
        *call, "--search", "loss", "--loss", "softmax"
    )


def test_what_a_file_sets_is_fixed_and_flags_take_precedence(data, command, refusal, tmp_path):
    file = tmp_path / "shop.yaml"
    text = f"data: {data}\nmodalities: id\nepochs: 1\nbatch_size: 16\nmax_length: 5\nloss: bpr\n"
    file.write_text(text)
    run = tmp_path / "run"
    call = ["tune", "--config", file, "--out", run, "--max-length", 6, "--trials", 1]
    status, _, err = command(*call, "--search", "dim=4..8")
    assert status == 0, err
    made = Recommender.load(run)
    assert (made.options.epochs, made.options.max_length) == (1, 6)
    assert (made.state.recipe["loss"], made.state.about["data"]) == ("bpr", str(data))
    assert made.report["tuning"]["space"] == {"dim": "4..8"}
    assert "['max_length'] must be set or searched" in refusal(*call, "--search", "max_length")
    assert "['loss'] must be set or searched" in refusal(*call, "--search", "loss=bpr,softmax")
    file.write_text(text + "logger: csv\ntrainer: {accelerator: cpu}\n")
    assert "tune expects a configuration without logger, trainer; got" in refusal(*call)
    file.write_text(text.replace("epochs", "epoch"))
    assert "has the unknown key 'epoch'; did you mean 'epochs'?" in refusal(*call)
    assert "tune expects DATA, or data in the file of --config" in refusal("tune", "--out", run)
    assert "tune expects --out FOLDER, or out in the file" in refusal("tune", data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--search", "epochs=1,2"], "a search must be over names among"),
        (["--search", "lr=1..20"], "lr must be a number from 1e-09 to 10.0; got 20"),
        (["--epsilon", 8], "a search needs training without privacy"),
    ],
)
def test_what_is_wrong_is_one_sentence(data, refusal, tmp_path, arguments, message):
    assert message in refusal("tune", data, "--out", tmp_path / "run", *SMALL, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_holds_something_else_is_refused_first(data, refusal, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    call = ["tune", data, *SMALL, *SPACE]
    assert "holds something other than a RUN" in refusal(*call, "--out", tmp_path)
    said = refusal(*call, "--out", tmp_path / "run", "--study", tmp_path / "notes.txt")
    assert "must be a study of mmrec tune; it is something else" in said
    assert "must be the file of a study; it is a folder" in refusal(
        *call, "--out", tmp_path / "run", "--study", tmp_path
    )


def test_ctrl_c_says_how_to_go_on(data, command, tmp_path, monkeypatch):
    def stopped(*given, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("mmrec.tuning.trials.run_stage", stopped)
    status, _, err = command("tune", data, "--out", tmp_path / "run", *SMALL, *SPACE)
    assert status == 130
    assert err.endswith("\nmmrec: stopped; the same command continues the search\n")
