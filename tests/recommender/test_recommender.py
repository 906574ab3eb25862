import json
import pickle
import re
from dataclasses import replace
from inspect import unwrap

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

from mmrec import Recommender, __version__
from mmrec.data import Catalog, Histories, Interactions
from mmrec.recommender import RunError


def ids(lines):
    return [line.item for line in lines]


def test_it_has_learned_what_follows(by_id):
    lines = by_id.recommend(["i3", "i4", "i5"], 4)
    assert lines[0].item == "i6"
    assert [line.reason for line in lines] == ["interest"] * 4
    scores = [line.score for line in lines]
    assert scores == sorted(scores, reverse=True)
    assert by_id.recommend(["i29"], 1)[0].item == "i0"


def test_many_histories_are_as_one_by_one(by_id):
    histories = [["i3"], [], ["i1", "i2", "i9"]]
    together = by_id.recommend_many(histories, 5)
    for history, lines in zip(histories, together, strict=True):
        alone = by_id.recommend(history, 5)
        assert ids(alone) == ids(lines)
        assert [x.score for x in alone] == pytest.approx([x.score for x in lines], abs=1e-4)
    many = by_id.recommend_many([["i3"]] * 600, 2)
    assert len(many) == 600
    assert all(ids(lines) == ids(many[0]) for lines in many)
    assert by_id.recommend_many([[]], 3)[0] == by_id.recommend([], 3)


@pytest.mark.parametrize(
    "history",
    [
        np.array(["i3", "i4"]),
        pl.Series(["i3", "i4"]),
        ("i3", "i4"),
        [np.str_("i3"), "i4"],
        pd.Series(["i3", "i4"], index=[5, 2]),
        pd.Series(["i3", "i4"], index=["a", "a"], dtype="category"),
    ],
    ids=["numpy", "polars", "tuple", "scalars", "pandas", "pandas categories"],
)
def test_histories_of_other_kinds(by_id, history):
    expected = by_id.recommend(["i3", "i4"], 3)
    assert by_id.recommend(history, 3) == expected
    assert [ids(lines) for lines in by_id.recommend_many([history, history], 3)] == [
        ids(expected)
    ] * 2
    assert by_id.recommend(history[:0], 3) == by_id.recommend([], 3)


def test_rows_of_a_matrix_and_of_a_column(by_id):
    rows = [["i3", "i4"], ["i7", "i8"]]
    expected = by_id.recommend_many(rows, 3)
    assert by_id.recommend_many(np.array(rows), 3) == expected
    assert by_id.recommend_many(pl.Series(rows), 3) == expected
    assert by_id.recommend_many(pd.Series(rows, index=[4, 4]), 3) == expected


def test_generators(by_id):
    assert by_id.recommend((i for i in ["i3", "i4"]), 3) == by_id.recommend(["i3", "i4"], 3)
    read = []

    def histories():
        for number in range(300):
            read.append(number)
            yield (item for item in [f"i{number % 30}"])
        raise OSError("the source is gone")

    with pytest.raises(OSError, match="gone"):
        by_id.recommend_many(histories(), 3)
    assert len(read) == 300
    many = by_id.recommend_many(([f"i{n % 30}"] for n in range(300)), np.int64(3))
    assert many[270:] == many[:30]
    assert ids(many[4]) == ids(by_id.recommend(["i4"], np.int32(3)))
    assert ids(by_id.similar("i4", np.uint8(3))) == ids(by_id.similar("i4", 3))


@pytest.mark.parametrize("history", [["i3", "i4"], []])
def test_excluded_items(by_id, history):
    every = ids(by_id.recommend(history, 30))
    out = [every[0], every[3], "i3"]
    for exclude in (out, np.array(out), set(out), (item for item in out)):
        found = by_id.recommend(history, 30, exclude=exclude)
        assert sorted(ids(found)) == sorted(set(every) - set(out))
    assert ids(by_id.recommend(history, 3, exclude=every[:2])) == every[2:5] or not history
    with pytest.raises(ValueError, match=r"an item id is not in the catalogue .*'none'"):
        by_id.recommend(history, exclude=["i1", "none"])
    with pytest.raises(ValueError, match="exclude must be a list of item ids; got the text 'i1'"):
        by_id.recommend(history, exclude="i1")


def test_integer_ids(fit, chain, options):
    events, items = chain()
    events["item_id"] = [int(item[1:]) for item in events["item_id"]]
    items["item_id"] = [int(item[1:]) for item in items["item_id"]]
    made = Recommender.fit(events, items, options=options(epochs=1), negatives="full")
    expected = made.recommend([3, 4], 2)
    assert made.recommend(np.array([3, 4]), 2) == made.recommend(pl.Series([3, 4]), 2) == expected
    assert all(type(item) is int for item in ids(expected))
    assert made.recommend(["3", "4"], 2) == expected
    with pytest.raises(ValueError, match=r"an item id is not in .*got \['03'\]; '03' may be 3 of"):
        made.recommend(["03"])


def test_a_recurrence_reads_all_events_and_all_are_left_out(by_id):
    long = [f"i{i}" for i in range(20)]
    lines = by_id.recommend(long, 30)
    assert not set(ids(lines)) & set(long)
    assert len(lines) == 10
    open_list = by_id.recommend(long, 30, exclude_seen=False)
    assert len(open_list) == 30
    # As many as the live recommender folds, also more than a training window has.
    histories = Histories.of_items([[index + 1 for index in range(20)]])
    with torch.no_grad():
        scores = by_id.model.eval().scores(histories, by_id.vectors)[0]
    assert open_list[0].score == pytest.approx(float(scores[1:].max()), abs=1e-5)


def test_a_condition_with_the_name_of_a_column_before_it_was_renamed(by_id):
    about = {**by_id.state.about, "columns": {"topic": "kind"}}
    own = Recommender(replace(by_id.state, about=about))
    said = "'topic' (it was renamed: here it is 'kind') among"
    with pytest.raises(ValueError, match=re.escape(said)):
        own.recommend(["i3"], where="topic = even")
    with pytest.raises(ValueError, match="it was renamed: here it is 'kind'"):
        own.recommend(["i3"], where={"topic": "even"})
    with pytest.raises(ValueError, match="there is no column 'topic' among"):
        by_id.recommend(["i3"], where="topic = even")


def test_where(by_id):
    even = by_id.recommend(["i3"], 30, where={"kind": "even"})
    assert {int(item[1:]) % 2 for item in ids(even)} == {0}
    assert len(even) == 15
    assert by_id.recommend(["i3"], 30, where=pl.col("kind") == "even") == even
    assert by_id.recommend(["i3"], 30, where="kind = even") == even
    assert by_id.recommend(["i3"], 30, where=["kind != odd", {"kind": {"=": "even"}}]) == even
    assert by_id.recommend(["i3"], where={"kind": "blue"}) == []
    popular = by_id.recommend([], 5, where={"kind": ["odd"]})
    assert {int(item[1:]) % 2 for item in ids(popular)} == {1}
    assert by_id.recommend([], where={"kind": "blue"}) == []
    with pytest.raises(ValueError, match=r"items must have the columns \['color'\]"):
        by_id.recommend(["i3"], where={"color": "blue"})


def test_k_is_the_most_lines_of_a_list(by_id):
    assert len(by_id.recommend(["i3"], 1000)) == 29
    assert len(by_id.recommend([], 1000)) == 30
    assert len(by_id.similar("i3", 1000)) == 29
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k must be 1 or more; got {k}"):
            by_id.recommend(["i3"], k)
        with pytest.raises(ValueError, match=f"k must be 1 or more; got {k}"):
            by_id.similar("i3", k)


def test_unknown_items_and_a_bare_text(by_id):
    with pytest.raises(
        ValueError, match="an item id is not in the catalogue of 30 items, whose ids are text"
    ):
        by_id.recommend(["i3", "nothing"])
    with pytest.raises(ValueError, match="not in the catalogue"):
        by_id.similar("nothing")
    with pytest.raises(ValueError, match="a history must be a list of item ids; got the text"):
        by_id.recommend("i3")
    with pytest.raises(ValueError, match="a history must be a list of item ids; got None"):
        unwrap(type(by_id).recommend)(by_id, None)
    with pytest.raises(ValueError, match="k must be a whole number; got '3'"):
        unwrap(type(by_id).recommend)(by_id, ["i3"], "3")


def test_an_empty_history_gets_popular_items(by_id):
    lines = by_id.recommend([], 3)
    assert [line.reason for line in lines] == ["popularity"] * 3
    lines = by_id.recommend([], 3, at=1e9)
    popular = by_id.catalog_scorer.popular(1e9)[1:]
    assert lines[0].score == pytest.approx(float(popular.max()))
    assert by_id.catalog.indices_of([lines[0].item])[0] == int(popular.argmax()) + 1


def test_similar_items_are_those_of_like_direction(by_id):
    lines = by_id.similar("i3", 5)
    unit = torch.nn.functional.normalize(by_id.vectors[1:], dim=1)
    cosines = unit @ unit[3]
    cosines[3] = -2
    assert ids(lines) == [f"i{i}" for i in cosines.argsort(descending=True)[:5].tolist()]
    assert lines[0].score == pytest.approx(cosines.max().item(), abs=1e-5)
    assert "i3" not in ids(by_id.similar("i3", 30))
    odd = by_id.similar("i3", 30, where={"kind": "odd"})
    assert {int(item[1:]) % 2 for item in ids(odd)} == {1}


def test_the_report(by_id):
    report = by_id.report
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert {"split", "fingerprint", "seed", "valid", "test", "baselines"} <= set(report)
    assert {"training", "left_out", "cut_texts", "seconds"} <= set(report)
    assert report["split"] == "time"
    assert report["seed"] == 0
    assert set(report["baselines"]) >= {"popularity", "markov"}
    for part in (report["valid"], report["test"], report["baselines"]["markov"]):
        assert 0 <= part["ndcg@10"] <= part["hr@10"] <= 1
    assert report["test"]["ndcg@10"] > report["baselines"]["popularity"]["ndcg@10"] + 0.3
    assert report["training"]["epochs"] == len(report["training"]["valid_curve"])


def test_measuring_again_gives_the_same_report(by_id, chain, tmp_path):
    events, _ = chain(users=60, items=30)
    again = by_id.evaluate(events)
    assert again == {name: by_id.report[name] for name in again}
    assert by_id.evaluate() == by_id.evaluate(Interactions(pl.DataFrame(events))) == again
    by_id.save(tmp_path / "run")
    with pytest.raises(ValueError, match="evaluate needs the log of events"):
        Recommender.load(tmp_path / "run").evaluate()
    other, _ = chain(users=60, items=30, seed=1)
    assert by_id.evaluate(other)["fingerprint"] != by_id.report["fingerprint"]
    said = "refers to 1 item that is not in the catalogue.*; add_items adds them by their content"
    with pytest.raises(ValueError, match=said):
        by_id.evaluate(events | {"item_id": ["nothing", *events["item_id"][1:]]})


def test_other_event_types_in_another_log(fit, chain):
    made = fit(event_types=True, time_gap=True)
    events, _ = chain()
    same = made.evaluate(events)
    assert same["test"] == made.report["test"]
    # One more type, first in the alphabet: the others keep their numbers, and it has none.
    events["event"][0] = "aaa"
    found = made.evaluate(events)["test"]
    assert found["targets"] == same["test"]["targets"]
    assert found["ndcg@10"] == pytest.approx(same["test"]["ndcg@10"], abs=0.01)
    events["event"] = [f"type {i}" for i in range(len(events["event"]))]
    assert 0 <= made.evaluate(events)["test"]["ndcg@10"] <= 1


def test_same_seed_same_recommender(fit, chain):
    first, again, other = (fit(seed=seed).model.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


@pytest.mark.parametrize(
    ("loss", "negatives"),
    [("softmax", "uniform"), ("bpr", "in-batch"), ("bpr-max", "full"), ("gbce", "popularity")],
)
def test_losses_and_negatives(fit, loss, negatives):  # each alone: pipeline/test_every_part.py
    made = fit(log={"users": 12}, loss=loss, negatives=negatives, pool_size=5, epochs=1)
    assert made.vectors.isfinite().all()


@pytest.mark.parametrize("fusion", ["concat", "attention", "siamese"])
@pytest.mark.parametrize("reranker", [None, "mlp"])
def test_fusions_and_rerankers_survive_saving(fit, fusion, reranker, tmp_path):
    modalities = ("id", "text", "image")
    made = fit(log={"users": 12}, modalities=modalities, fusion=fusion, reranker=reranker, epochs=1)
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.recommend_many([["i1", "i5"], []], 12) == made.recommend_many(
        [["i1", "i5"], []], 12
    )
    assert again.similar("i2") == made.similar("i2")
    assert again.options == made.options
    assert again.report == made.report


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("split", ["time", "leave-one-out"])
def test_precisions_and_splits(fit, precision, split):
    made = fit(log={"users": 12}, precision=precision, split=split, epochs=1)
    assert made.vectors.dtype == torch.float32
    assert made.vectors.isfinite().all()
    assert made.report["split"] == split


def test_end_to_end_training_changes_text_and_image_model(fit, tmp_path):
    tuned = fit(
        log={"users": 12},
        modalities=("text", "image"),
        tuning="full",
        negatives="in-batch",
        max_items=10,
        epochs=1,
    )
    before = fit(
        log={"users": 12},
        modalities=("text", "image"),
        tuning="full",
        lr=1e-9,
        encoder_lr=1e-9,
        negatives="in-batch",
        epochs=1,
        weight_decay=0.0,
    )
    for modality in ("text", "image"):
        changed = [
            (value - other).abs().max() > 1e-4
            for value, other in zip(
                tuned.model.items.encoders[modality].parameters(),
                before.model.items.encoders[modality].parameters(),
                strict=True,
            )
        ]
        assert sum(changed) > 0.8 * len(changed)
    tuned.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i1", "i5"], 12) == tuned.recommend(["i1", "i5"], 12)
    again.add_items({"item_id": ["new"], "title": ["red shoes a"], "image": ["0.png"]})
    assert again.vectors[-1].isfinite().all()


def test_features_are_kept_for_the_next_run(fit, tmp_path, monkeypatch):
    first = fit(log={"users": 12}, modalities=("text",), cache=tmp_path, epochs=1)
    monkeypatch.setattr("mmrec.encoders.cache.raw_batches", None)  # encoding again would fail
    again = fit(log={"users": 12}, modalities=("text",), cache=tmp_path, epochs=1)
    assert torch.equal(again.vectors, first.vectors)


@pytest.fixture
def own(by_content, tmp_path):
    """A copy to add items to."""
    by_content.save(tmp_path / "own")
    return Recommender.load(tmp_path / "own")


@pytest.mark.parametrize("kind", ["folder", "bytes"])
def test_images_of_new_items_are_copied(own, images, tmp_path, kind):
    content, folder = images[5].read_bytes(), tmp_path / "new"
    own.catalog.images = tmp_path / "shop"  # has none of them
    for place in (own.catalog.images, folder):
        place.mkdir()
    (folder / "x.png").write_bytes(content)
    rows = {"item_id": ["x"], "image": ["x.png"] if kind == "folder" else [None]}
    assert own.add_items(rows, images=folder if kind == "folder" else {"x": content}) == ["x"]
    assert own.catalog.image_path("x").read_bytes() == content
    assert own.state.modality_contributions["image"][-1].any()
    with pytest.raises(ValueError, match="are in the catalogue already"):
        own.add_items(rows, images=folder)


def test_a_new_item_whose_image_is_missing_is_said(by_id, own, images, caplog):
    made = Recommender(by_id.state)
    frame = made.catalog.frame.with_columns(image=pl.lit(None, dtype=pl.String))
    made.state = replace(by_id.state, catalog=Catalog(frame, images[0].parent))
    said = "1 of 1 item names an image file that does not exist, first that of x"
    made.add_items({"item_id": ["x"], "image": ["gone.png"]})
    assert said in caplog.messages
    caplog.clear()
    own.catalog.images = images[0].parent
    own.add_items({"item_id": ["x"], "title": ["hat"], "image": ["gone.png"]})
    [line] = [line for line in caplog.messages if "missing" in line or "exist" in line]
    assert "modality 'image': 1 of 1 items name missing files" in line


def test_a_new_item_is_recommended_by_its_content(own, by_content, tmp_path):
    title, image = own.catalog.row("i5")["title"], own.catalog.row("i5")["image"]
    rows = {
        "item_id": ["twin", "bare"],
        "title": [title, None],
        "image": [image, None],
        "kind": ["blue", "red"],
    }
    assert own.add_items(rows) == ["twin", "bare"]
    assert own.similar("i5", 1)[0].item == "twin"
    assert own.similar("twin", 1)[0].item == "i5"
    lines = own.recommend(["i3", "i4"], 100)
    place = {item: number for number, item in enumerate(ids(lines))}
    assert abs(place["twin"] - place["i5"]) == 1
    assert "bare" not in place  # there is nothing to recommend it by
    assert ids(own.recommend(["i3"], 100, where={"kind": "blue"})) == ["twin"]
    assert ids(own.recommend(["i3"], 100, where={"kind": "red"})) == []
    # Those that were there are as they were.
    known = [item for item in ids(lines) if item not in ("twin", "bare")]
    assert known == ids(by_content.recommend(["i3", "i4"], 100))
    own.save(tmp_path / "own")
    again = Recommender.load(tmp_path / "own")
    assert again.recommend(["twin", "i3"], 20) == own.recommend(["twin", "i3"], 20)
    assert again.catalog.row("twin")["kind"] == "blue"


def test_new_items_may_lack_columns(own):
    own.add_items({"item_id": ["told"], "title": [own.catalog.row("i7")["title"]]})
    own.add_items({"item_id": ["nothing"]})
    assert own.vectors.isfinite().all()
    assert len(own.vectors) == len(own.state.counts) == len(own.state.slots) == 15


def test_new_items_that_are_wrong(own):
    before = own.recommend(["i3"], 20)
    for rows, message in [
        ({"item_id": ["n", "i3"]}, r"items: \['i3'\] are in the catalogue already"),
        ({"item_id": ["n", "n"]}, "item_id must be unique"),
        ({"item_id": [7.5]}, "item_id must be text or integers"),
        ({"title": ["lamp"]}, r"items must have the columns \['item_id'\]"),
        ({"item_id": ["n"], "image": ["../x.jpg"]}, "lies outside"),
    ]:
        with pytest.raises(ValueError, match=message):
            own.add_items(rows)
    assert own.recommend(["i3"], 20) == before
    assert len(own.catalog) == 12


@pytest.mark.parametrize(
    "what",
    [
        "mmrec.recommender.artifact.state.encode_rows",
        "mmrec.data.Catalog.append",
        "torch.nn.functional.pad",
    ],
)
def test_items_are_added_whole_or_not_at_all(own, monkeypatch, what):
    def fail(*arguments, **more):
        raise ValueError("no memory")

    before = own.recommend(["i3"], 20)
    with monkeypatch.context() as patch:
        patch.setattr(what, fail)
        with pytest.raises(ValueError, match="no memory"):
            own.add_items({"item_id": ["new"], "title": ["lamp"]})
    assert len(own.catalog) == 12
    assert {
        len(held)
        for held in (
            own.vectors,
            own.state.counts,
            own.state.slots,
            own.state.modality_contributions["text"],
        )
    } == {13}
    assert own.recommend(["i3"], 20) == before
    assert own.add_items({"item_id": ["new"], "title": ["lamp"]}) == ["new"]


@pytest.mark.parametrize(
    ("held", "wrong"),
    [(1.7e9, 1.7e12), (1.7e12, 1.7e9), ("2026-12-01", "1.7e9"), ("1.7e9", "soon")],
)
def test_times_of_new_items_are_in_the_unit_and_form_of_the_catalogue(own, held, wrong):
    frame = own.catalog.frame.with_columns(created_at=pl.lit(held))
    made = Recommender(replace(own.state, catalog=Catalog(frame)))
    with pytest.raises(ValueError, match=r"items: created_at must be a .* as in the catalogue"):
        made.add_items({"item_id": ["new"], "created_at": [wrong]})
    assert len(made.catalog) == 12
    assert made.add_items({"item_id": ["new"], "created_at": [held]}) == ["new"]


def test_new_items_take_no_value_and_no_column_that_conditions_could_not_read(own):
    texts = {"child_safe": ["true", "false"] * 6, "duration": ["90", "95"] * 6}
    frame = own.catalog.frame.with_columns(
        **{name: pl.Series(values) for name, values in texts.items()}
    )
    own = Recommender(replace(own.state, catalog=Catalog(frame)))
    for column, text, said in (
        (
            "child_safe",
            "maybe",
            "child_safe must be true or false as in the catalogue; got 'maybe'",
        ),
        ("duration", "long", "duration must be a number as in the catalogue; got 'long'"),
        ("titel", "lamp", r"got \['titel'\] \(did you mean 'title'\?\)"),
    ):
        with pytest.raises(ValueError, match=said):
            own.add_items({"item_id": ["new"], "title": ["lamp"], column: [text]})
    assert own.catalog.frame.equals(frame)
    row = {"item_id": ["new"], "title": ["lamp"], "child_safe": [True], "duration": [100]}
    assert own.add_items(row) == ["new"]
    found = own.recommend(["i3"], 20, where="child_safe = true and duration >= 100")
    assert ids(found) == ["new"]


def test_a_new_item_of_a_model_of_ids(saved):
    made = Recommender.load(saved)
    made.add_items({"item_id": ["new"]})
    assert len(made.recommend(["i3"], 100)) == 30
    assert len(made.recommend(["new"], 100)) == 30


def test_a_catalogue_that_was_passed_in_stays_as_it_is(fit, chain):
    catalog = Catalog(chain()[1])
    made = fit(catalog=catalog, epochs=1)
    made.add_items({"item_id": ["new"]})
    assert "new" in made.catalog
    assert "new" not in catalog
    assert len(catalog) == len(made.catalog) - 1 == 12
    assert len(catalog.indices_of(catalog.ids)) == 12


def test_damaged_content_is_left_out_and_counted(chain, options, images, tmp_path, bert_folder):
    events, items = chain(users=12)
    for path in images:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "1.png").write_bytes(images[1].read_bytes()[:60])
    (tmp_path / "2.png").unlink()
    items["title"][3] = "warm <b>hat</b> &amp; " * 5000  # some 100,000 characters
    items["title"][4] = ""
    items["title"][5] = None
    for tuning in ("frozen", "last-1"):
        made = Recommender.fit(
            events,
            items,
            images=tmp_path,
            options=options(modalities=("text", "image"), tuning=tuning, epochs=1),
            encoders={"text": str(bert_folder), "image": "test_vit"},
        )
        assert sorted(made.report["left_out"]["image"]) == ["i1", "i2"]
        assert "1.png" in made.report["left_out"]["image"]["i1"]
        assert made.report["cut_texts"] == 1
        assert made.report["items_with"] == {"text": 10, "image": 10}
        assert made.vectors.isfinite().all()


def test_saving_and_loading(by_id, saved):
    again = Recommender.load(saved)
    histories = [["i3", "i4"], [], ["i9"]]
    assert again.recommend_many(histories, 30) == by_id.recommend_many(histories, 30)
    assert torch.equal(again.vectors, by_id.vectors)
    assert not again.model.training
    again.save(saved)  # over itself
    assert Recommender.load(saved).recommend_many(histories, 30) == by_id.recommend_many(
        histories, 30
    )


def test_a_run_names_the_versions_it_was_made_with(saved):
    versions = json.loads((saved / "config.json").read_text())["versions"]
    assert versions == {"mmrec": __version__, "torch": torch.__version__}


def test_of_several_processes_the_first_writes(by_id, tmp_path, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    by_id.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("LOCAL_RANK", "0")
    by_id.save(tmp_path / "run")
    assert (tmp_path / "run").exists()


def rewrite(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_a_run_that_describes_no_model(saved, tmp_path):
    def broken(change, name="config.json"):
        target = tmp_path / "broken"
        if target.exists():
            for path in target.iterdir():
                path.unlink()
        target.mkdir(exist_ok=True)
        for path in saved.iterdir():
            (target / path.name).write_bytes(path.read_bytes())
        rewrite(target / name, change)
        with pytest.raises(RunError) as error:
            Recommender.load(target)
        assert "\n" not in str(error.value)
        return str(error.value)

    def model(values):
        return values["options"]["model"]

    def interest(values):
        return values["parts"]["interest"]

    assert "options ['sparkle'] are unknown" in broken(lambda c: c["options"].update(sparkle=1))
    assert "options ['sparkle'] are unknown" in broken(lambda c: model(c).update(sparkle=1))
    assert "dim must be" in broken(lambda c: model(c).update(dim=-1))
    assert "'options' is missing" in broken(lambda c: c.pop("options"))
    assert "'event_types' is missing" in broken(lambda c: c.pop("event_types"))
    assert "'fusion' is missing" in broken(lambda c: c["parts"].pop("fusion"))
    assert "expects item vectors of width 8" in broken(
        lambda c: interest(c)["init_args"].update(dim=8)
    )
    assert "can't be made with" in broken(lambda c: interest(c)["init_args"].update(sparkle=1))
    assert "does not describe a model" in broken(lambda c: c.update(options=7))
    assert "does not describe a model" in broken(lambda c: c.update(event_types=None))
    assert "does not describe a model" in broken(lambda c: c.update(parts=["interest"]))
    assert "the interest is a.B, which" in broken(lambda c: interest(c).update(class_path="a.B"))
    for path in ("os.system", "mmrec.cli.main", "mmrec.data.make_shop", "mmrec.interest.torch"):
        assert f"the interest is {path}, which is not a part of mmrec" in broken(
            lambda c, path=path: interest(c).update(class_path=path)
        )


def test_weights_of_another_shape(saved, forget_hashes):
    forget_hashes(saved)
    weights = load_file(saved / "model.safetensors")
    name = next(iter(weights))
    save_file(weights | {name: torch.zeros(1, 2)}, saved / "model.safetensors")
    with pytest.raises(RunError, match=f"does not describe a model: size mismatch for {name}"):
        Recommender.load(saved)


def test_vectors_of_another_width(saved, forget_hashes):
    forget_hashes(saved)
    items = pl.read_parquet(saved / "items.parquet")
    vectors = pl.Series(
        "mmrec_vector", np.zeros((30, 3), np.float32), dtype=pl.Array(pl.Float32, 3)
    )
    items.with_columns(vectors).write_parquet(saved / "items.parquet")
    with pytest.raises(RunError, match="must hold item vectors of width 16; they have 3"):
        Recommender.load(saved)


def test_a_run_never_runs_code(saved, tmp_path, forget_hashes):
    forget_hashes(saved)  # else files that were changed are not even opened

    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    for name in ("model.safetensors", "config.json", "items.parquet", "report.json"):
        whole = (saved / name).read_bytes()
        (saved / name).write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(RunError):
            Recommender.load(saved)
        torch.save(Bomb(), saved / name)
        with pytest.raises(RunError):
            Recommender.load(saved)
        (saved / name).write_bytes(whole)
    assert Recommender.load(saved).recommend(["i3"], 1)
    assert not (tmp_path / "ran").exists()


def test_moving_to_a_device(saved):
    made = Recommender.load(saved)
    before = made.recommend(["i3"], 5)
    assert made.to("cpu") is made
    assert made.recommend(["i3"], 5) == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_serving_on_cuda(saved):
    made = Recommender.load(saved)
    before = made.recommend_many([["i3"], []], 5)
    made.to("cuda")
    assert [ids(lines) for lines in made.recommend_many([["i3"], []], 5)] == [
        ids(x) for x in before
    ]
    made.add_items({"item_id": ["new"]})
    assert len(made.similar("new", 3)) == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_fitting_on_cuda_ends_on_the_cpu(fit):
    made = fit(modalities=("id", "text", "image"), epochs=1)
    held = [made.vectors, made.state.counts, *made.model.state_dict().values()]
    assert {tensor.device.type for tensor in held} == {"cpu"}
    assert made.evaluate()["test"]["ndcg@10"] == pytest.approx(
        made.report["test"]["ndcg@10"], abs=0.02
    )


def test_arguments_of_another_kind(by_id, chain, options, tmp_path, unchecked):
    events, items = chain()
    with pytest.raises(ValueError, match=r"options must be mmrec.Options\(...\); got {'dim': 8}"):
        Recommender.fit(events, items, options={"dim": 8})
    with pytest.raises(ValueError, match=r"item must be the id of one item; got \['i3'\]"):
        by_id.similar(["i3"])
    with pytest.raises(ValueError, match=r"a history must have the columns \['item_id'\]"):
        by_id.recommend(pl.DataFrame({"thing": ["i3"]}))
    for name in ("item_id", "item"):
        assert by_id.recommend(pl.DataFrame({name: ["i3"]})) == by_id.recommend(["i3"])
    for folder in (tmp_path, str(tmp_path)):
        what = f"must be rows, or a file; {tmp_path} is a folder, which mmrec.data"
        with pytest.raises(ValueError, match=f"interactions {what}"):
            by_id.evaluate(folder)
        with pytest.raises(ValueError, match=f"interactions {what}"):
            Recommender.fit(folder, items, options=options())
        with pytest.raises(ValueError, match=f"items {what}"):
            Recommender.fit(events, folder, options=options())


def test_ids_may_be_written_in_other_ways(chain, options):
    events, items = chain(users=20, steps=10)
    numbers = [int(item[1:]) for item in events["item_id"]]
    texts = [item[1:] for item in items["item_id"]]
    made = Recommender.fit(
        pd.DataFrame(events | {"item_id": numbers}), items | {"item_id": texts}, options=options()
    )
    same = Recommender.fit(
        events | {"item_id": [str(n) for n in numbers]},
        items | {"item_id": texts},
        options=options(),
    )
    assert made.report["fingerprint"] == same.report["fingerprint"]
    expected = same.recommend(["3", "4"], 5)
    for history in (["3", "4"], [3, 4], np.array([3, 4]), np.array([3.0, 4.0]), [3, "4"]):
        assert made.recommend(history, 5) == expected
    for item in (3, "3", 3.0, np.int64(3)):
        assert made.similar(item, 3) == same.similar("3", 3)
    assert made.add_items({"item_id": [50], "title": ["A lamp"]}) == ["50"]


def test_columns_and_units_of_others(chain, options):
    events, items = chain(users=20, steps=10)
    theirs = {"movieId": "item_id", "userId": "user_id", "when": "timestamp"}
    ours = {new: old for old, new in theirs.items()}
    log = pl.DataFrame(events).with_columns(pl.col("timestamp") * 1000).rename(ours)
    rows = pl.DataFrame(items).rename({"item_id": "movieId"})
    how = {"columns": theirs, "time_unit": "ms"}
    plain = Recommender.fit(events, items, options=options())
    made = Recommender.fit(log, rows, options=options(), **how)
    assert made.report["fingerprint"] == plain.report["fingerprint"]
    assert made.evaluate(log, **how)["fingerprint"] == plain.report["fingerprint"]
    longer = made.update(log, rows, options={"epochs": 1}, **how)
    assert longer.report["fingerprint"] == plain.report["fingerprint"]
    for call in (made.evaluate, made.update):
        with pytest.raises(ValueError, match=r"\['film'\] are not in {'interactions'"):
            call(log, columns={"film": "item_id"})
    with pytest.raises(ValueError, match=r"interactions: columns .* two would be \['item_id'\]"):
        Recommender.fit(
            events, rows, options=options(), columns={"movieId": "x", "event": "item_id"}
        )


def test_the_problems_of_both_tables_are_in_one_message(chain, options):
    events, items = chain()
    events["timestamp"][3], items["item_id"][1] = -1, "i0"
    with pytest.raises(
        ValueError,
        match=r"3 problems: \(1\) items: .*; \(2\) interactions: 40 of 480 .*; \(3\) .*: tim",
    ):
        Recommender.fit(events, items, options=options())


def test_prices_of_a_csv_file_are_text(by_id, tmp_path):
    prices = [str(price) for price in range(len(by_id.catalog))]
    catalog = Catalog(by_id.catalog.frame.with_columns(pl.Series("price", prices)))
    own = Recommender(replace(by_id.state, catalog=catalog))
    cheap = pl.col("price").cast(float) < 3
    assert set(ids(own.recommend([], 30, where=cheap))) == set(own.catalog.ids[:3])


def test_bad_data(chain, options):
    events, items = chain()
    with pytest.raises(ValueError, match="refers to 1 item that is not in the catalogue"):
        Recommender.fit(
            events | {"item_id": ["x", *events["item_id"][1:]]}, items, options=options()
        )
    with pytest.raises(ValueError, match=r"interactions must have the columns \['user_id'\]"):
        Recommender.fit({"item_id": ["i1"], "timestamp": [1]}, items, options=options())
    times = [float("nan"), *map(float, events["timestamp"][1:])]
    with pytest.raises(ValueError, match="must be a finite number"):
        Recommender.fit(events | {"timestamp": times}, items, options=options())


def test_what_names_users_is_for_its_owner_alone(by_id, tmp_path):
    by_id.save(tmp_path / "run")
    assert (tmp_path / "run" / "targets.parquet").stat().st_mode & 0o777 == 0o600
