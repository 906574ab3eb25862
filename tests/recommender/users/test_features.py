from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from mmrec import Options, Recommender
from mmrec.data import Interactions, leave_one_out
from mmrec.export import export_recommender
from mmrec.recommender.batch import recommend_all
from mmrec.recommender.user_vectors import encode_users, index_items

from .conftest import EACH, GROUPS

LOG = {"user_id": ["u"] * 4, "item_id": ["i1", "i2", "i3", "i4"], "timestamp": range(4)}


def hit_rate(recommender, features=True):
    """The share of the first items of each group that users without events are shown."""
    hits = 0
    for group in range(GROUPS):
        user = {"group": f"g{group}"} if features else None
        shown = {line.item for line in recommender.recommend([], k=EACH, user=user)}
        hits += len(shown & {f"i{group * EACH + n}" for n in range(EACH)})
    return hits / (GROUPS * EACH)


def test_a_first_event_that_depends_on_the_group_is_predicted(by_group):
    assert hit_rate(by_group) > 0.9
    assert hit_rate(by_group, features=False) < 0.5  # popular items
    assert by_group.report["user_features"] == ["category:group"]
    assert by_group.report["users_with_features"] == 240


def test_shuffled_features_predict_nothing(planted, fit_users_of):
    users = planted[2]
    shuffled = users | {"group": np.random.default_rng(1).permutation(users["group"]).tolist()}
    assert hit_rate(fit_users_of(shuffled)) < 0.5


def test_a_first_event_is_measured_with_features(planted, by_group):
    events, _, _ = planted
    plain = Recommender.fit(
        events,
        planted[1],
        options=by_group.options.replace(user_features=None),
        interest=by_group.state.specs["interest"].class_path,
    )
    assert by_group.report["test"]["targets"] == plain.report["test"]["targets"]
    assert by_group.report["test"]["ndcg@10"] > 1.1 * plain.report["test"]["ndcg@10"]
    again = by_group.evaluate(events)
    assert again["test"] == by_group.report["test"]


@pytest.mark.parametrize("history", [[], ["i1", "i20", "i7"]])
def test_an_id_and_its_features_give_one_list(by_group, history):
    by_id = by_group.recommend(history, user="u6")
    assert by_id[0].reason == "interest"
    given = by_group.recommend(history, user={"group": "g2"})
    assert [line.item for line in given] == [line.item for line in by_id]
    both = by_group.recommend_many([history] * 2, users=["u6", None])
    for lines, wanted in zip(both, [by_id, by_group.recommend(history)], strict=True):
        assert [line.item for line in lines] == [line.item for line in wanted]
        assert [line.score for line in lines] == pytest.approx(
            [line.score for line in wanted], abs=1e-5
        )


def test_lists_of_many_users_are_those_of_each(by_group):
    asked = {"user_id": ["u6", "nobody", "u7"], "history": [["i1"], ["i1"], []]}
    lines = recommend_all(by_group, pl.DataFrame(asked), 3)
    alone = [(["i1"], "u6"), (["i1"], None), ([], "u7")]
    wanted = [by_group.recommend(past, 3, user=user) for past, user in alone]
    assert lines["item_id"].to_list() == [line.item for found in wanted for line in found]


def test_vectors_of_users_give_the_scores(by_group):
    asked = pl.DataFrame({"user_id": ["u6", "nobody"], "history": [[], []]}).cast(
        {"history": pl.List(pl.String)}
    )
    made = encode_users(by_group, asked)["vector"].to_numpy()
    scores = made @ index_items(by_group)["vector"].to_numpy().T
    best = by_group.recommend([], 1, user="u6")[0]
    assert by_group.catalog.ids[int(scores[0].argmax())] == best.item
    assert scores[0].max() == pytest.approx(best.score, abs=1e-4)
    assert not scores[1].any()


def test_saved_and_loaded(by_group, tmp_path):
    by_group.save(tmp_path / "run")
    file = tmp_path / "run" / "users.parquet"
    assert file.stat().st_mode & 0o777 == 0o600
    assert pl.read_parquet(file).columns == ["user_id", "group"]  # no age
    loaded = Recommender.load(tmp_path / "run")
    for user in ("u6", {"group": "g1"}):
        assert loaded.recommend(["i3"], user=user) == by_group.recommend(["i3"], user=user)
    file.unlink()
    without = Recommender.load(tmp_path / "run")
    asked = {"group": "g1"}
    assert without.recommend([], user=asked) == by_group.recommend([], user=asked)
    with pytest.raises(ValueError, match=r"user must be in the table .* got 'u6'"):
        without.recommend([], user="u6")


def test_an_update_takes_new_and_changed_users(planted, by_group):
    events, _, _ = planted
    users = {"user_id": ["new", "u6"], "group": ["g3", "g1"]}
    made = by_group.update(events, users=users, options={"epochs": 1, "lr": 1e-9})
    for user, group in (("new", "g3"), ("u6", "g1"), ("u7", "g3")):
        found = [line.item for line in made.recommend([], user=user)]
        wanted = [line.item for line in by_group.recommend([], user={"group": group})]
        assert found == wanted
    assert by_group.state.users.catalog.row("u6")["group"] == "g2"  # not changed


def test_values_that_are_not_known_are_no_features(by_group):
    popular = by_group.recommend([])
    assert by_group.recommend([], user={"group": "unheard of"}) == popular
    assert by_group.recommend([], user={}) == popular


@pytest.mark.parametrize(
    ("user", "match"),
    [
        ("nobody", r"user must be in the table of users, or .* \['group'\]; got 'nobody'"),
        ({"gruop": 3}, r"got also \['gruop'\] \(did you mean 'group'\?\)$"),
        ({"size": 3}, r"user must have columns among \['group'\]; got also \['size'\]"),
    ],
)
def test_an_unknown_user_is_refused(by_group, user, match):
    with pytest.raises(ValueError, match=match):
        by_group.recommend([], user=user)


def test_as_many_users_as_histories(by_group):
    for users in (["u1"], ["u1"] * 3):
        with pytest.raises(ValueError, match="users must be as many as histories"):
            by_group.recommend_many([[], []], users=users)


def test_numbers_are_features(planted, fit_users_of):
    users = planted[2] | {"score": [float(name[1:]) for name in planted[2]["group"]]}
    made = fit_users_of(users, user_features=("number:score",), epochs=3)
    shown = [made.recommend([], user={"score": score}) for score in (0, "3", 3.0)]
    assert shown[0] != shown[1] == shown[2]
    with pytest.raises(ValueError, match="user: score is 'much', not a number"):
        made.recommend([], user={"score": "much"})


def test_without_users_nothing_is_known(planted):
    events, items, _ = planted
    options = {"modalities": ("id",), "dim": 4, "epochs": 1}
    made = Recommender.fit(events, items, options=Options(**options))
    assert made.state.users is None
    with pytest.raises(ValueError, match="user needs a recommender with features of users"):
        made.recommend([], user="u1")


def test_users_without_features_start_like_unknown_ones(planted, fit_users_of):
    users = {name: list(values) for name, values in planted[2].items()}
    users["group"][6] = None
    made = fit_users_of(users, epochs=1)
    assert made.report["users_with_features"] == 239
    assert made.recommend(["i1"], user="u6") == made.recommend(["i1"])
    without = made.state.users.without(["u7", "nobody"])
    assert without.find("u7") == 0
    assert torch.equal(
        without.vectors[without.find("u8")],
        made.state.users.vectors[made.state.users.find("u8")],
    )


def test_what_has_no_place_for_features_says_so(by_group, tmp_path, caplog):
    made = Recommender(replace(by_group.state, catalog=by_group.catalog.copy()))
    export_recommender(made, tmp_path / "export", formats=("torch",))
    assert "features of users are not exported" in caplog.text
    split = leave_one_out(Interactions(LOG), made.catalog)
    with pytest.raises(ValueError, match="from_model expects a model without features of users"):
        Recommender.from_model(made.model, made.catalog, split, {})
