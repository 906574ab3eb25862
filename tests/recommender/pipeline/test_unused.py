from functools import partial

import pytest

from mmrec.interest import GRUInterest
from mmrec.recommender import Options, Recommender
from mmrec.recommender.content import modalities_of
from mmrec.recommender.parts import PartSpec
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.unused import unused_options, warn_of_unused
from mmrec.scoring import DotScorer


@pytest.mark.parametrize(
    ("options", "recipe", "unused"),
    [
        ({}, {}, {}),
        ({"modalities": "id"}, {}, {}),
        ({"modalities": "id", "pooling": "cls"}, {}, {"pooling": "text is not a modality"}),
        ({"modalities": "id", "tuning": "full"}, {}, {"tuning": "neither text nor image is a"}),
        (
            {"modalities": "text", "modality_dropout": 0.2},
            {},
            {"modality_dropout": "the fusion reads one"},
        ),
        ({"encoder_lr": 0.1}, {}, {"encoder_lr": "no text or image model is trained"}),
        ({"encoder_lr": 0.1, "tuning": "full"}, {}, {}),
        ({"hidden_cache": "off"}, {}, {"hidden_cache": "tuning 'frozen' has no frozen layers"}),
        (
            {"hidden_cache": "auto", "tuning": "lora"},
            {},
            {"hidden_cache": "tuning 'lora' has no frozen layers below trained ones"},
        ),
        ({"hidden_cache": "float16", "tuning": "last-2"}, {}, {}),
        ({"pool_size": 9}, {"negatives": "full"}, {"pool_size": "negatives are full"}),
        ({"pool_size": 9}, {"negatives": "uniform"}, {}),
        ({"max_grad_norm": 2.0}, {}, {"max_grad_norm": "epsilon is not set"}),
        ({"epsilon": 8.0, "patience": 3}, {}, {"patience": "private training chooses no epoch"}),
        ({"epsilon": 8.0, "refit": "valid"}, {}, {"refit": "the privacy budget covers one"}),
        ({"epsilon": 8.0, "refit": "none"}, {}, {}),
        ({"refit": "valid"}, {}, {}),
        ({"keep_reranker": True}, {}, {"keep_reranker": "there is no reranker"}),
        ({"keep_reranker": True}, {"reranker": "mlp"}, {}),
        ({"affinities": False, "new_item_cost": 0.1}, {}, {"new_item_cost": "affinities are not"}),
        (
            {"modalities": "id,side:year", "modality_dropout": 0.2},
            {},
            {"modality_dropout": "the fusion reads one"},
        ),
    ],
)
def test_options_without_effect_are_found(options, recipe, unused):
    chosen = Options(**options)
    found = unused_options(chosen, Recipe(recipe), modalities_of(chosen), {})
    assert found.keys() == unused.keys()
    assert all(found[name].startswith(why) for name, why in unused.items())


def test_options_without_effect_are_warned_of(chain, options, caplog):
    given = options(epochs=1, layers=2, pool_size=4, dropout=0.1)
    Recommender.fit(*chain(users=12), options=given, negatives="full")
    assert "option pool_size=4 has no effect: negatives are full" in caplog.text
    caplog.clear()
    built = GRUInterest(16, layers=1, dropout=0.5)
    Recommender.fit(*chain(users=12), options=given, interest=built)
    assert "option layers=2 has no effect: GRUInterest does not receive it" in caplog.text
    caplog.clear()
    set_by = partial(GRUInterest, layers=1)
    Recommender.fit(*chain(users=12), options=given, interest=set_by)
    assert "option layers=2 has no effect: GRUInterest was given 1" in caplog.text
    assert "option dropout" not in caplog.text
    caplog.clear()

    def own(dim):
        return GRUInterest(dim)

    Recommender.fit(*chain(users=12), options=given, interest=partial(own), negatives="uniform")
    assert "option layers=2 has no effect: own does not receive it" in caplog.text
    assert "option dropout=0.1 has no effect: own does not receive it" in caplog.text
    assert "pool_size" not in caplog.text


def test_weights_of_a_built_part_are_not_of_the_seed(caplog):
    recipe = Recipe({"interest": GRUInterest(4), "scorer": DotScorer()})
    specs = dict.fromkeys(("interest", "scorer", "fusion"), PartSpec("any", {}))
    with caplog.at_level("INFO"):
        warn_of_unused(Options(), recipe, {}, specs)
    [said] = caplog.messages
    assert said.startswith("the interest GRUInterest was given built: its first weights don't")
