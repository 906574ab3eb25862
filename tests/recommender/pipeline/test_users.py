import pytest

from mmrec import Options, Recommender

EVENTS = {
    "user_id": [*"aabbccdd"] * 3,
    "item_id": [*"xyzxyzyx", *"zxyzxyzx", *"yzxyzxyz"],
    "timestamp": range(24),
}
ITEMS = {"item_id": [*"xyz"]}
USERS = {"user_id": [*"abcd"], "sex": [*"fmfm"]}


def fit(users, interest="gru4rec", events=EVENTS, **options):
    chosen = {"modalities": ("id",), "dim": 4, "epochs": 1} | options
    return Recommender.fit(events, ITEMS, users=users, options=Options(**chosen), interest=interest)


def test_columns_are_read_by_default():
    assert fit(USERS).report["user_features"] == ["category:sex"]


def test_none_reads_nothing():
    assert fit(USERS, user_features="none").state.users is None
    assert Options(user_features="none").user_features == ()


def test_a_window_has_no_place_for_features(caplog):
    match = (
        "SelfAttentionInterest reads the last 200 events alone; use gru4rec, lrurec, narm or mean"
    )
    with pytest.raises(ValueError, match=match):
        fit(USERS, "sasrec", user_features="category:sex")
    made = fit(USERS, "sasrec")
    assert made.state.users is None
    assert "the table of users is not used: SelfAttentionInterest reads" in caplog.text


def test_users_of_other_events_are_no_help(caplog):
    others = {"user_id": [*"wxyz"], "sex": [*"fmfm"]}
    assert fit(others).state.users is None
    assert "no user of the table has training events" in caplog.text
    with pytest.raises(ValueError, match="can't be used: no user of the table has training"):
        fit(others, user_features="category:sex")


def test_nothing_to_read(caplog):
    assert fit({"user_id": [*"abcd"], "name": ["Ann", "Bo", "Cy", "Di"]}).state.users is None
    assert "not used: no column is a feature" in caplog.text


def test_features_need_a_table():
    with pytest.raises(ValueError, match="needs a table of users; got none"):
        fit(None, user_features="category:sex")


def test_columns_are_chosen_by_the_values_of_users_with_events():
    more = {"user_id": [*"abcdwxyz"], "sex": [*"fmfmfmfm"], "plan": [*([None] * 4), *"ppqq"]}
    assert fit(more).report["user_features"] == ["category:sex"]


def test_privacy_reads_events_alone():
    pytest.importorskip("opacus")
    more = {"epsilon": 8.0, "modalities": ("category",), "user_features": "category:sex"}
    with pytest.raises(ValueError, match="training with privacy reads events alone"):
        Recommender.fit(
            EVENTS, ITEMS | {"category": [*"aab"]}, users=USERS, options=Options(dim=4, **more)
        )


def test_users_without_a_value_are_said():
    match = "features of users: modality 'number': no user with training events has a number in"
    with pytest.raises(ValueError, match=match):
        fit(USERS | {"age": ["young"] * 4}, user_features="number:age")


def test_a_table_does_not_change_a_training_that_does_not_read_it():
    plain, unread = fit(None), fit(USERS, user_features="none")
    for name, value in plain.model.state_dict().items():
        assert (unread.model.state_dict()[name] == value).all(), name


def test_an_update_without_features_says_so(caplog):
    fit(None).update(EVENTS, users=USERS, options={"epochs": 1})
    assert "the RUN has no features of users" in caplog.text


def test_another_table_is_not_resumed(tmp_path):
    how = {"checkpoints": tmp_path / "kept"}
    options = Options(modalities=("id",), dim=4, epochs=1)
    Recommender.fit(EVENTS, ITEMS, users=USERS, options=options, **how)
    other = USERS | {"sex": [*"ffmm"]}
    with pytest.raises(ValueError, match="can't be resumed: the users differ"):
        Recommender.fit(EVENTS, ITEMS, users=other, options=options, resume=True, **how)
