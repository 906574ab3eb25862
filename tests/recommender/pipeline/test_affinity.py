from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec import Options, Recommender
from mmrec.affinities import COUNTED, ContentAffinity
from mmrec.data import Catalog, Histories, Interactions
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.pipeline.affinity import continuing, weights_of
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.scorers import scorer_at
from mmrec.recommender.pipeline.trend import known_events, with_trend
from mmrec.trends import Trend, TrendWeights

ITEMS = {"item_id": [f"i{n}" for n in range(40)]}
OF_PRODUCT = ("learned", "content:look", "novelty")


def chains(users, name, start=0.0, seed=0):
    """Events in which each item is followed by the next one."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(users):
        first = rng.integers(0, 40)
        for step in range(6):
            item, time = f"i{(first + step) % 40}", start + 1000.0 * user + step
            rows.append((f"{name}{user}", item, time))
    names = ("user_id", "item_id", "timestamp")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def options(**more):
    small = {"modalities": ("id",), "split": "leave-one-out", "epochs": 1, "dim": 8, "lr": 1e-3}
    return Options(**(small | {"trend": False, "refit": "none"} | more))


@pytest.fixture(scope="module")
def made():
    return Recommender.fit(chains(100, "a"), ITEMS, options=options())


def first_item(recommender, item="i3"):
    return recommender.recommend([item], k=1, at=2e9)[0].item


def test_what_lifts_validation_is_chosen(made):
    assert "successors" in made.report["affinities"]["weights"]
    assert made.report["affinities"]["gain"] > 0.2
    assert first_item(made) == "i4"
    [line] = [line for line in str(made.report).splitlines() if line.startswith("affinities: ")]
    assert "successors" in line
    plain = Recommender.fit(chains(100, "a"), ITEMS, options=options(affinities=False))
    assert "affinities" not in plain.report
    assert made.report["test"]["ndcg@10"] > plain.report["test"]["ndcg@10"] + 0.2


def test_what_was_chosen_is_saved(made, tmp_path):
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i3", "i9"], at=2e9) == made.recommend(["i3", "i9"], at=2e9)
    assert (tmp_path / "run" / "neighbours.safetensors").is_file()


def test_a_run_whose_table_was_removed_can_be_loaded(made, tmp_path, caplog):
    made.save(tmp_path / "run")
    (tmp_path / "run" / "neighbours.safetensors").unlink()
    assert Recommender.load(tmp_path / "run").state.neighbours == ()
    assert "the RUN lacks neighbours.safetensors" in caplog.text


def test_later_events_are_measured_with_what_is_served(made):
    later = chains(30, "c", 1e6, seed=2)
    shorter = {name: values[:90] for name, values in later.items()}  # too few to count anew
    assert made.evaluate(shorter)["test"]["ndcg@10"] > 0.5


def test_tables_of_a_part_know_nothing_later(made):
    catalog = Catalog(ITEMS)
    split = split_log(Interactions(chains(100, "a")), made.options, catalog)
    [served] = [one for one in made.state.neighbours if one.kind == "successors"]
    assert float(served.counts.sum()) == 100 * 5  # all events
    for part, known in (("valid", 3), ("test", 4)):
        terms = scorer_at(made.state, split, part).terms
        [term] = [one for one in terms if one.kind == "successors"]
        assert float(term.counts.sum()) == 100 * known


@pytest.mark.parametrize("users", [5, 60])
def test_an_update_continues_the_tables(made, users):
    """With few users nothing can be chosen anew, and what was chosen before stays."""
    new = made.update(chains(users, "b", 1e6, seed=1))
    [old] = [one for one in made.state.neighbours if one.kind == "successors"]
    [one] = [one for one in new.state.neighbours if one.kind == "successors"]
    assert float(one.counts.sum()) == float(old.counts.sum()) + 5 * users
    assert first_item(new) == "i4"


def of_kind(recommender, kind="successors"):
    [one] = [one for one in recommender.state.neighbours if one.kind == kind]
    return one


def randomly(users, name, start, seed):
    """Events in which nothing follows from anything."""
    rng = np.random.default_rng(seed)
    rows = chains(users, name, start, seed)
    return {**rows, "item_id": [f"i{n}" for n in rng.integers(0, 40, len(rows["item_id"]))]}


def test_weights_stay_unless_others_are_better(made):
    """Random events say little; an update with them must not forget what all others have said."""
    new = made.update(randomly(60, "b", 1e6, seed=1))
    assert weights_of(new.state) == pytest.approx(weights_of(made.state))
    moves = float(of_kind(new).counts.sum()) - float(of_kind(made).counts.sum())
    assert 0 < moves <= 60 * 5


def test_what_has_no_weight_keeps_its_counts(made, tmp_path):
    """A later update takes it again."""
    counted = tuple(one.weighted(0.0) for one in made.state.neighbours)
    dropped = Recommender(replace(made.state, neighbours=counted))
    dropped = dropped.update(randomly(60, "b", 1e6, seed=1))
    assert of_kind(dropped).weight == 0
    assert "successors" not in dropped.report["affinities"]["weights"]
    without = Recommender(replace(dropped.state, neighbours=()))
    assert dropped.recommend(["i3"], at=2e9) == without.recommend(["i3"], at=2e9)
    dropped.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run").update(chains(60, "c", 2e6, seed=3))
    assert of_kind(again).weight > 0
    assert float(of_kind(again).counts.sum()) == float(of_kind(dropped).counts.sum()) + 60 * 5
    assert first_item(again) == "i4"


def test_a_loaded_run_measures_the_log_of_its_update_as_before(made, tmp_path):
    later = chains(60, "b", 1e6, seed=1)
    new = made.update(later)
    new.save(tmp_path / "run")
    loaded = Recommender.load(tmp_path / "run")
    assert torch.equal(of_kind(loaded).before.counts, of_kind(made).counts)
    for part in ("valid", "test"):
        assert loaded.evaluate(later)[part]["ndcg@10"] == new.report[part]["ndcg@10"]


def test_another_log_is_counted_alone(made, caplog):
    """Events of the first log are in the counts before the update already."""
    new = made.update(chains(60, "b", 1e6, seed=1))
    new.evaluate(chains(100, "a"))
    assert "affinities are counted in the 600 events of this log alone" in caplog.text
    split = split_log(Interactions(chains(100, "a")), new.options, Catalog(ITEMS))
    alone = continuing(new.state, split)
    [term] = [one for one in scorer_at(alone, split, "test").terms if one.kind == "successors"]
    assert float(term.counts.sum()) == 100 * 4


def test_counts_that_are_new_or_lost_are_said(made, caplog):
    plain = Recommender(replace(made.state, neighbours=()))
    plain.update(chains(60, "b", 1e6, seed=1))
    assert "successors" in caplog.text
    assert "counted in the 360 events of this log alone" in caplog.text
    caplog.clear()
    made.update(chains(60, "b", 1e6, seed=1), options={"affinities": False})
    kinds = " and ".join(one.kind for one in made.state.neighbours)
    assert f"without affinities, the counts of {kinds} are lost" in caplog.text


def test_the_same_events_are_counted_once(monkeypatch):
    counted = []
    for kind, one in COUNTED.items():

        def of(events, *args, kind=kind, of=one.of):
            counted.append((kind, len(events.item), events.item.tobytes()))
            return of(events, *args)

        monkeypatch.setattr(one, "of", of)
    made = Recommender.fit(chains(100, "a"), ITEMS, options=options(refit="all", trend=True))
    assert of_kind(made).weight
    assert len(counted) == len(set(counted))
    sizes = [size for kind, size, _ in counted if kind == "successors"]
    assert sizes == [400, 600, 500]  # for the choice, to serve, and to measure on test


def test_a_refit_counts_all_events_again():
    made = Recommender.fit(chains(60, "a"), ITEMS, options=options(refit="all"))
    [one] = [one for one in made.state.neighbours if one.kind == "successors"]
    assert float(one.counts.sum()) == 60 * 5


def test_too_few_users_conclude_nothing():
    made = Recommender.fit(chains(10, "a"), ITEMS, options=options())
    assert made.state.neighbours == ()
    assert "affinities" not in made.report


@pytest.fixture(scope="module")
def by_topic():
    """Items of topics that their vectors show; each user stays in a topic, in any order."""
    rng = np.random.default_rng(0)
    topic = np.arange(400) % 8
    vectors = np.eye(8)[topic] + 0.05 * rng.normal(size=(400, 8))
    rows = []
    for user in range(150):
        own = np.flatnonzero(topic == rng.integers(8))
        for step, item in enumerate(rng.choice(own, 5, replace=False)):
            rows.append((f"u{user}", f"i{item}", 1000.0 * user + step))
    names = ("user_id", "item_id", "timestamp")
    events = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return events, {"item_id": [f"i{n}" for n in range(400)], "look": vectors.tolist()}, topic


def test_content_is_chosen_and_saved_and_right_for_new_items(by_topic, tmp_path):
    events, items, topic = by_topic
    made = Recommender.fit(events, items, options=options(modalities=("id", "look=vectors:look")))
    assert "content:look" in made.report["affinities"]["weights"]
    assert ContentAffinity.of(made.model).dims == {"look": 8}
    assert made.vectors.shape[1] == 8 + 8
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i3"], at=2e9) == made.recommend(["i3"], at=2e9)
    again.add_items({"item_id": ["new"], "look": [np.eye(8)[3].tolist()]})
    scores = again.catalog_scorer.scores(Histories.of_items([[4, 12, 20]]))[0]  # of topic 3
    own = np.flatnonzero(topic == 3) + 1
    others = np.flatnonzero(topic != 3) + 1
    assert scores[-1] > scores[torch.from_numpy(others)].max()
    assert float(scores[torch.from_numpy(own)].mean()) > float(scores[others].mean())


def test_items_without_events_are_found_by_their_content(by_topic):
    """A fifth of the users take all old items of a topic, and then items that nobody has taken."""
    _, items, topic = by_topic
    rng, rows = np.random.default_rng(1), []
    for user in range(200):
        new = user % 5 == 0
        own = np.flatnonzero(topic == rng.integers(4) + 4 * new)
        taken = rng.permutation(own[:5]) if new else rng.choice(own, 5, replace=False)
        if new:
            taken = [*taken, *rng.choice(own[5:], 2, replace=False)]
        rows += [(f"u{user}", f"i{n}", 1000.0 * user + step) for step, n in enumerate(taken)]
    names = ("user_id", "item_id", "timestamp")
    events = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    made = Recommender.fit(events, items, options=options(modalities=("id", "look=vectors:look")))
    facts = made.report["affinities"]
    assert facts["cold"]["requests"] >= 40
    assert facts["weights"].items() >= facts["cold"]["weights"].items()
    assert made.report["test"]["cold"]["hr@10"] > 0.15


def waves(hours=120, users=4, seed=0):
    """Events in which each hour has its eight items, which are read in any order."""
    rng, rows = np.random.default_rng(seed), []
    for hour in range(hours):
        hot = rng.choice(40, 8, replace=False)
        for user in range(users):
            for step, item in enumerate(rng.choice(hot, 6, replace=False)):
                rows.append((f"u{hour}-{user}", f"i{item}", 3600.0 * hour + 400 * user + step))
    names = ("user_id", "item_id", "timestamp")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def test_affinities_are_chosen_beside_the_trend():
    found = {}
    for trend in (False, True):
        made = Recommender.fit(waves(), ITEMS, options=options(trend=trend))
        found[trend] = made.report["affinities"]
    assert found[True]["ndcg@10"] > 1.5 * found[False]["ndcg@10"]  # what they are added to
    assert found[True]["gain"] < 0.5 * found[False]["gain"]  # they stand in for it no more
    assert "\ntrend: popularity and age (NDCG@10 on validation +0" in str(made.report)


def test_a_trend_without_affinities_is_what_it_would_be_beside_them():
    """It is chosen once: a second choice would find the same."""
    made = Recommender.fit(waves(), ITEMS, options=options(trend=True, affinities=False))
    split = split_log(Interactions(waves()), made.options, made.catalog)
    again, facts = with_trend(made.state, split)
    assert facts["trend"] == made.report["trend"]
    assert again.trend.weights == made.state.trend.weights


def releases(users=700, start=0, seed=2, newest=True):
    """Every other user takes what is newest of a topic; the others take old items of one."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(start, start + users):
        own = np.arange(rng.integers(8), 400, 8)  # the items of a topic, the oldest first
        place = user * len(own) // 700
        of_old = rng.choice(own[:8], 5, replace=False)
        taken = own[max(place - 5, 0) : place] if newest and user % 2 else of_old
        rows += [(f"u{user}", f"i{n}", 1000.0 * user + step) for step, n in enumerate(taken)]
    names = ("user_id", "item_id", "timestamp")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


@pytest.fixture(scope="module")
def with_new(by_topic):
    _, items, _ = by_topic
    how = {"modalities": ("id", "look=vectors:look"), "split": "time", "epochs": 3}
    return Recommender.fit(releases(), items, options=options(**how))


def test_new_items_have_weights_of_their_own(with_new, tmp_path):
    weights = with_new.report["affinities"]["weights"]
    assert {"new.learned", "new:look", "new", "novelty"} <= set(weights)
    assert 0.1 <= weights["new.learned"] < 1
    assert weights["novelty"] > 0
    assert with_new.report["test"]["cold"]["hr@10"] > 0.6
    with_new.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    found = weights_of(again.state)
    assert found == pytest.approx(weights, rel=1e-5)
    past = ["i392", "i376", "i3"]
    assert again.recommend(past, at=2e9) == with_new.recommend(past, at=2e9)
    live = RealtimeRecommender(again)
    for number, item in enumerate(past):
        live.observe("ann", item, time=1e6 + number)
    by_item = {line.item: line.score for line in with_new.recommend(past, k=400, at=2e9)}
    for line in live.recommend("ann", k=10, at=2e9, exclude_seen=True):
        why = live.explain("ann", line.item, at=2e9)
        assert why.score == pytest.approx(line.score, abs=1e-3)
        assert why.terms["novelty"] > 0 or line.score == pytest.approx(by_item[line.item], abs=1e-3)


def test_who_took_new_items_is_shown_more_of_them(with_new):
    new = {f"i{n}" for n in range(400) if not with_new.state.counts[n + 1]}
    topic = list(range(3, 400, 8))
    took = {
        name: [f"i{n}" for n in some] for name, some in (("new", topic[-6:-2]), ("old", topic[:4]))
    }
    shown = {
        name: sum(line.item in new for line in with_new.recommend(past, at=2e9))
        for name, past in took.items()
    }
    assert set(took["new"]) <= new
    assert shown["new"] > shown["old"]


def test_one_event_does_not_account_for_what_every_history_adds(with_new):
    live = RealtimeRecommender(with_new)
    live.observe("ann", "i3", time=1e6)
    why = live.explain("ann", "i395", at=2e9)
    constant = weights_of(with_new.state)["new"]
    product = sum(v for name, v in why.terms.items() if name in OF_PRODUCT)
    assert dict(why.history)["i3"] == pytest.approx(product - constant, abs=1e-3)


def test_an_update_with_few_new_items_keeps_their_weights(with_new):
    again = with_new.update(releases(250, start=700, seed=3, newest=False), options={"epochs": 1})
    assert again.report["affinities"]["cold"]["requests"] == 0
    before, after = weights_of(with_new.state), weights_of(again.state)
    own = [name for name in before if name.startswith("new") or name == "novelty"]
    assert {name: after[name] for name in own} == pytest.approx({n: before[n] for n in own})


def test_an_update_with_few_users_keeps_the_trend(made):
    """Its counts too: a few events say nothing of what is popular in the long run."""
    weights = TrendWeights(now=1.0)
    events = known_events(split_log(made._log, made.options, made.catalog), "test")
    trend = Trend.of(events, events.counts(40), half_life=1e6, pseudo_count=9.0, weights=weights)
    state = replace(made.state, trend=trend, options=made.options.replace(trend=True))
    few = {**chains(8, "b", 1e6, seed=1)}
    few["item_id"][0] = "later"
    items = {"item_id": [*ITEMS["item_id"], "later"]}
    new = Recommender(state).update(few, items)
    at = torch.tensor([2e6])
    assert torch.equal(new.state.trend.bonus(at)[:, :41], trend.bonus(at))
    assert new.state.trend.catalog_size == 41
