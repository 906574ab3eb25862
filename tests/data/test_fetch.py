import io
import json
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest
from PIL import Image

from mmrec.data.fetch import fetch_images


def png(color):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(file, "PNG")
    return file.getvalue()


RED, BLUE = png((200, 0, 0)), png((0, 0, 200))


@pytest.fixture(scope="module")
def server():
    """A server on loopback; `server.asked` lists the paths that it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            moved = {"/moved": "/red", "/loop": "/loop", "/file": "file:///etc/passwd"}
            bodies = {
                "/red": RED,
                "/blue": BLUE,
                "/text": b"hello",
                "/cut": RED[:40],
                "/large": b"x" * 5000,
                "/flood": b"x" * 5000,
            }
            if self.path == "/slow":
                time.sleep(9.0)
            if self.path in moved:
                self.send_response(302)
                self.send_header("Location", moved[self.path])
                self.end_headers()
            elif self.path in bodies:
                self.send_response(200)
                if self.path != "/flood":
                    self.send_header("Content-Length", str(len(bodies[self.path])))
                self.end_headers()
                self.wfile.write(bodies[self.path])
            else:
                self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        running.handle_error = lambda *_: None  # clients that go away
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def data(tmp_path, server, monkeypatch):
    """Make a data set folder whose items name these paths of the server."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server.asked.clear()

    def make(*rows, **columns):
        urls = [[path if ":" in path else server.url + path for path in row] for row in rows]
        ids = [f"i{place}" for place in range(len(rows))]
        frame = {"item_id": ids, "image_urls": pl.Series(urls, dtype=pl.List(pl.String)), **columns}
        pl.DataFrame(frame).write_parquet(tmp_path / "items.parquet")
        return tmp_path

    return make


def fetch(folder, **options):
    return fetch_images(folder, **{"timeout": 3.0, "max_bytes": 4000, **options})


def manifest(folder):
    lines = (folder / "images" / "manifest.jsonl").read_text().splitlines()
    return {entry["url"]: entry for entry in map(json.loads, lines)}


def test_failures_are_counted_and_stop_nothing(data, server):
    folder = data(
        ["/missing", "/red", "/blue"],
        ["/slow"],
        ["/text"],
        ["/large", "/flood"],
        ["/moved"],
        ["/loop", "/file"],
        ["/cut"],
        ["file:///etc/passwd"],
        [],
        ["http://127.0.0.1:1/x"],
        ["http://[x"],
    )
    assert fetch(folder) == {
        "URLs": 14,
        "there already": 0,
        "HTTP 404": 1,
        "ok": 3,
        "timeout": 1,
        "not an image": 2,
        "too large": 2,
        "redirect not followed": 2,
        "not http or https": 1,
        "no connection": 1,
        "not a URL": 1,
    }
    entries = manifest(folder)
    assert len(entries) == 14
    red = entries[f"{server.url}/red"]
    assert red["file"] == sha256(red["url"].encode()).hexdigest() + ".png"
    assert (folder / "images" / red["file"]).read_bytes() == RED
    assert (red["sha256"], red["bytes"]) == (sha256(RED).hexdigest(), len(RED))
    assert entries[f"{server.url}/slow"] == {
        "url": f"{server.url}/slow",
        "file": None,
        "sha256": None,
        "bytes": 0,
        "status": "timeout",
    }
    items = pl.read_parquet(folder / "items.parquet")
    blue = entries[f"{server.url}/blue"]["file"]
    moved = entries[f"{server.url}/moved"]["file"]
    assert items["image"].to_list() == [red["file"], *[None] * 3, moved, *[None] * 6]
    assert items["images"].to_list() == [[red["file"], blue], *[[]] * 3, [moved], *[[]] * 6]
    kept = {path.name for path in (folder / "images").iterdir()}
    assert kept == {"manifest.jsonl", red["file"], blue, moved}


def test_continues_with_what_is_missing_or_damaged(data, server):
    folder = data(["/red"], ["/blue"], ["/missing"])
    fetch(folder)
    path = folder / "images" / manifest(folder)[f"{server.url}/blue"]["file"]
    path.write_bytes(b"damaged")
    with (folder / "images" / "manifest.jsonl").open("a") as file:
        file.write('{"url": "http://cut')
    server.asked.clear()
    assert fetch(folder) == {"URLs": 3, "there already": 1, "ok": 2, "HTTP 404": 1}
    assert sorted(server.asked) == ["/blue", "/missing"]
    assert path.read_bytes() == BLUE


def test_one_url_for_several_items_is_fetched_once(data, server):
    folder = data(["/red"], ["/red", "/red"])
    assert fetch(folder) == {"URLs": 1, "there already": 0, "ok": 1}
    assert server.asked == ["/red"]


def test_several_urls_in_one_text(data, server):
    folder = data([], [], [])
    url = server.url
    texts = [f"{url}/red|{url}/blue", f" {url}/blue ; {url}/red?a=1|2,3;4 ", None]
    items = pl.read_parquet(folder / "items.parquet").with_columns(pl.Series("image_urls", texts))
    items.write_parquet(folder / "items.parquet")
    assert fetch(folder) == {"URLs": 3, "there already": 0, "ok": 2, "HTTP 404": 1}
    assert sorted(server.asked) == ["/blue", "/red", "/red?a=1|2,3;4"]
    files = [len(row) for row in pl.read_parquet(folder / "items.parquet")["images"]]
    assert files == [2, 1, 0]


def test_another_column_and_images_from_elsewhere(data, server):
    folder = data([], [], [], cover=[f"{server.url}/red", "", None], image=["a.jpg", "b.jpg", None])
    fetch(folder, column="cover")
    name = manifest(folder)[f"{server.url}/red"]["file"]
    assert pl.read_parquet(folder / "items.parquet")["image"].to_list() == [name, "b.jpg", None]


def test_refusals(data, tmp_path):
    folder = data(["/red"], images=["mine"])
    with pytest.raises(ValueError, match="column images already"):
        fetch(folder)
    assert pl.read_parquet(folder / "items.parquet")["images"].to_list() == ["mine"]
    with pytest.raises(ValueError, match=r"must have the columns \['pictures'\]"):
        fetch(data(["/red"]), column="pictures")
    with pytest.raises(ValueError, match="must be URLs or lists of URLs; got Int64"):
        fetch(data(["/red"], n=[1]), column="n")
    with pytest.raises(ValueError, match=r"must be positive; got 0, 3\.0 and 4000"):
        fetch(folder, workers=0)
    with pytest.raises(FileNotFoundError, match="no file at"):
        fetch(folder / "nowhere")
    (tmp_path / "other").mkdir()
    (folder / "images").symlink_to(tmp_path / "other")
    with pytest.raises(ValueError, match="is a link"):
        fetch(folder)
