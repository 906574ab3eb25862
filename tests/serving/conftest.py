import base64
import io
import shutil

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs the extra serve")
from starlette.testclient import TestClient

from mmrec.realtime import RealtimeRecommender


@pytest.fixture(scope="session", autouse=True)
def small(tiny_encoders):
    """No test here loads a pretrained image model."""


@pytest.fixture(scope="session")
def by_number(options):
    """A recommender whose item ids are integers, without images; don't change it."""
    from mmrec.recommender import Recommender

    events = {"user_id": [*"uuuuvvvv"], "item_id": [1, 2, 3, 4, 2, 3, 1, 4], "position": range(8)}
    items = {"item_id": [1, 2, 3, 4], "title": ["lamp", "chair", None, "desk"]}
    return Recommender.fit(events, items, options=options(split="leave-one-out"))


@pytest.fixture(scope="session")
def by_type(options, chain):
    """A recommender of events with the types view and cart; don't change it."""
    from mmrec.recommender import Recommender

    events, items = chain()
    return Recommender.fit(events, items, options=options(event_types=True))


@pytest.fixture(scope="session")
def shelf(tiny_encoders, options, chain, images, tmp_path_factory):
    """A recommender of items with texts and images, in a folder of its own to write into."""
    from mmrec.recommender import Recommender

    folder = tmp_path_factory.mktemp("shelf")
    for path in images:
        shutil.copy(path, folder)
    events, items = chain()
    return Recommender.fit(
        events, items, images=folder, options=options(modalities=("text", "image"))
    )


@pytest.fixture
def live(by_id):
    return RealtimeRecommender(by_id)


@pytest.fixture
def connect():
    """Return a client of an application made with these arguments."""

    from mmrec.serving import create_app

    def make(live, *, base_url="http://127.0.0.1", **arguments):
        return TestClient(create_app(live, **arguments), base_url=base_url)

    return make


@pytest.fixture
def client(live, connect):
    return connect(live)


@pytest.fixture(scope="session")
def sent_image():
    """An image as base64."""
    file = io.BytesIO()
    Image.new("RGB", (20, 30), "teal").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture(scope="session")
def facts():
    """Return what a request may change: of the log, the catalogue, the index and the sessions."""

    def look(live):
        catalog, snapshot = live.catalog.frame, live.snapshots.now
        images = live.catalog.images
        return {
            "events": list(live.log.read()),
            "offset": live.log.last_offset,
            "items": catalog.to_dicts(),
            "types": dict(catalog.schema),
            "available": live.available.tolist(),
            "index": len(snapshot.index),
            "vectors": snapshot.vectors.sum().item(),
            "sessions": len(live.sessions),
            "images": sorted(path.name for path in images.rglob("*")) if images else [],
        }

    return look
