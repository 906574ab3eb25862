"""What is drawn, read back from the axes, against independent computations."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.display.plots import inline_svg
from mmrec.recommender.figures import (
    item_positions,
    measured,
    measured_by_popularity,
    measured_slices,
    modality_shares,
    plot_items,
    plot_popularity,
)


def rows_of(axes):
    """Return label, value and bounds of each row of dots."""
    labels = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    found = {label: SimpleNamespace(value=None, bounds=None) for label in labels}
    for line in axes.lines:
        at = np.atleast_1d(line.get_ydata())
        if len(set(at)) > 1 or not float(at[0]).is_integer():
            continue  # a vertical line
        row = found[labels[int(at[0])]]
        if line.get_marker() == "o":
            row.value = line.get_xdata()[0]
        else:
            row.bounds = tuple(line.get_xdata())
    return found


def ndcg(rank):
    return np.where(rank <= 10, 1 / np.log2(1 + rank), 0.0)


def without(made, **changes):
    return type(made)(replace(made.state, **changes))


def with_items(state, count):
    """Return the state with vectors of its first items alone; a map leaves out empty ones."""
    vectors = state.vectors.clone()
    vectors[count + 1 :] = 0
    return replace(state, vectors=vectors)


def test_metrics_are_those_of_the_report(small_shop):
    made = small_shop.recommender
    figure = made.plot_metrics()
    rows = rows_of(figure.axes[0])
    report = made.report
    assert rows["this model"].value == report["test"]["ndcg@10"]
    assert rows["Markov chain"].value == report["baselines"]["markov"]["ndcg@10"]
    assert len(rows) == 1 + len(report["baselines"])
    low, high = rows["this model"].bounds
    assert low < rows["this model"].value < high
    assert rows["Markov chain"].bounds is None
    baselines = [row.value for row in rows.values()][1:]
    assert baselines == sorted(baselines, reverse=True)
    assert made.targets["rank"].len() == report["test"]["targets"]
    assert f"{report['test']['targets']:,} test events" in figure.get_suptitle()
    assert rows_of(made.plot_metrics("coverage@10").axes[0])["this model"].bounds is None


def test_the_interval_is_that_of_draws_of_whole_users(small_shop):
    made = small_shop.recommender
    one = measured(made.state)
    users = made.targets.with_columns(pl.Series("value", ndcg(made.targets["rank"].to_numpy())))
    sums = users.group_by("user_id").agg(pl.col("value").sum(), pl.len())
    rng, total, count = np.random.default_rng(5), sums["value"].to_numpy(), sums["len"].to_numpy()
    means = []
    for _ in range(4000):
        drawn = rng.integers(len(sums), size=len(sums))
        means.append(total[drawn].sum() / count[drawn].sum())
    width = one.high - one.low
    assert one.mean == pytest.approx(total.sum() / count.sum(), abs=1e-6)
    # The percentiles are expanded a little for the number of users.
    assert np.quantile(means, [0.025, 0.975]) == pytest.approx([one.low, one.high], abs=width / 8)


def test_slices_are_those_of_the_report_and_of_the_ranks(small_shop):
    made = small_shop.recommender
    rows = rows_of(made.plot_slices().axes[0])
    test, targets = made.report["test"], made.targets
    for name, metrics in test["slices"].items():
        assert rows[f"{name} ({metrics['targets']:,})"].value == metrics["ndcg@10"]
    long = targets.filter(pl.col("history") >= 10)
    [row] = [row for label, row in rows.items() if label.startswith("long histories")]
    assert row.value == pytest.approx(ndcg(long["rank"].to_numpy()).mean(), abs=1e-6)
    assert row.bounds[0] < row.value < row.bounds[1]


def test_without_ranks_there_are_no_intervals(small_shop):
    made = without(small_shop.recommender, targets=None)
    rows = rows_of(made.plot_slices().axes[0]).values()
    assert all(row.bounds is None for row in rows)
    assert rows_of(made.plot_metrics().axes[0])["this model"].bounds is None
    with pytest.raises(ValueError, match="expected a recommender with ranks of its targets"):
        measured_by_popularity(made.state, small_shop.split.train_counts)


def test_popularity_groups_targets_by_training_events(small_shop):
    made, counts = small_shop.recommender, small_shop.split.train_counts
    found = {one.name: one for one in measured_by_popularity(made.state, counts)}
    seen = np.array(
        [counts[made.catalog.indices_of([item])[0]] for item in made.targets["item_id"]]
    )
    values = ndcg(made.targets["rank"].to_numpy())
    wanted = {"0 events": seen == 0, "1 to 9 events": (seen > 0) & (seen < 10)}
    wanted["10 to 99 events"] = (seen > 9) & (seen < 100)
    assert list(found) == [name for name, mask in wanted.items() if mask.any()]
    for name, one in found.items():
        assert one.targets == wanted[name].sum()
        assert one.mean == pytest.approx(values[wanted[name]].mean())
    rows = rows_of(plot_popularity(made.state, counts).axes[0])
    assert [row.value for row in rows.values()] == [one.mean for one in found.values()]


def test_the_training_curve_has_a_dot_at_its_best_epoch(small_shop):
    made = small_shop.recommender
    line, dot = made.plot_training().axes[0].lines
    curve = made.report["training"]["valid_curve"]
    assert line.get_ydata().tolist() == curve
    assert line.get_xdata().tolist() == [*range(1, len(curve) + 1)]
    assert dot.get_ydata().tolist() == [max(curve)]
    assert dot.get_xdata()[0] == curve.index(max(curve)) + 1


def test_shares_of_modalities(small_shop):
    made = small_shop.recommender
    table = modality_shares(made.state)
    for _, rows in table.group_by("group"):
        assert rows["share"].sum() == pytest.approx(1.0)
    lengths = {
        name: added.double().norm(dim=1)
        for name, added in made.state.modality_contributions.items()
    }
    shares = [
        float(lengths["text"][i] / (lengths["text"][i] + lengths["id"][i]))
        for i in range(1, len(made.catalog) + 1)
    ]
    everything = table.filter(group="all items", modality="text")
    assert everything["share"].item() == pytest.approx(np.mean(shares))
    new = table.filter(group="without events", modality="id")
    assert new["share"].to_list() == [0.0]  # an item without events has no id
    axes = made.plot_modalities().axes[0]
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in axes.containers}
    assert widths["text"] == pytest.approx(table.filter(modality="text")["share"].to_list())


def test_a_map_keeps_what_is_alike_together(small_shop):
    made = small_shop.recommender
    indices, at, how = item_positions(made.state, "pca")
    assert how == "pca"
    assert indices.tolist() == [*range(1, len(made.catalog) + 1)]
    directions = torch.nn.functional.normalize(made.vectors[1:].double(), dim=1)
    centered = directions - directions.mean(0)
    _, values, axes = torch.linalg.svd(centered, full_matrices=False)
    expected = (centered @ axes[:2].T).numpy()
    assert np.abs(at) == pytest.approx(np.abs(expected), abs=1e-6)
    assert (at**2).sum(0) == pytest.approx((values[:2] ** 2).numpy())
    assert np.array_equal(item_positions(made.state, "pca")[1], at)


def test_removed_items_are_not_on_the_map(small_shop):
    state = replace(small_shop.recommender.state, about={"removed": ["p00003"]})
    gone = int(state.catalog.indices_of(["p00003"])[0])
    assert gone not in item_positions(state, "pca")[0]


def colored(figure):
    """Return the positions of the points of each color name."""
    return {dots.get_label(): dots.get_offsets() for dots in figure.axes[0].collections}


def test_items_are_colored_by_a_column(small_shop):
    made = small_shop.recommender
    at = item_positions(made.state, "pca")[1]
    names = made.catalog.frame["category"]
    found = colored(plot_items(made.state, "category", projection="pca"))
    top = names.value_counts().sort("count", "category", descending=[True, False])["category"][:6]
    assert set(found) - {"other"} == set(top)
    for name in top:
        assert np.allclose(found[name], at[(names == name).to_numpy()])
    assert sum(len(points) for points in found.values()) == len(made.catalog)
    plain = plot_items(made.state, projection="pca").axes[0].collections
    assert len(plain[0].get_offsets()) == len(made.catalog)


def test_numbers_are_a_scale_be_they_texts(small_shop):
    made = small_shop.recommender
    figure = plot_items(made.state, "price", projection="pca")
    assert len(figure.axes) == 2  # the map and its scale
    points = figure.axes[0].collections[-1]
    prices = made.catalog.frame["price"].cast(pl.Float64).drop_nulls()
    assert points.get_array().tolist() == prices.to_list()


def test_names_of_any_kind_are_shown(small_shop):
    made = small_shop.recommender
    names = ["$5 & $x^", "<b>", "_hidden", "日本"]
    kinds = [names[row % 4] for row in range(len(made.catalog))]
    catalog = type(made.catalog)(made.catalog.frame.with_columns(kind=pl.Series(kinds)))
    figure = plot_items(replace(made.state, catalog=catalog), "kind", projection="pca")
    svg = inline_svg(figure, "map")
    assert "http" not in svg
    for name in ("$5 &amp; $x^", "&lt;b&gt;", "_hidden", "日本"):
        assert name in svg


def test_many_points_are_pixels(small_shop, monkeypatch):
    plain = inline_svg(plot_items(small_shop.recommender.state, projection="pca"), "map")
    monkeypatch.setattr("mmrec.recommender.figures.items.RASTER", 10)
    monkeypatch.setattr("mmrec.recommender.figures.items.MOST", 50)
    figure = plot_items(small_shop.recommender.state, projection="pca")
    assert figure.get_suptitle().startswith("50 items")
    svg = inline_svg(figure, "map")
    assert "data:image/png;base64," in svg
    assert "data:image/png" not in plain


def test_errors_say_what_is_missing(small_shop, monkeypatch, unchecked):
    made = small_shop.recommender
    with pytest.raises(ValueError, match=r"metric must be one of .*'ndcg@10'.*; got 'auc'"):
        made.plot_metrics("auc")
    with pytest.raises(ValueError, match=r"color must be a column .*'category'.*; got 'brand'"):
        made.plot_items("brand")
    with pytest.raises(ValueError, match="projection must be 'pca' or 'umap'; got 'tsne'"):
        item_positions(made.state, "tsne")
    bare = without(made, report={}, modality_contributions={})
    for draw in (bare.plot_metrics, bare.plot_slices):
        with pytest.raises(ValueError, match="expected a recommender that was measured"):
            draw()
    with pytest.raises(ValueError, match="expected a report with a training curve"):
        bare.plot_training()
    with pytest.raises(ValueError, match="expected a recommender with contributions"):
        bare.plot_modalities()
    no_slices = {"test": {"ndcg@10": 0.5, "targets": 3}, "items": 60}
    with pytest.raises(ValueError, match="expected a report with slices"):
        without(made, report=no_slices, targets=None).plot_slices()
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match="pip install umap-learn"):
        item_positions(made.state, "umap")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"mmrec\[compare\]"):
        made.plot_training()


def test_a_map_by_umap_gets_directions_and_a_seed(small_shop, monkeypatch):
    """The package is heavy, so that a stand-in shows how it is called."""
    called = {}

    class Umap:
        def __init__(self, **how):
            called.update(how)

        def fit_transform(self, directions):
            called["norms"] = np.linalg.norm(directions, axis=1)
            return directions[:, :2].astype(np.float32)

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Umap))
    _, at, how = item_positions(small_shop.recommender.state, "umap")
    assert how == "umap"
    assert (called["random_state"], called["metric"]) == (0, "cosine")
    assert called["init"] == "spectral"
    assert called["norms"] == pytest.approx(1.0)
    assert at.dtype == np.float64
    title = plot_items(small_shop.recommender.state, projection="umap").get_suptitle()
    assert "UMAP" in title
    assert len(item_positions(with_items(small_shop.recommender.state, 3), "umap").at) == 3
    assert called["init"] == "random"  # three points have no spectrum of two axes


@pytest.mark.filterwarnings("default")  # theirs
@pytest.mark.parametrize("count", [3, 4, 20])
def test_a_map_by_umap_of_any_number_of_items(small_shop, count):
    pytest.importorskip("umap")
    state = with_items(small_shop.recommender.state, count)
    _, at, how = item_positions(state)
    assert (how, at.shape) == ("umap", (count, 2))
    assert np.isfinite(at).all()
    assert np.array_equal(at, item_positions(state).at)


def test_slices_of_cold_items_among_one_another(small_shop):
    made = small_shop.recommender
    found = {one.name: one for one in measured_slices(made.state)}
    if "among_cold" in made.report["test"]:
        one = found["cold items among one another"]
        assert one.mean == made.report["test"]["among_cold"]["ndcg@10"]
        assert one.targets == made.targets["rank_among_cold"].count()
