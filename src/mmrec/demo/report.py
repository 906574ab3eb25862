"""A page about a trained recommender, with images, in one file."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmrec.data import Dataset, ItemId, Split
from mmrec.demo.showcase import NewItem, Person, find_new_items, find_people, find_queries
from mmrec.demo.story import Line, Step, Story, is_new, tell_story
from mmrec.display import BASELINE_NAMES, Thumbnails, load_template, title_of
from mmrec.recommender import Recommender
from mmrec.recommender.content import DEFAULT_IMAGE_ENCODER, DEFAULT_TEXT_ENCODER

Values = dict[str, Any]


def write_report(
    recommender: Recommender,
    split: Split,
    dataset: Dataset,
    path: str | Path,
    *,
    title: str = "What it recommends",
    lead: str = "",
    models: Mapping[str, Mapping[str, Any]] | None = None,
    facts: Mapping[str, str] | None = None,
    story: Story | None = None,
) -> Path:
    """Write a page about a recommender: results, people, a story of clicks, new and similar items.

    The page is one file that loads nothing else: images are embedded as small JPEGs.

    Args:
        recommender: a trained recommender; the page shows its lists.
        split: the split of its data.
        dataset: its data, with titles and images.
        path: the file to write.
        title: heading of the page.
        lead: a sentence or two below it.
        models: test metrics by name, shown side by side; the last is ``recommender``.
        facts: further lines for the section about the data.
        story: the story of clicks; a new one by default.

    Returns:
        The path.

    Raises:
        ImportError: jinja2 is not installed.
    """
    page_template = load_template("mmrec.demo", "report.html.j2", extra="demo")
    page = _Page(recommender, dataset)
    models = models or {"This model": recommender.report["test"]}
    values = {
        "title": title,
        "lead": lead,
        "results": _results(models, recommender.report["baselines"]),
        "facts": _facts(recommender, split) | dict(facts or {}),
        "people": [page.person(person) for person in find_people(recommender, split)],
        "hit_rate": recommender.report["test"].get("hr@10"),
        "story": page.story(story or tell_story(recommender, split)),
        "new_items": [page.new_item(new) for new in find_new_items(recommender, split)],
        "queries": [page.query(item) for item in find_queries(recommender)],
        "aspect": page.thumbnails.aspect,
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page_template.render(values), encoding="utf-8")
    return path


class _Page:
    """Converts items and events into the values of the template."""

    def __init__(self, recommender: Recommender, dataset: Dataset) -> None:
        self.recommender, self.catalog = recommender, dataset.catalog
        self.dated = dataset.interactions.order == "timestamp"
        self.thumbnails = Thumbnails(dataset.catalog)

    def tile(self, item: ItemId, note: str = "", kind: str = "", mark: str = "") -> Values:
        """Return the values of one item.

        ``mark`` is "next" for the held-out item, "first" for the item that a row is about, or "".
        """
        return {
            "title": title_of(self.catalog, item) or str(item),
            "image": self.thumbnails[item],
            "new": is_new(self.recommender, item),
            "note": note,
            "kind": kind,
            "mark": mark,
        }

    def person(self, person: Person) -> Values:
        upcoming = person.upcoming
        visits = [*person.history, upcoming]
        history = [self.tile(v.item, self._day(v.time), v.event_type) for v in visits]
        history[-1]["mark"] = "next"
        recommended = [
            self.tile(item, str(place), mark="next" if item == upcoming.item else "")
            for place, item in enumerate(person.recommended, 1)
        ]
        return {"history": history, "recommended": recommended} | {
            name: getattr(person, name) for name in ("user", "events", "place", "listed")
        }

    def story(self, story: Story) -> Values:
        return {
            "user": story.user,
            "events": len(story.history),
            "history": [self.tile(item) for item in story.history[-10:]],
            "steps": [self._step(step) for step in story.steps],
        }

    def new_item(self, new: NewItem) -> Values:
        tiles = [self.tile(new.item, mark="first"), *map(self.tile, new.history)]
        return {"tiles": tiles, "title": tiles[0]["title"]} | {
            name: getattr(new, name) for name in ("lists", "users", "place")
        }

    def query(self, item: ItemId) -> Values:
        lines = self.recommender.similar(item, 9)
        alike = [self.tile(line.item, f"{line.score:.2f}") for line in lines]
        first = self.tile(item, "this item", mark="first")
        return {"title": first["title"], "tiles": [first, *alike]}

    def _step(self, step: Step) -> Values:
        return {
            "clicked": None if step.clicked is None else self.tile(step.clicked),
            "tiles": [self.tile(line.item, *_moved(line)) for line in step.lines],
            "entered": step.entered,
            "nearest": step.nearest,
        }

    def _day(self, time: float) -> str:
        if not self.dated:
            return ""
        day = datetime.fromtimestamp(time, UTC)
        return f"{day.day} {day:%b}"


def _moved(line: Line) -> tuple[str, str]:
    """Return the place of a line, and its place before the click."""
    if line.before is None or line.before == line.place:
        return str(line.place), ""
    return f"{line.place} {'↑' if line.place < line.before else '↓'}", f"was {line.before}"


def _results(
    models: Mapping[str, Mapping[str, Any]], baselines: Mapping[str, Mapping[str, Any]]
) -> Values:
    named = {BASELINE_NAMES.get(name, name): metrics for name, metrics in baselines.items()}
    rows = [_row(name, metrics, "baseline") for name, metrics in named.items()]
    rows += [_row(name, metrics, "model") for name, metrics in models.items()]
    rows[-1]["kind"] = "main"
    best = max((row for row in rows if row["kind"] == "baseline"), key=lambda row: row["ndcg"])
    scale = max(row["ndcg"] for row in rows) or 1.0
    for row in rows:
        row["share"] = 100 * row["ndcg"] / scale
    return {"rows": rows, "main": rows[-1], "best": best}


def _row(name: str, metrics: Mapping[str, Any], kind: str) -> Values:
    return {
        "name": name,
        "kind": kind,
        "ndcg": metrics["ndcg@10"],
        "hr": metrics["hr@10"],
        "coverage": metrics["coverage@10"],
        "cold": metrics["cold"].get("ndcg@10"),
    }


def _facts(recommender: Recommender, split: Split) -> dict[str, str]:
    sizes, options = split.sizes(), recommender.options
    shown = sum(path is not None for path in recommender.catalog.image_paths())
    encoders = {"text": DEFAULT_TEXT_ENCODER, "image": DEFAULT_IMAGE_ENCODER}
    used = [f"{name}: {encoders[name]}" for name in options.modalities or () if name in encoders]
    return {
        "Items": f"{len(recommender.catalog):,}, {shown:,} of them with an image",
        "Users": f"{len(split.sequences):,}",
        "Events": f"{sizes['train']:,} to train, {sizes['valid']:,} to choose the best epoch, "
        f"{sizes['test']:,} to test",
        "Split": f"{split.name}, fingerprint {split.fingerprint}",
        "Protocol": f"every test event is predicted from what came before it; all "
        f"{len(split.candidates):,} items are ranked, less those the user interacted with before",
        "Encoders": ", ".join(used) or "none",
        "Seed": str(options.seed),
    }
