import json
import re
import shutil
import sys
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from mmrec.cli.app import app
from mmrec.cli.compare import to_markdown, write_comparison
from mmrec.evaluation.comparison import compare_runs
from mmrec.evaluation.results import read_result

FILES = ["bars.png", "compare.html", "compare.md", "curves.png", "differences.png"]


@pytest.fixture(scope="module")
def runs(small_shop, tmp_path_factory):
    """Two RUNs of one seed each and one of another width; their ranks are drawn."""
    folder, split = tmp_path_factory.mktemp("runs"), small_shop.split
    report, options = small_shop.recommender.report, small_shop.recommender.options
    position = split.targets("test")
    owner = split.sequences.owner[position]
    for name, change in {
        "first": {},
        "again": {"seed": 1},
        "wide": {"dim": 64},
    }.items():
        run = folder / name
        run.mkdir()
        (run / "report.json").write_text(json.dumps(report))
        (run / "config.json").write_text(
            json.dumps({"options": options.replace(**change).to_dict()})
        )
        rank = np.random.default_rng(len(name)).geometric(0.1, len(position))
        pl.DataFrame(
            {
                "user_id": [split.sequences.users[user] for user in owner],
                "item_id": split.sequences.item[position],
                "position": position,
                "rank": rank,
                "rank_with_seen": rank,
                "history": position - split.sequences.offsets[owner],
                "warm": split.train_counts[split.sequences.item[position]] > 0,
                "has_image": [None] * len(position),
            },
            schema_overrides={"has_image": pl.Boolean},
        ).write_parquet(run / "targets.parquet")
    return folder


def command(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments), "--samples", "200"])


def rows_of(markdown, title):
    """The cells of the table below a title."""
    block = markdown.split(f"**{title}**")[1].split("\n\n|")[1].split("\n\n")[0]
    lines = f"|{block}".splitlines()
    assert re.fullmatch(r"\|( -+:? \|)+", lines[1])
    assert len({len(line) for line in lines}) == 1
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "--" not in line]


def test_the_tables_show_the_numbers(runs):
    results = [read_result(runs / name) for name in ("first", "again", "wide")]
    comparison = compare_runs(results, samples=200)
    markdown = to_markdown(comparison)
    table = rows_of(markdown, "NDCG@10")
    assert [row[0] for row in table[1:]] == [
        "dim 16", "dim 64", "Popularity", "Recent popularity", "Windowed popularity",
        "Markov chain", "Item-kNN", "EASE", "Nearest in content",
    ]  # fmt: skip
    assert [row[1] for row in table[1:3]] == ["2", "1"]
    for row, group in zip(table[1:3], comparison.groups, strict=True):
        assert row[2] == f"{group.mean:.4f}"
        assert row[3] == f"{group.over_users.low:.4f} to {group.over_users.high:.4f}"
    assert table[2][4] == "–"
    versus = comparison.versus[0]
    (difference,) = rows_of(markdown, "Difference from dim 16")[1:]
    assert difference[:2] == ["dim 64", f"{versus.difference.mean:+.4f}"]
    assert comparison.facts["fingerprint"] in markdown
    folders = [row[0] for row in rows_of(markdown, "RUNs")[1:]]
    assert folders == [result.name for result in results]


def test_the_command_prints_and_writes(runs, tmp_path):
    out = tmp_path / "deep" / "out"
    result = command(runs / "first", runs / "wide", "--out", out, "--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.output.splitlines()[-1])
    assert [group["name"] for group in values["groups"]] == ["dim 16", "dim 64"]
    assert sorted(path.name for path in out.iterdir()) == FILES
    text = (out / "compare.md").read_text(encoding="utf-8")
    printed = result.output.split("\n\n5 files written to")[0]
    assert text.startswith(printed)
    for image in re.findall(r"\]\((.*)\)", text):
        assert (out / image).is_file()


def test_one_run_and_another_metric(runs):
    result = command(runs / "wide", "--metric", "hr@5")
    assert result.exit_code == 0, result.output
    assert "HR@5" in result.output
    assert "Difference" not in result.output


class Page(HTMLParser):
    """Sources, cells and headings of a page; refuses tags that don't match."""

    def __init__(self, source):
        super().__init__()
        self.images, self.tags, self.open, self.text = [], set(), [], ""
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attributes))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_one_file(runs, tmp_path):
    renamed = tmp_path / "a <b> & c"
    shutil.copytree(runs / "first", renamed)
    comparison = compare_runs([read_result(renamed), read_result(runs / "wide")], samples=200)
    write_comparison(comparison, tmp_path / "out")
    source = (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    page = Page(source)
    assert not page.tags & {"script", "link"}
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", source)
    assert len(page.images) == 3
    for image in page.images:
        kind, data = image["src"].split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        assert b"<svg" in b64decode(data)
        assert image["alt"]
    assert "a <b> & c" in page.text
    assert f"{comparison.groups[0].mean:.4f}" in page.text


def test_runs_of_different_splits_are_refused(runs, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(runs / "wide", other)
    report = json.loads((other / "report.json").read_text())
    (other / "report.json").write_text(json.dumps(report | {"fingerprint": "else"}))
    result = command(runs / "first", other)
    assert isinstance(result.exception, ValueError)
    assert "same split" in str(result.exception)
    assert str(other) in str(result.exception)


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_without_a_package_the_error_names_the_extra(runs, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    comparison = compare_runs([read_result(runs / "first")], samples=50)
    with pytest.raises(ImportError, match=rf"{package}: pip install .mmrec\[compare\]"):
        write_comparison(comparison, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_of_different_refits_are_told_apart(runs, tmp_path):
    shutil.copytree(runs / "first", tmp_path / "refitted")
    config = json.loads((runs / "first" / "config.json").read_text())
    config["options"]["training"]["refit"] = "valid"
    (tmp_path / "refitted" / "config.json").write_text(json.dumps(config))
    said = to_markdown(
        compare_runs([read_result(runs / "first"), read_result(tmp_path / "refitted")])
    )
    assert "refit none" in said
    assert "refit valid" in said
    assert "With refit valid or all, the model that is measured has trained on validation" in said
    again = to_markdown(compare_runs([read_result(runs / name) for name in ("first", "again")]))
    assert "refit" not in again
