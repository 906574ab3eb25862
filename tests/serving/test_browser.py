"""The page in a real browser, over a made-up shop.

Screenshots are written to the folder MMREC_SHOTS where it is set.
"""

import base64
import io
import os
import re
import shutil
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest

from mmrec.data import read_folder
from mmrec.demo import make_shop
from mmrec.demo.shop.images import draw_image
from mmrec.demo.shop.texts import write_text
from mmrec.realtime import RealtimeRecommender
from mmrec.serving import create_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("needs Debian's chromium", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
TOP = 12


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return read_folder(make_shop(tmp_path_factory.mktemp("data") / "shop", users=1, items=120))


@pytest.fixture(scope="module")
def visits(shop):
    """Visitors that mostly stay with one category: the shop's own ones go on to the next."""
    rng = np.random.default_rng(0)
    shelves = [frame["item_id"] for frame in shop.catalog.frame.partition_by("category")]
    events = {"user_id": [], "item_id": [], "position": []}
    for user in range(150):
        shelf = rng.integers(len(shelves))
        for step in range(12):
            here = shelf if rng.random() < 0.9 else rng.integers(len(shelves))
            events["user_id"].append(f"u{user}")
            events["item_id"].append(shelves[here][int(rng.integers(len(shelves[here])))])
            events["position"].append(step)
    return events


@pytest.fixture(scope="module")
def words(shop, tmp_path_factory):
    """A text model of one layer that has learned nothing, but knows each word of the shop."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder, frame = tmp_path_factory.mktemp("words"), shop.catalog.frame
    texts = " ".join(frame["title"].to_list() + frame["description"].fill_null("").to_list())
    known = sorted(set(re.findall(r"\w+|[^\w\s]", texts.lower())))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *known]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(shop, visits, words, options):
    from mmrec.recommender import Recommender

    return Recommender.fit(
        visits,
        shop.catalog,
        options=options(
            modalities=("text", "image"),
            dim=32,
            epochs=8,
            lr=5e-3,
            batch_size=16,
            max_length=20,
            split="leave-one-out",
        ),
        encoders={"text": str(words), "image": "test_vit"},
    )


@pytest.fixture
def live(trained):
    return RealtimeRecommender(trained)


@pytest.fixture
def address(live):
    """Serve the shop, and return where."""
    import uvicorn

    config = uvicorn.Config(create_app(live), port=0, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Open the page; the browser may complain of nothing but a refusal."""
    opened, said = [], []

    def make(*, size="desktop", **options):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(60_000)
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: "503" in message.text or said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address)
        ready(page)
        return page

    yield make
    for context in opened:
        context.close()
    assert said == []


def ready(page):
    page.wait_for_selector("#wall[aria-busy=false] li")


def wall(page):
    return [tile.get_attribute("data-item") for tile in page.query_selector_all("#wall li")]


def history(page):
    return [tile.get_attribute("data-item") for tile in page.query_selector_all("#history li")]


def click(page, item):
    count = len(history(page))
    page.click(f'#wall li[data-item="{item}"] button')
    page.wait_for_function(
        "count => document.querySelectorAll('#history li').length > count", arg=count
    )
    ready(page)


def show_interest(page, live, category):
    """Click three items of a category, each from the wall as it is then."""
    clicked = []
    for _ in range(3):
        clicked.append(next(item for item in wall(page) if category_of(live, item) == category))
        click(page, clicked[-1])
    return clicked


def category_of(live, item):
    return live.catalog.row(item)["category"]


def share(page, live, category):
    return sum(category_of(live, item) == category for item in wall(page)[:TOP]) / TOP


def shoot(page, name):
    if folder := os.environ.get("MMREC_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(1500)  # the bars come one by one
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.mark.parametrize("category", ["footwear", "bags"])
def test_the_wall_moves_towards_what_is_clicked(visit, live, category):
    page = visit()
    before = share(page, live, category)
    assert page.inner_text("#next") == page.get_attribute("#next", "data-popular")
    clicked = show_interest(page, live, category)
    assert share(page, live, category) >= before + 0.4
    assert not set(clicked) & set(wall(page))
    assert history(page) == clicked[::-1]
    assert page.inner_text("#next") == "For you"
    assert re.fullmatch(r"\d+ ms", page.inner_text("#latency"))
    assert re.fullmatch(r"\d+ s old", page.inner_text("#age"))
    assert page.inner_text("#model") == live.version
    page.wait_for_selector("#wall .bars .text")
    page.wait_for_selector("#wall .bars .image")
    shoot(page, f"desktop-{category}")


def test_a_new_item_appears_for_those_whom_it_fits(visit, live, address):
    fits, other = visit(), visit()
    show_interest(fits, live, "footwear")
    show_interest(other, live, "bags")
    rng, file = np.random.default_rng(5), io.BytesIO()
    draw_image("boot", "green", "plain", rng).save(file, "PNG")
    title, description = write_text("footwear", "outdoor", "technical", "travel", rng)
    row = {"item_id": "new", "title": title, "description": description, "category": "footwear"}
    body = {"items": [row], "images": {"new": base64.b64encode(file.getvalue()).decode()}}
    assert httpx.post(f"{address}/items", json=body, timeout=60).status_code == 201
    for page in (fits, other):
        page.reload()
        ready(page)
    assert "new" in wall(fits)
    assert "new" not in wall(other)[:TOP]
    tile = fits.query_selector('#wall li[data-item="new"]')
    assert tile.query_selector(".title").text_content() == title
    tile.scroll_into_view_if_needed()
    fits.wait_for_function("document.querySelector('#wall li[data-item=new] img').naturalWidth > 0")
    click(fits, "new")
    assert history(fits)[0] == "new"


def test_forgetting_empties_the_history(visit, live):
    page = visit()
    first = wall(page)
    show_interest(page, live, "bags")
    user = page.input_value("#user")
    page.click("#forget")
    page.wait_for_selector("#nothing:visible")
    ready(page)
    assert history(page) == []
    assert wall(page) == first
    assert page.inner_text("#age") == "no events yet"
    assert live.history(user) == []


def test_users_have_histories_of_their_own(visit, live):
    page = visit()
    mine = show_interest(page, live, "bags")
    page.fill("#user", "somebody else")
    page.press("#user", "Enter")
    page.wait_for_selector("#nothing:visible")
    page.reload()
    ready(page)
    assert (page.input_value("#user"), history(page)) == ("somebody else", [])
    assert len(mine) == 3


def test_the_keyboard_is_enough(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the items"
    page.keyboard.press("Enter")
    first = wall(page)[0]
    page.keyboard.press("Tab")
    assert focused(page) == first
    page.keyboard.press("Enter")
    page.wait_for_selector("#history li")
    ready(page)
    assert history(page) == [first]
    assert "The list has changed" in page.inner_text("#said")
    page.keyboard.press("Tab")  # goes on at the top of the new list
    assert focused(page) == wall(page)[0]


def focused(page):
    return page.evaluate("document.activeElement.closest('li')?.dataset.item")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it(visit, live, scheme):
    page = visit(size="phone", has_touch=True, is_mobile=True, color_scheme=scheme)
    show_interest(page, live, "footwear")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"][0]
    for name in ("#user", "#forget", "#latency", "#wall li button"):
        box = page.query_selector(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= SIZES["phone"][0]
    for button in page.query_selector_all("button"):
        assert button.bounding_box()["height"] >= 40
    shoot(page, f"phone-{scheme}")


def test_a_refusal_is_shown(visit):
    page = visit()
    item = wall(page)[0]
    page.route("**/observe", lambda route: route.fulfill(status=503, json={"detail": "Disk full"}))
    page.click(f'#wall li[data-item="{item}"] button')
    page.wait_for_selector("#problem:visible")
    assert "Disk full" in page.inner_text("#problem")
    page.unroute("**/observe")
    click(page, item)
    assert not page.is_visible("#problem")


def test_a_catalogue_without_images_shows_titles(visit, live):
    live.update_items({"item_id": live.catalog.ids, "image": [None] * len(live.catalog)})
    page = visit()
    assert page.query_selector("#wall .image img") is None
    assert page.inner_text("#wall li .none") == "no image"
    assert page.inner_text("#wall li .title")


def test_the_interface_is_described_without_the_internet(browser, address):
    """The page of FastAPI takes its files from the internet; ours has them beside it."""
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/docs")
    page.wait_for_selector(".opblock-summary-path")
    shown = page.text_content("#swagger-ui")
    page.close()
    assert "/events" in shown
    assert "/recommend" in shown
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
