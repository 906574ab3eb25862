"""Semantic ids as a modality: trained, kept in a RUN, and given to items that come later."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from mmrec import Options, Recommender
from mmrec.data import Catalog
from mmrec.encoders import QuantizedEncoder, TextEncoder
from mmrec.recommender.check.content import uses_of
from mmrec.recommender.content import (
    Context,
    IdModality,
    SemanticModality,
    TextModality,
    VectorsModality,
    modalities_of,
)

GROUPS, EACH, NEW = 6, 8, 2


def items_of(*kinds, seed=0):
    """Items in groups, whose vectors are near those of their group."""
    rng, rows = np.random.default_rng(seed), []
    middle = np.random.default_rng(9).normal(scale=4, size=(GROUPS, 5))
    for kind, count in kinds:
        for group in range(GROUPS):
            for number in range(count):
                vector = middle[group] + rng.normal(scale=0.3, size=5)
                rows.append((f"{kind}{group}_{number}", vector.tolist()))
    return {"item_id": [name for name, _ in rows], "clip": [vector for _, vector in rows]}


def events():
    """Users who stay in one group; in the second half of the time it has new items too."""
    rng, rows = np.random.default_rng(0), []
    for user in range(60):
        group, start = user % GROUPS, rng.random() * 1e5
        old = [f"old{group}_{n}" for n in rng.permutation(EACH)[:6]]
        new = [f"new{group}_{n}" for n in rng.permutation(NEW)[:1]]
        for step, item in enumerate(old + new):
            rows.append((f"u{user}", item, start + step + 1e6 * item.startswith("new")))
    names = ("user_id", "item_id", "timestamp")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def fitted(modalities, **changes):
    small = {"dim": 8, "epochs": 4, "lr": 0.03, "batch_size": 8, "refit": "none"}
    options = Options(modalities=modalities, affinities=False, **(small | changes))
    return Recommender.fit(events(), items_of(("old", EACH), ("new", NEW)), options=options)


@pytest.fixture(scope="module")
def made():
    return fitted(("id", "semantic:vectors:clip"))


def test_new_items_are_found_since_they_share_codes(made):
    alone = fitted(("id",))
    assert made.report["fingerprint"] == alone.report["fingerprint"]
    found, alike = (one.report["test"]["cold"]["ndcg@10"] for one in (made, alone))
    assert found > alike + 0.15  # without content, new items are all alike


def test_an_item_that_is_added_gets_codes_and_changes_no_other(made, tmp_path):
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    name = "semantic:vectors:clip"
    encoder = again.state.model.items.encoders[name]
    assert torch.equal(encoder.codebooks, made.state.model.items.encoders[name].codebooks)
    assert encoder.codebooks.any()
    assert torch.equal(again.state.vectors, made.state.vectors)
    before = again.state.vectors.clone()
    again.add_items(items_of(("late", 1), seed=5))
    assert torch.equal(again.state.vectors[: len(before)], before)
    ranked = [one.item for one in again.recommend(["old3_0", "old3_1"], k=70)]
    assert ranked.index("late3_0") < 15 < ranked.index("late1_0")


def test_a_run_says_what_is_quantized(made, tmp_path):
    made.save(tmp_path / "run")
    text = (tmp_path / "run" / "config.json").read_text()
    spec = json.loads(text)["modalities"]["semantic:vectors:clip"]
    assert spec["class_path"] == "mmrec.recommender.content.SemanticModality"
    assert spec["init_args"]["base"] == {
        "class_path": "mmrec.recommender.content.VectorsModality",
        "init_args": {"source": "clip"},
    }
    assert spec["facts"] == {"column": "clip", "file": None, "feature_dim": 5, "dim": 8, "size": 6}
    assert len(text) < 20_000  # codebooks are beside the weights


def test_an_update_keeps_the_codebooks(made):
    name = "semantic:vectors:clip"
    old = made.state.model.items.encoders[name]
    more = items_of(("old", EACH), ("new", NEW), ("more", 3))
    again = made.update(events(), more, options={"epochs": 1})
    new = again.state.model.items.encoders[name]
    assert torch.equal(new.codebooks, old.codebooks)
    assert torch.equal(new.standardize.mean, old.standardize.mean)
    assert not torch.equal(new.ids.table.weight, old.ids.table.weight)


def test_codebooks_are_fitted_to_trained_items_and_the_seed_of_torch_does_not_matter():
    catalog = Catalog(items_of(("old", EACH), ("new", NEW)))
    trained = np.arange(1, GROUPS * EACH + 1)
    encoders = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        modality = SemanticModality(VectorsModality("clip"), levels=2, size=6)
        encoders.append(modality.prepare(catalog, Context(dim=4, trained=trained)).encoder)
    assert torch.equal(encoders[0].codebooks, encoders[1].codebooks)
    vectors = torch.tensor(catalog.frame["clip"].to_list()[: len(trained)])
    wanted = QuantizedEncoder(5, 4, levels=2, size=6).fit(vectors.float())
    torch.testing.assert_close(encoders[0].codebooks, wanted.codebooks)


def test_an_updated_model_keeps_the_number_of_codes():
    catalog = Catalog(items_of(("old", EACH)))
    modality = SemanticModality(VectorsModality("clip"))
    before = {"column": "clip", "file": None, "feature_dim": 5, "dim": 4, "size": 9}
    context = Context(dim=4, trained=np.arange(1, 40), before=before)
    made = modality.prepare(catalog, context)
    assert made.facts == before
    assert made.encoder.codebooks.shape == (3, 9, 5)


def test_an_item_without_a_vector_lacks_the_modality():
    catalog = Catalog({"item_id": ["a", "b"], "clip": [[0.5, 2.0], None]})
    context = Context(dim=4, trained=np.array([1, 2]))
    made = SemanticModality(VectorsModality("clip"), levels=1, size=2).prepare(catalog, context)
    assert made.source.present.tolist() == [False, True, False]


def modalities(text, encoders=None, **options):
    return modalities_of(Options(modalities=text, **options), encoders)


def test_it_reads_the_modality_of_that_name_or_one_of_its_own():
    made = modalities("semantic:text,id,text", {"text": "x/y"}, text_template="{title}")
    assert list(made) == ["semantic:text", "id", "text"]
    assert made["semantic:text"].base is made["text"]  # so it is encoded once
    alone = modalities("id,semantic:text:title", {"text": "x/y"})["semantic:text:title"]
    assert (alone.base.encoder, alone.base.template) == ("x/y", "{title}")
    named = modalities("clip=vectors:data/clip.npy,sid=semantic:clip")
    assert named["sid"].base is named["clip"]
    coarse = {"semantic": partial(SemanticModality, levels=1, size=9)}
    made = modalities("semantic:text", coarse)["semantic:text"]
    assert (made.levels, made.size, type(made.base)) == (1, 9, TextModality)
    assert modalities("semantic:text", category_buckets=7)["semantic:text"].rows == 4096


def test_a_text_of_a_model_that_was_given_built(bert_folder, tmp_path):
    items = items_of(("old", EACH), ("new", NEW))
    items["title"] = [f"red {name[3]}" for name in items["item_id"]]
    encoder = TextEncoder.from_pretrained(str(bert_folder))
    options = Options(modalities=("id", "semantic:text"), dim=4, epochs=1, refit="none")
    made = Recommender.fit(events(), items, options=options, encoders={"text": encoder})
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run", parts=[encoder])
    again.add_items({"item_id": ["late"], "title": ["red 3"]})
    late = again.state.vectors[-1]
    same = again.state.catalog.indices_of(["new3_0"])
    torch.testing.assert_close(late, again.state.vectors[int(same[0])])


def test_a_check_reads_what_it_reads():
    catalog = Catalog(items_of(("old", EACH)))
    made = modalities("id,semantic:vectors:clip")
    uses, findings = uses_of(catalog, made, np.arange(1, 9), {})
    assert uses["semantic:vectors:clip"].columns == ("clip",)
    assert uses["semantic:vectors:clip"].present.all()
    assert findings == []
    for name in ("semantic:id", "semantic:semantic:vectors:clip"):
        _, findings = uses_of(catalog, modalities(name), np.arange(1, 9), {})
        assert "expects a modality of frozen vectors" in findings[0].text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("semantic", "modality 'semantic' must name another one, such as semantic:text"),
        ("semantic:nothing", "modality 'nothing' must be one of"),
        ("semantic:text,semantic:text", "one or more different names"),
    ],
)
def test_names_that_say_nothing(text, message):
    with pytest.raises(ValueError, match=message):
        modalities(text)


def test_modalities_without_frozen_vectors():
    with pytest.raises(ValueError, match="got TextModality with tuning 'last-1'"):
        modalities("text,semantic:text", tuning="last-1")
    catalog = Catalog({"item_id": ["a", "b"], "clip": [[0.5, 2.0], None]})
    context = Context(dim=4, trained=np.array([1, 2]))
    with pytest.raises(ValueError, match=r"of frozen vectors.*; got IdModality with IdEncoder"):
        SemanticModality(IdModality()).prepare(catalog, context)
    with pytest.raises(ValueError, match="must be 1 or more; got 0, None and 4096"):
        SemanticModality(VectorsModality("clip"), levels=0)
    modality = SemanticModality(VectorsModality("clip"))
    with pytest.raises(ValueError, match="expects a QuantizedEncoder; got Linear"):
        modality.facts_of(catalog, torch.nn.Linear(2, 2))
    encoder = QuantizedEncoder(2, 4, size=9)
    wanted = {"column": "clip", "file": None, "feature_dim": 2, "dim": 4, "size": 9}
    assert modality.facts_of(catalog, encoder) == wanted
