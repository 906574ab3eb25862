import re
from dataclasses import replace
from importlib.resources import files

import pytest
from PIL import Image

from mmrec.data import Catalog
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender import Recommender
from mmrec.serving.page import image_shape, render_page


def test_the_page_comes_with_all_that_it_needs(client):
    answer = client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "30 items" in answer.text
    needed = re.findall(r'(?:src|href)="(/[^"]*)"', answer.text)
    assert {"/static/page.css", "/static/page.js"} <= set(needed)
    for path in needed:
        assert client.get(path).status_code == 200, path


def test_the_page_runs_only_its_own_files(client):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script>|style=|onclick=", client.get("/").text)


def test_every_name_that_the_script_looks_up_is_in_the_page(live):
    page = render_page(live, needs_token=False)
    script = (files("mmrec.serving") / "static" / "page.js").read_text(encoding="utf-8")
    names = set(re.findall(r'\$\("([\w-]+)"\)', script))
    assert names
    assert not [name for name in names if f'id="{name}"' not in page]


def test_the_page_says_now_only_if_what_is_popular_now_is_known(by_id):
    trend = replace(by_id.state.trend, half_life=86_400.0)
    for known, said in ((None, "Popular"), (trend, "Popular now")):
        made = Recommender(replace(by_id.state, trend=known))
        page = render_page(RealtimeRecommender(made), needs_token=False)
        assert f'data-popular="{said}"' in page


@pytest.mark.parametrize("needed", [True, False])
def test_the_page_has_whether_a_token_is_needed(live, needed):
    page = render_page(live, needs_token=needed)
    assert f'data-needs-token="{"yes" if needed else "no"}"' in page


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ([(60, 90)] * 3, 2 / 3),
        ([(60, 90), (60, 90), (100, 50)], 2 / 3),
        ([(10, 90)], 0.6),
        ([(900, 90)], 1.5),
        ([], 1.0),
    ],
)
def test_the_shape_is_the_median_of_the_images(tmp_path, sizes, shape):
    for number, size in enumerate(sizes):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    (tmp_path / "text.png").write_text("no image")
    names = [*(f"{number}.png" for number in range(len(sizes))), "text.png", "gone.png", None]
    items = {"item_id": [f"i{n}" for n in range(len(names))], "image": names}
    assert image_shape(Catalog(items, tmp_path)) == pytest.approx(shape)
