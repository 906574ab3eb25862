"""Requests that nobody wrote: what the interface describes, and what it doesn't.

A hundred of them by default; as many as MMREC_FUZZ says where it is set.
"""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from mmrec.realtime import RealtimeRecommender
from mmrec.serving import Limits, create_app

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")

EXAMPLES = int(os.environ.get("MMREC_FUZZ", "100"))
ITEMS = ["i1", "i2", "i5"]


def cases(app):
    """Return requests of every operation, half of them against the description."""
    described = schemathesis.openapi.from_dict(app.openapi())
    modes = schemathesis.GenerationMode
    return st.one_of(
        [
            operation.ok().as_strategy(generation_mode=mode)
            for operation in described.get_all_operations()
            for mode in (modes.POSITIVE, modes.NEGATIVE)
        ]
    )


def tried(case, draw):
    """Put ids of the catalogue where a request names an item: most of chance are unknown."""
    for place in (case.query, case.path_parameters, case.body):
        if isinstance(place, dict) and isinstance(place.get("item"), str):
            place["item"] = draw(st.sampled_from([place["item"], *ITEMS]))
        if isinstance(place, dict) and isinstance(place.get("user"), str):
            place["user"] = draw(st.sampled_from([place["user"], "ann", "bob"]))
    body = case.body
    if isinstance(body, dict):
        for row in body["items"] if isinstance(body.get("items"), list) else []:
            if isinstance(row, dict):
                row["item_id"] = draw(st.sampled_from([*ITEMS, "new", "newer", 7, None]))
                row["title"] = draw(st.sampled_from(["red hat", "", None, 1.5, "x" * 10_000]))
        for event in body["events"] if isinstance(body.get("events"), list) else []:
            if isinstance(event, dict):
                event["item"] = draw(st.sampled_from([*ITEMS, "new", 7, [1], 10**400]))
                event["time"] = draw(st.sampled_from([None, 1.5, -1, "x", 10**400]))
    return case


def test_no_request_breaks_the_service_or_changes_it_when_refused(by_id, facts, record_property):
    live = RealtimeRecommender(by_id)
    app = create_app(live, limits=Limits(body=2**20))
    answers = Counter()

    @given(st.data())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(data):
        case = tried(data.draw(requests), data.draw)
        before = facts(live)
        answer = case.call(base_url="http://127.0.0.1", app=app)
        answers[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert isinstance(answer.json()["detail"], str), answer.text
            assert facts(live) == before

    requests = cases(app)
    ask()
    record_property("answers", str(sorted(answers.items())))
    assert sum(answers.values()) >= EXAMPLES
    assert answers[200] + answers[201] > EXAMPLES / 10
    assert answers[400] + answers[404] + answers[422] > EXAMPLES / 10
    assert TestClient(app, base_url="http://127.0.0.1").get("/health").status_code == 200
