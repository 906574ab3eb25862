from pathlib import Path

import polars as pl

from mmrec.data.loaders.joining import join_columns
from mmrec.data.loaders.lines import FILE, LINE
from mmrec.data.loaders.report import ImportReport


def test_what_is_not_joined_is_counted():
    report = ImportReport("ml-32m", Path())
    for name in ("movies.csv", "links.csv"):
        report.open(Path(name)).read = 5
    items = pl.DataFrame({"item_id": [2, 1], FILE: [0, 0], LINE: [1, 2]})
    links = pl.DataFrame(
        {
            "item_id": [1, 1, None, 9],
            "code": ["a", "b", "c", "d"],
            FILE: [1] * 4,
            LINE: [1, 2, 3, 4],
        }
    )
    (frame,) = join_columns([items[:1], items[1:]], [[links]], "item_id", report)
    assert frame.select("item_id", "code", LINE).rows() == [(2, None, 1), (1, "a", 2)]
    assert report.files[1].dropped["no item_id, or one again"].lines == [2, 3]
    assert report.notes == {"rows of links.csv of unknown items, not kept": 1}
