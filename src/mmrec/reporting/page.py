"""The report as a page: figures, tables and examples with pictures, in one file."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmrec import __version__
from mmrec.data import Interactions, ItemId, Split, Table
from mmrec.data.private import private_file
from mmrec.display import BASELINE_NAMES, Thumbnails, load_template, title_of
from mmrec.display.plots import inline_svg
from mmrec.evaluation.item_facts import CATEGORIES
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.check import CheckReport
from mmrec.recommender.check.text import visible
from mmrec.recommender.figures import (
    ItemMap,
    item_positions,
    measured,
    measured_baselines,
    plot_items,
    plot_metrics,
    plot_modalities,
    plot_popularity,
    plot_slices,
    plot_training,
)
from mmrec.recommender.pipeline.data import split_again
from mmrec.recommender.recommender import Recommender
from mmrec.recommender.report import NO_TARGETS, has_metrics, notes, tested
from mmrec.reporting.cases import Case, Visit, draw_targets, read_cases, worst_targets
from mmrec.reporting.facts import changed_options, facts_of_training
from mmrec.reporting.pictures import pin_pictures
from mmrec.reporting.uncertain import doubts, kept_has_seen

Values = dict[str, Any]

WIDTH = 5.2
"""Width of a figure in inches: two lie side by side, and one fills a phone."""

SHARE = "new.learned"
"""Among the weights of affinities: the share of the learned score that new items have."""


def write_report(
    recommender: Recommender,
    path: str | Path,
    *,
    events: Table | Interactions | None = None,
    check: CheckReport | None = None,
    title: str = "What a recommender has learned",
    color: str | None = None,
    users: int = 6,
    worst: int = 4,
    seed: int = 0,
    show_users: bool = False,
) -> Path:
    """Write a page about a recommender: training, metrics, examples, worst cases, what is unsure.

    The page is one file that loads nothing else; pictures are embedded as small JPEGs. It holds
    histories of users, so that only its owner may read it. Users are numbered, unless their ids are
    asked for.

    Args:
        recommender: a trained recommender.
        path: the file to write.
        events: the log of its training; without it, the page has no examples.
        check: what is odd about its data, see :func:`mmrec.recommender.check.check_folder`.
        title: heading of the page.
        color: column of the catalogue that colors the map of items; by default the categories.
        users: how many users are shown, drawn by ``seed``.
        worst: how many of the worst cases are shown.
        seed: seed of the draw of users.
        show_users: whether to show ids of users.

    Returns:
        The path.

    Raises:
        ValueError: ``events`` are not those of the training, the catalogue has no column ``color``,
            or a number is below 0.
        ImportError: jinja2, matplotlib or SciPy is not installed.
        OSError: the file can't be written.
    """
    if users < 0 or worst < 0:
        raise ValueError(f"users and worst must be 0 or more; got {users} and {worst}")
    template = load_template("mmrec.reporting", "report.html.j2", extra="compare")
    state, path = recommender.state, Path(path)
    split = None if events is None else _split_of(state, events)
    page = _Page(recommender, split, show_users)
    positions = _positions(state)
    measurable = has_metrics(state.report) and "ndcg@10" in tested(state.report)
    drawn = page.cases(lambda rows, _: draw_targets(rows, users, seed))
    text = template.render(
        title=title,
        tiles=page.headline() if measurable else [],
        figures=_figures(state, color or _category(state), split, positions),
        results=_results(state) if measurable else [],
        notes=notes(state.report) if measurable else [],
        doubts=doubts(state) if measurable else [],
        people=[page.person(case) for case in drawn],
        worst=[
            page.person(case)
            for case in page.cases(lambda rows, items: worst_targets(rows, worst, items=items))
        ],
        hit_rate=tested(state.report).get("hr@10") if measurable else None,
        kept_has_seen=kept_has_seen(state),
        show_users=show_users,
        logged=split is not None,
        affinities=_affinities(state),
        pinned=[
            {"title": title_of(state.catalog, one.item) or str(one.item)} | vars(one)
            for one in pin_pictures(state, positions, Thumbnails(state.catalog, size=64))
        ],
        check=check,
        facts=facts_of_training(state) | {"mmrec": __version__},
        options=changed_options(state.options, state.recipe),
        visible=visible,
        aspect=page.thumbnails.aspect,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with private_file(path) as file:
        file.write(text.encode("utf-8", "replace"))
    return path


def _split_of(state: RecommenderState, events: Table | Interactions) -> Split:
    split = split_again(state, events)
    wanted = state.report.get("fingerprint")
    if split.fingerprint != wanted:
        raise ValueError(
            f"events must be those of the training, whose split is {wanted}; got events of the "
            f"split {split.fingerprint}"
        )
    return split


class _Page:
    """Converts cases into the values of the template."""

    def __init__(self, recommender: Recommender, split: Split | None, show_users: bool) -> None:
        self.recommender, self.split = recommender, split
        self.catalog, self.show_users = recommender.catalog, show_users
        self.thumbnails = Thumbnails(recommender.catalog, size=128)
        self.new = (recommender.state.counts == 0).tolist()
        self.numbers: dict[ItemId, int] = {}

    def headline(self) -> list[tuple[str, str]]:
        """Return the first figures of the page, each with what it is."""
        state = self.recommender.state
        own, found = measured(state), tested(state.report).get("hr@10")
        tiles = [(f"{own.mean:.3f}", "NDCG@10 on the test events")]
        if own.low is not None:
            tiles[0] = (tiles[0][0], f"NDCG@10, 95 % interval {own.low:.3f} to {own.high:.3f}")
        best = max(measured_baselines(state), key=lambda one: one.mean, default=None)
        if best is not None:
            tiles.append((f"{best.mean:.3f}", f"the best baseline, {best.name}"))
        if found is not None:
            tiles.append((f"{found:.0%}", "of the next items are in the first ten"))
        return [*tiles, (f"{own.targets:,}", "test events")]

    def cases(self, choose: Callable[[Any, int], Any]) -> list[Case]:
        """Return the cases that ``choose`` takes from the table of ranks; none without a log."""
        targets = self.recommender.targets
        if self.split is None or targets is None:
            return []
        items = self.recommender.report.get("items", len(self.catalog))
        return read_cases(self.recommender, self.split, choose(targets, items), items=items)

    def person(self, case: Case) -> Values:
        visits = [*case.history, case.upcoming]
        history = [self._tile(one.item, self._day(one), one.event_type) for one in visits]
        history[-1]["mark"] = "next"
        listed = [line.item for line in case.listed]
        recommended = [
            self._tile(item, str(place), mark="next" if item == case.upcoming.item else "")
            for place, item in enumerate(listed, 1)
        ]
        return {
            "user": self._user(case.user),
            "events": case.events,
            "history": history,
            "recommended": recommended,
            "rank": case.rank,
            "hit": case.upcoming.item in listed,
        }

    def _user(self, user: ItemId) -> str:
        number = self.numbers.setdefault(user, len(self.numbers) + 1)
        return str(user) if self.show_users else f"User {number}"

    def _tile(self, item: ItemId, note: str = "", kind: str = "", mark: str = "") -> Values:
        return {
            "title": title_of(self.catalog, item) or str(item),
            "image": self.thumbnails[item],
            "new": self.new[int(self.catalog.indices_of([item])[0])],
            "note": note,
            "kind": kind,
            "mark": mark,
        }

    def _day(self, visit: Visit) -> str:
        if not self.recommender.state.timed:
            return ""
        day = datetime.fromtimestamp(visit.time, UTC)
        return f"{day.day} {day:%b}"


def _figures(
    state: RecommenderState, color: str | None, split: Split | None, positions: ItemMap | None
) -> dict[str, Values]:
    """Return the figures of a recommender by name."""
    wanted: dict[str, Callable[[], Any]] = {
        "ndcg": lambda: plot_metrics(state, "ndcg@10", width=WIDTH),
        "hr": lambda: plot_metrics(state, "hr@10", width=WIDTH),
        "slices": lambda: plot_slices(state, width=WIDTH),
        "training": lambda: plot_training(state, width=WIDTH),
        "items": lambda: plot_items(state, color, positions=positions, width=WIDTH),
        "modalities": lambda: plot_modalities(state, width=WIDTH),
    }
    if split is not None:
        wanted["popularity"] = lambda: plot_popularity(state, split.train_counts, width=WIDTH)
    if color is not None and color not in state.catalog.frame.columns:
        wanted["items"]()  # raises
    return {name: _drawn(name, draw) for name, draw in wanted.items()}


def _positions(state: RecommenderState) -> ItemMap | None:
    """Return the map of the items; None if there are too few of them."""
    try:
        return item_positions(state)
    except ValueError:
        return None


def _drawn(name: str, draw: Callable[[], Any]) -> Values:
    """Return a figure as SVG with what it shows, or why there is none."""
    try:
        figure = draw()
    except ValueError as error:
        return {"svg": "", "says": f"Not drawn: {error}."}
    says = " ".join(figure.get_suptitle().split())
    return {"svg": inline_svg(figure, name), "says": says}


def _category(state: RecommenderState) -> str | None:
    lower = {name.lower(): name for name in reversed(state.catalog.frame.columns)}
    return next((lower[name] for name in CATEGORIES if name in lower), None)


def _results(state: RecommenderState) -> list[Values]:
    """Return a row of metrics for the model and each baseline, the best baseline first."""
    baselines = state.report.get("baselines", {})
    ordered = sorted(baselines.items(), key=lambda pair: -pair[1]["ndcg@10"])
    rows = [_row("This model", tested(state.report), "main")]
    return rows + [_row(BASELINE_NAMES.get(name, name), one, "") for name, one in ordered]


def _row(name: str, metrics: Any, kind: str) -> Values:
    new = metrics.get("cold", {})
    cold = NO_TARGETS if new.get("targets") == 0 else new.get("ndcg@10")
    names = ("ndcg@10", "hr@10", "mrr@10", "coverage@10")
    return {"name": name, "kind": kind, "values": [*(metrics.get(n) for n in names), cold]}


def _affinities(state: RecommenderState) -> list[Values]:
    """Return name, weight and length of the bar of each affinity, in percent of the longest bar.

    A share is no weight and has no bar.
    """
    facts = state.report.get("affinities") or {}
    weights = dict(facts.get("weights", {}))
    longest = max((abs(one) for name, one in weights.items() if name != SHARE), default=0.0) or 1.0
    return [
        {
            "name": name,
            "weight": weight,
            "length": None if name == SHARE else 100 * abs(weight) / longest,
        }
        for name, weight in weights.items()
    ]
