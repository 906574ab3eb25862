import hashlib
import json
import logging
from dataclasses import replace

import pytest
import yaml

from mmrec import Options, Recommender
from mmrec.recommender.artifact.convert import to_run
from mmrec.recommender.artifact.run import CARD, FILES, TARGETS, USERS, RunError, write_run
from mmrec.recommender.config import FitConfig
from mmrec.recommender.content import CategoryModality
from mmrec.recommender.shared import save_shared


@pytest.fixture(scope="module")
def made(chain, tmp_path_factory):
    events, items = chain(users=12, steps=8)
    del items["image"]
    users = {"user_id": sorted(set(events["user_id"]))}
    users["group"] = ["a" if n % 2 else "b" for n in range(len(users["user_id"]))]
    options = Options(modalities=("id",), dim=4, epochs=1, split="leave-one-out")
    made = Recommender.fit(events, items, users=users, options=options)
    made.save(tmp_path_factory.mktemp("runs") / "own", data="/home/me/secret")
    return made


def test_nothing_names_a_user_or_this_machine(made, tmp_path):
    made.save(tmp_path / "own")
    names = {path.name for path in (tmp_path / "own").iterdir()}
    assert {TARGETS, USERS} <= names  # what is left out is there
    ids = {str(user).encode() for user in made.targets["user_id"]}
    assert any(one in (tmp_path / "own" / TARGETS).read_bytes() for one in ids)
    made.save_pretrained(tmp_path / "shared")
    held = {path.name: path.read_bytes() for path in (tmp_path / "shared").iterdir()}
    assert set(held) == names - {TARGETS, USERS} | {CARD}
    for name, content in held.items():
        if not name.endswith((".safetensors", ".parquet")):
            assert b"/home" not in content, name
            assert b"secret" not in content, name
    config = FitConfig.from_yaml(tmp_path / "shared" / "run.yaml")
    assert config.places == {}
    assert config.options.dim == 4
    assert made.state.about["data"] == "/home/me/secret"  # the recommender is as it was


def test_values_of_features_of_users_are_said(made, tmp_path, caplog):
    said = "config.json says what values the features of users have: category:group"
    made.save_pretrained(tmp_path / "run")
    assert said in caplog.text
    card = (tmp_path / "run" / CARD).read_text()
    assert "The values that features of users have are part of it: category:group." in card
    known = json.loads((tmp_path / "run" / "config.json").read_text())["users"]
    assert "'values': {'group': ['a', 'b']}" in str(known)  # there is something to say
    caplog.clear()
    made.save_pretrained(tmp_path / "run", include_users=True)
    assert said not in caplog.text


def test_it_is_a_run_like_any_other(made, tmp_path):
    made.save_pretrained(tmp_path / "run", include_users=True)
    again = Recommender.from_pretrained(tmp_path / "run")
    assert again.recommend(["i3"], 3) == made.recommend(["i3"], 3)
    assert again.targets.equals(made.targets)
    made.save_pretrained(tmp_path / "run")  # replaces it, with its card
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i3"], 3) == made.recommend(["i3"], 3)
    assert again.recommend([], 3, user={"group": "a"}) == made.recommend([], 3, user={"group": "a"})
    with pytest.raises(FileExistsError, match=r"something other than a RUN, .*: \['README.md'\]"):
        made.save(tmp_path / "run")  # the card would be lost


def test_a_folder_with_code_is_refused(made, tmp_path):
    made.save_pretrained(tmp_path / "run")
    (tmp_path / "run" / ".DS_Store").touch()  # a file system's own
    Recommender.from_pretrained(tmp_path / "run")
    (tmp_path / "run" / "setup.py").touch()
    with pytest.raises(ValueError, match=r"no code and no pickles; it holds \['setup.py'\]"):
        Recommender.from_pretrained(tmp_path / "run")
    with pytest.raises(ValueError, match="revision is for the hub"):
        Recommender.from_pretrained(tmp_path / "run", revision="main")


def test_folders_of_this_machine_that_stay_are_said(chain, bert_folder, tmp_path, caplog):
    events, items = chain(users=8, steps=6)
    del items["image"]
    items["title"] = ["red hat"] * len(items["item_id"])
    options = Options(modalities=("text",), dim=4, epochs=1, split="leave-one-out", refit="none")
    encoders = {"text": str(bert_folder)}
    made = Recommender.fit(events, items, options=options, encoders=encoders)
    with caplog.at_level(logging.WARNING, "mmrec"):
        made.save_pretrained(tmp_path / "run")
    for name in ("config.json", "run.yaml"):
        assert f"{name} names folders of this machine: {bert_folder}" in caplog.text


def test_how_training_was_watched_is_not_shared(made, tmp_path):
    timer = {"class_path": "a.Service", "init_args": {"api_key": "sk-1234"}}
    watched = {"trainer": {"default_root_dir": "/home/me"}, "callbacks": [timer], "logger": "csv"}
    state = replace(made.state, given={**made.state.given, **watched})
    save_shared(state, tmp_path / "run")
    text = (tmp_path / "run" / "run.yaml").read_text()
    assert "sk-1234" not in text
    assert "/home/me" not in text
    assert FitConfig.from_yaml(tmp_path / "run" / "run.yaml").places == {}


def front(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_the_card(made, tmp_path):
    made.save_pretrained(tmp_path / "shop", license="cc-by-4.0")
    text = (tmp_path / "shop" / CARD).read_text()
    assert front(text) == {
        "library_name": "mmrec",
        "tags": ["recommendation", "sequential-recommendation"],
        "license": "cc-by-4.0",
    }
    report = json.loads((tmp_path / "shop" / "report.json").read_text())
    test = report["test"]
    assert "# shop\n" in text
    assert f"fingerprint `{report['fingerprint']}`" in text
    row = next(line for line in text.splitlines() if line.startswith("| **this model**"))
    low, high = row.split("[")[1].split("]")[0].split(", ")
    assert float(low) <= round(test["ndcg@10"], 4) <= float(high)
    assert f"| {test['ndcg@10']:.4f} [" in row
    for name in report["baselines"]:
        assert f"{report['baselines'][name]['ndcg@10']:.4f}" in text
    assert "Left out, since they name users: targets.parquet, users.parquet." in text
    assert "has then trained on all events" in text
    assert "from_pretrained('shop')" in text
    assert "None was given" not in text


def test_a_card_says_what_is_missing(made, tmp_path, monkeypatch):
    from mmrec.evaluation import statistics
    from mmrec.recommender.card import model_card

    def missing():
        raise ImportError("statistics needs SciPy")

    monkeypatch.setattr(statistics, "_scipy", missing)
    text = model_card(made.state, "me/shop")
    assert "license" not in front(text)
    assert "None was given. Ask the owner before you use it." in text
    assert "There are no intervals: SciPy was missing" in text
    assert set(FILES).isdisjoint(text.split())


def test_the_code_of_a_card_runs(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made.save_pretrained("shop")
    code = (tmp_path / "shop" / CARD).read_text().split("```python\n")[1].split("```")[0]
    found = {}
    exec(code, found)
    assert len(found["recommender"].catalog) == len(made.catalog)


class Shelf(CategoryModality):
    """A modality from outside mmrec."""


def test_the_card_names_own_modalities_and_encoders(chain, tmp_path):
    events, items = chain(users=12, steps=8)
    del items["image"]
    options = Options(modalities=("id", "kind"), dim=4, epochs=1, split="leave-one-out")
    made = Recommender.fit(events, items, options=options, encoders={"kind": Shelf("kind")})
    made.save_pretrained(tmp_path / "shop")
    text = (tmp_path / "shop" / CARD).read_text()
    assert "from_pretrained('shop', parts=[Shelf])" in text
    assert f"It needs parts from outside mmrec: {__name__}.Shelf." in text
    Recommender.from_pretrained(tmp_path / "shop", parts=[Shelf])


def test_a_model_of_a_later_version_is_said_when_a_run_is_read(made, tmp_path):
    run = to_run(replace(made.state, given={"model": "sasrec"}))
    write_run(run, tmp_path / "run")
    file, config = tmp_path / "run" / "run.yaml", tmp_path / "run" / "config.json"
    old = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text("model: newer-model\n")
    new = hashlib.sha256(file.read_bytes()).hexdigest()
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(RunError, match=r"run.yaml: model must be one of .*; got 'newer-model'"):
        Recommender.load(tmp_path / "run")
