"""The demo as text for the terminal."""

from collections.abc import Mapping
from typing import Any

from mmrec.demo.story import Story
from mmrec.display import title_of
from mmrec.recommender import Recommender

Metrics = Mapping[str, Mapping[str, Any]]
"""Test metrics by the name of the model or baseline."""


def comparison_table(models: Metrics, baselines: Metrics) -> str:
    """Return the test metrics of baselines and models as text."""
    rows = {**baselines, **models}
    width = max(map(len, rows))
    columns = ("ndcg@10", "hr@10", "coverage@10")
    lines = [" " * width + "".join(f"{name:>13}" for name in (*columns, "new items"))]
    for name, metrics in rows.items():
        values = [*(metrics[column] for column in columns), metrics["cold"].get("ndcg@10")]
        cells = ("–" if value is None else f"{value:.4f}" for value in values)
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>13}" for cell in cells))
    return "\n".join([*lines, "new items: ndcg@10 where the next item had no event in training"])


def story_text(story: Story, recommender: Recommender, *, shown: int = 5) -> str:
    """Return a story as text: the top of the list at first and after each click."""
    catalog = recommender.catalog
    lines = [f"{story.user} has looked at {len(story.history)} items, last"]
    lines += [f"     {title_of(catalog, item)}" for item in story.history[-3:]]
    for step in story.steps:
        if step.clicked is None:
            lines.append("and is recommended")
        else:
            lines.append(f"clicks on {title_of(catalog, step.clicked)}")
            if step.nearest is not None:
                lines.append(
                    f"  items like what was clicked: place {step.nearest[0]:.0f} before the first "
                    f"click, now {step.nearest[1]:.0f} (median)"
                )
        for line in step.lines[:shown]:
            before = "" if line.before is None else f"(was {line.before})"
            new = "  [new: no event in training]" if line.new else ""
            lines.append(f"  {line.place}. {before:<10} {title_of(catalog, line.item)}{new}")
    return "\n".join(lines)


def verdict(checks: Mapping[str, bool]) -> str:
    """Return a line for each check of the demo, with its result."""
    said = {
        "model_above_baselines": "the model is above every baseline",
        "both_above_each": "text and image together are above either alone",
        "text_above_popularity": "text alone is above popularity",
        "image_above_popularity": "images alone are above popularity",
    }
    return "\n".join(f"{'yes' if checks[name] else 'NO '}  {line}" for name, line in said.items())
