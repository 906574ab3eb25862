import numpy as np
import pytest

from mmrec.recommender import Recommender
from mmrec.recommender.content import IdModality, modalities_of
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.private import check_private as check
from mmrec.recommender.pipeline.private import private_sampler
from mmrec.sampling import FullSampler, PopularitySampler, UniformSampler

pytest.importorskip("opacus")


def check_private(options, recipe, checkpoints=None):
    check(options, recipe, modalities_of(options), checkpoints)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modalities": ("id", "text")}, r"epsilon=8.0\) needs no id vectors, .*: set modalities"),
        ({"tuning": "last-1"}, "needs frozen text and image models: set tuning='frozen'"),
        ({"min_count": 2}, "needs min_count=0, because"),
        ({"devices": 2}, "needs one device: set devices=1"),
        ({"precision": "bf16-mixed"}, "needs float32: set precision='32-true'"),
    ],
)
def test_options_that_do_not_go_with_privacy(options, changes, message):
    private = {"modalities": ("text", "image"), "epsilon": 8.0}
    check_private(options(**private), Recipe())
    check_private(options(**(private | changes | {"epsilon": None})), Recipe())
    with pytest.raises(ValueError, match=message):
        check_private(options(**(private | changes)), Recipe())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"negatives": "popularity"}, "negatives that don't depend on the .* not 'popularity'"),
        ({"negatives": "mixed"}, "negatives that don't depend on the events: .* not 'mixed'"),
        ({"negatives": "in-batch"}, "negatives that don't depend on the events: .* not 'in-batch'"),
        ({"reranker": "mlp"}, "needs no reranker"),
    ],
)
def test_parts_that_do_not_go_with_privacy(options, given, message):
    private = options(modalities=("text", "image"), epsilon=8.0)
    check_private(options(modalities=("text",)), Recipe(given))
    with pytest.raises(ValueError, match=message):
        check_private(private, Recipe(given))


def test_ids_by_another_name_and_own_samplers_are_refused(fit):
    with pytest.raises(ValueError, match="needs no id vectors"):
        fit(modalities=("sku",), encoders={"sku": IdModality()}, epsilon=8.0)
    counts = np.ones(13)
    with pytest.raises(ValueError, match="negatives that don't depend on the events"):
        fit(modalities=("text",), epsilon=8.0, negatives=PopularitySampler(counts, 4))


def test_it_keeps_no_checkpoints(options, tmp_path):
    with pytest.raises(ValueError, match="needs no checkpoints: it can't be resumed"):
        check_private(options(modalities=("text",), epsilon=8.0), Recipe(), tmp_path)


def test_candidates_are_of_the_whole_catalogue(options):
    small = private_sampler(Recipe(), options(), 20)
    assert isinstance(small, FullSampler)
    assert small.items.tolist() == list(range(1, 21))
    large = private_sampler(Recipe(), options(pool_size=7), 5000)
    assert isinstance(large, UniformSampler)
    assert (len(large.items), len(large.draw(np.random.default_rng(0)))) == (5000, 7)
    assert isinstance(
        private_sampler(Recipe({"negatives": "uniform"}), options(), 20), UniformSampler
    )
    assert isinstance(private_sampler(Recipe({"negatives": "full"}), options(), 5000), FullSampler)


def test_fit_trains_to_the_budget_and_says_so(fit, tmp_path):
    made = fit(modalities=("text", "image"), epsilon=8.0, delta=1e-3, max_grad_norm=0.5, ema=0.9)
    privacy = made.report["privacy"]
    assert 7.9 < privacy["epsilon"] <= 8.0
    assert (privacy["delta"], privacy["max_grad_norm"]) == (1e-3, 0.5)
    assert privacy["unit"] == "user"
    assert made.report["training"] == {"epochs": 2}
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.options.epsilon == 8.0
    assert again.report["privacy"] == privacy
    assert again.recommend(["i1", "i2"], k=3) == made.recommend(["i1", "i2"], k=3)


def test_the_budget_covers_one_training(fit, caplog):
    made = fit(modalities=("text",), epsilon=8.0, epochs=1, batch_size=64, refit="all")
    assert "option refit='all' has no effect: the privacy budget covers one" in caplog.text
    assert made.options.refit == "none"
    assert list(made.report["refit"]) == ["select"]
    assert "test" in made.evaluate()


def test_the_default_delta_is_a_tenth_of_one_over_the_users(fit):
    privacy = fit(modalities=("text",), epsilon=5.0, epochs=1, batch_size=64).report["privacy"]
    assert privacy["delta"] == pytest.approx(0.1 / privacy["users"])


def test_features_are_scaled_by_all_items_with_or_without_events(fit, chain):
    _, items = chain(items=12)
    scales = [
        fit(log=log, catalog=items, modalities=("text",), epsilon=8.0, epochs=1, batch_size=64)
        .model.items.encoders["text"]
        .mean.tolist()
        for log in ({"items": 12}, {"items": 5})
    ]
    assert scales[0] == scales[1]
