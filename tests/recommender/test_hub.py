"""A RUN goes to the hub and back, over the HTTP interface that its client asks for."""

import logging
import os
import subprocess
import sys

import pytest
from hub_stub import Hub

from mmrec import Options, Recommender
from mmrec.interest import GRUInterest
from mmrec.recommender import RunError
from mmrec.recommender.artifact.run import CARD, FILES, TARGETS, USERS

RUN = dict.fromkeys(FILES, b"{}")


@pytest.fixture(scope="module")
def made(chain):
    """A recommender with features of users."""
    events, items = chain(users=12, steps=8)
    del items["image"]
    users = {"user_id": sorted(set(events["user_id"]))}
    users["group"] = ["a" if n % 2 else "b" for n in range(len(users["user_id"]))]
    options = Options(modalities=("id",), dim=4, epochs=1, split="leave-one-out", refit="none")
    return Recommender.fit(events, items, users=users, options=options)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """An empty hub, which the client asks."""
    import huggingface_hub

    stub = Hub()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", stub.endpoint)
    template = f"{stub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    huggingface_hub.close_session()
    yield stub
    huggingface_hub.close_session()
    stub.close()


def files_of(hub, repo_id):
    return list(hub.repos[repo_id]["commits"].values())[-1]


def test_there_and_back(made, hub, caplog):
    caplog.set_level(logging.INFO, "mmrec")
    address = made.push_to_hub("me/shop", token="hf_secret", license="mit", message="First")
    (commit,) = hub.repos["me/shop"]["commits"]
    assert address == f"{hub.endpoint}/me/shop/commit/{commit}"
    assert hub.repos["me/shop"]["private"] is True
    assert hub.messages == ["First"]
    names = set(files_of(hub, "me/shop"))
    assert names >= {*FILES, CARD, "run.yaml"}
    assert names.isdisjoint({TARGETS, USERS})
    asked = {(method, path.split("?")[0]) for method, path, _ in hub.asked}
    assert asked >= {
        ("POST", "/api/repos/create"),
        ("POST", "/api/models/me/shop/preupload/main"),
        ("POST", "/api/models/me/shop/commit/main"),
    }
    said = " ".join(caplog.messages)
    assert "uploading to the private repository me/shop: README.md, config.json" in said
    assert f"{TARGETS} is left out" in said
    assert f"{USERS} is left out" in said
    assert "hf_secret" not in said

    again = Recommender.from_pretrained("me/shop", token="hf_secret")
    assert again.recommend(["i3", "i4"], 3) == made.recommend(["i3", "i4"], 3)
    ours = [path for method, path, token in hub.asked if "/resolve/" in path and token]
    assert {path.split("/resolve/")[1].split("/")[0] for path in ours} == {commit}


def test_by_the_environment(made, tmp_path):
    """The endpoint is HF_ENDPOINT, as for all clients of the hub."""
    stub = Hub()
    made.save(tmp_path / "run")
    script = (
        "import sys; from mmrec import Recommender; made = Recommender.load(sys.argv[1]); "
        "made.push_to_hub('me/shop', private=False); "
        "print(len(Recommender.from_pretrained('me/shop', revision='main').catalog))"
    )
    place = {"HF_ENDPOINT": stub.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    done = subprocess.run(
        command, env=os.environ | place, capture_output=True, text=True, check=False
    )
    stub.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(made.catalog))]
    assert stub.repos["me/shop"]["private"] is False


def test_a_public_repository_is_not_written_by_mistake(made, hub):
    hub.add("me/shop", {"old.txt": b""}, private=False)
    with pytest.raises(ValueError, match="me/shop is a public repository, and private=True was"):
        made.push_to_hub("me/shop")
    assert list(files_of(hub, "me/shop")) == ["old.txt"]
    made.push_to_hub("me/shop", private=False)
    assert set(files_of(hub, "me/shop")) >= set(FILES)


@pytest.mark.parametrize("name", ["shop", "me/shop/more", "/shop"])
def test_a_repository_has_an_owner(made, hub, name):
    with pytest.raises(
        ValueError, match=f"must be the id of a repository, owner/name; got '{name}"
    ):
        made.push_to_hub(name)
    assert not hub.asked


def test_what_is_left_out_now_is_removed_from_the_repository(made, hub):
    made.push_to_hub("me/shop", include_users=True, card="# Mine\n")
    assert {TARGETS, USERS} <= set(files_of(hub, "me/shop"))
    assert files_of(hub, "me/shop")[CARD] == b"# Mine\n"
    made.push_to_hub("me/shop")
    assert set(files_of(hub, "me/shop")).isdisjoint({TARGETS, USERS})


def test_a_revision(made, hub):
    made.push_to_hub("me/shop")
    (first,) = hub.repos["me/shop"]["commits"]
    hub.add("me/shop", {"README.md": b"gone"})
    with pytest.raises(RunError, match=r"me/shop must hold .* to be a RUN; it lacks"):
        Recommender.from_pretrained("me/shop")
    assert len(Recommender.from_pretrained("me/shop", revision=first).catalog) == 12


@pytest.mark.parametrize(
    "name", ["model.pkl", "setup.py", "pytorch_model.bin", "a/b.pt", "run.sh", "lib.so", "x"]
)
def test_code_and_pickles_are_refused_before_anything_is_downloaded(hub, name):
    hub.add("me/bad", {**RUN, name: b""})
    with pytest.raises(ValueError, match=r"me/bad must hold data alone, no code and no pickles"):
        Recommender.from_pretrained("me/bad")
    assert not [path for _, path, _ in hub.asked if "/resolve/" in path]


def test_parts_from_outside_come_from_the_caller(chain, hub):
    class OutsideInterest(GRUInterest):
        """One of the user's."""

    events, items = chain(users=12, steps=8)
    del items["image"]
    options = Options(modalities=("id",), dim=4, epochs=1, split="leave-one-out", refit="none")
    made = Recommender.fit(events, items, options=options, interest=OutsideInterest)
    made.push_to_hub("me/own")
    with pytest.raises(RunError, match=r"not a part of mmrec: hand over the class"):
        Recommender.from_pretrained("me/own")
    again = Recommender.from_pretrained("me/own", parts=[OutsideInterest])
    assert type(again.model.interest).__name__ == "OutsideInterest"
    assert b"parts=[OutsideInterest]" in files_of(hub, "me/own")[CARD]


def test_a_commit_that_was_not_checked_is_not_read(made, hub, monkeypatch):
    from huggingface_hub import HfApi

    made.push_to_hub("me/shop")
    look = HfApi.model_info

    def then_changed(*arguments, **how):
        found = look(*arguments, **how)
        hub.add("me/shop", files_of(hub, "me/shop"))
        return found

    monkeypatch.setattr(HfApi, "model_info", then_changed)
    with pytest.raises(OSError, match="me/shop can't be read from the hub: it has just changed"):
        Recommender.from_pretrained("me/shop")


def test_errors_of_the_hub_are_one_sentence(made, hub, monkeypatch):
    got = "expected a folder or the id of a repository; got 'me/no', which is no folder"
    with pytest.raises(
        OSError, match=f"^{got} and can't be read from the hub: 404 .*Not Found.*\\.$"
    ):
        Recommender.from_pretrained("me/no")
    hub.fails = "commit"
    with pytest.raises(OSError, match=r"^the RUN can't be pushed to me/shop: 403 Forbidden.*\.$"):
        made.push_to_hub("me/shop")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(OSError, match=f"^{got} and can't be read from the hub: .*refused"):
        Recommender.from_pretrained("me/no")


def test_names_that_are_neither(made, hub):
    for name in ("nowhere", "/no/where", "./run", "a/b/c", "../x", ""):
        said = f"^expected a folder or the id of a repository, owner/name; got '{name}', which is"
        with pytest.raises(FileNotFoundError, match=said):
            Recommender.from_pretrained(name)
    with pytest.raises(ValueError, match="repo_id must be the id of a repository"):
        made.push_to_hub("a/b/c")
    assert hub.asked == []


def test_without_the_hub_what_was_not_downloaded_is_missed(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OSError) as error:
        Recommender.from_pretrained("no/where")
    assert str(error.value) == (
        "expected a folder or the id of a repository; got 'no/where', which is no folder and can't "
        "be read from the hub: HF_HUB_OFFLINE is set, and it was not downloaded before"
    )
    assert hub.asked == []


def test_without_the_hub_what_was_downloaded_is_used(made, hub, monkeypatch):
    made.push_to_hub("me/shop")
    Recommender.from_pretrained("me/shop")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.asked.clear()
    with pytest.raises(OSError, match="got 'me/other', which is no folder and can't be read"):
        Recommender.from_pretrained("me/other")
    for revision in (None, "main", next(iter(hub.repos["me/shop"]["commits"]))):
        assert len(Recommender.from_pretrained("me/shop", revision=revision).catalog) == 12
    assert hub.asked == []
