import io
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mmrec.cli.plots import draw_plots
from mmrec.evaluation.comparison import Comparison, Group, Versus
from mmrec.evaluation.statistics import Difference, Interval


def group(name, mean, seeds=2, curves=((0.1, 0.2), (0.1, 0.3))):
    users = Interval(mean, mean - 0.02, mean + 0.02)
    return Group(
        name=name,
        runs=[f"{name}{seed}" for seed in range(seeds)],
        seeds=list(range(seeds)),
        values=[mean + 0.001 * seed for seed in range(seeds)],
        mean=mean,
        over_seeds=users if seeds > 1 else None,
        over_users=users,
        metrics={"ndcg@10": mean, "hr@10": 2 * mean, "targets": 100.0},
        slices={"cold items": mean / 2},
        curves=[list(curve) for curve in curves[:seeds]],
    )


COMPARISON = Comparison(
    metric="ndcg@10",
    level=0.95,
    facts={"split": "time", "fingerprint": "abc", "protocol": "def", "test_users": 9},
    groups=[group("one & <two>", 0.1), group("three | four", 0.12, seeds=1)],
    versus=[
        Versus(
            "three | four",
            Difference(0.02, -0.01, 0.05, 0.0004),
            0.2,
            None,
            {"cold items": Difference(0.01, -0.02, 0.04, 0.5)},
        )
    ],
    baselines={"markov": 0.08, "popularity": None},
    slices={"cold items": 40},
)


def test_plots_are_images_with_a_text_of_what_they_show():
    plots = draw_plots(COMPARISON, {"markov": "Markov chain"})
    assert [plot.name for plot in plots] == ["bars", "differences", "curves"]
    for plot in plots:
        image = np.asarray(Image.open(io.BytesIO(plot.png)).convert("L"))
        assert image.shape[1] == 1200
        assert image.std() > 10
        assert ET.fromstring(plot.svg).tag.endswith("svg")
    assert "95 % intervals over users" in plots[0].says
    assert "less that of one & <two>" in plots[1].says


def test_the_same_comparison_gives_the_same_files():
    assert draw_plots(COMPARISON, {}) == draw_plots(COMPARISON, {})


def test_what_is_not_there_is_not_drawn():
    bare = replace(group("one", 0.1, seeds=1, curves=((),)), over_users=None)
    plots = draw_plots(replace(COMPARISON, groups=[bare], versus=[]), {})
    assert [plot.name for plot in plots] == ["bars"]
    assert "interval" not in plots[0].says
    zero = replace(group("zero", 0.0, seeds=1, curves=((0.0,),)), over_users=None)
    nothing = replace(COMPARISON, groups=[zero], versus=[], baselines={})
    assert [plot.name for plot in draw_plots(nothing, {})] == ["bars", "curves"]


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"matplotlib: pip install 'mmrec\[compare\]'"):
        draw_plots(COMPARISON, {})
