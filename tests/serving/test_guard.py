import pytest

from mmrec.serving import Limits
from mmrec.serving.guard import allowed_hosts, check_exposure, is_loopback

SECRET = "a secret of ünusual letters"
EVENT = {"user": "ann", "item": "i1"}


@pytest.fixture
def closed(connect, live):
    return connect(live, token=SECRET)


def bearer(token):
    return {"Authorization": f"Bearer {token}".encode()}


@pytest.mark.parametrize(
    "headers",
    [{}, bearer(""), bearer("wrong"), bearer(SECRET + "x"), {"Authorization": SECRET.encode()}],
)
def test_without_the_token_nothing_is_shown_or_changed(closed, live, facts, headers):
    before = facts(live)
    for method, path in (
        ("POST", "/observe"),
        ("GET", "/recommend?user=ann"),
        ("GET", "/history?user=ann"),
        ("GET", "/metrics"),
        ("DELETE", "/items"),
        ("GET", "/nothing"),
    ):
        answer = closed.request(method, path, json=EVENT, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert facts(live) == before


def test_with_the_token_everything_works(closed):
    assert closed.post("/observe", json=EVENT, headers=bearer(SECRET)).json() == {"offset": 1}


@pytest.mark.parametrize("path", ["/", "/health", "/static/page.js", "/openapi.json"])
def test_the_page_and_health_need_no_token(closed, path):
    assert closed.get(path).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8000", 200),
        ("LOCALHOST:8000", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("[::2]", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
def test_on_loopback_other_names_of_this_machine_are_refused(client, host, status):
    assert client.get("/health", headers={"Host": host}).status_code == status


def test_elsewhere_any_name_will_do(connect, live):
    client = connect(live, host="0.0.0.0", token=SECRET)
    assert client.get("/health", headers={"Host": "shop.example"}).status_code == 200


def test_a_large_request_is_refused_before_it_is_read(connect, live):
    client, body = connect(live, limits=Limits(body=1000)), {"user": "ann", "item": "i" * 1001}
    answer = client.post("/observe", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (
        413,
        "a request may have 1,000 bytes at most",
    )
    assert client.post("/observe", json=EVENT).status_code == 200


@pytest.mark.parametrize(("spaces", "status"), [(1000, 413), (900, 200)])
def test_a_request_that_hides_its_size_is_counted(connect, live, spaces, status):
    def parts():
        yield b'{"user": "ann", '
        yield b" " * spaces
        yield b'"item": "i1"}'

    headers = {"Content-Type": "application/json"}
    client = connect(live, limits=Limits(body=1000))
    assert client.post("/observe", content=parts(), headers=headers).status_code == status
    assert live.log.last_offset == (status == 200)


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "²"])
def test_a_length_that_is_none_is_refused(client, length):
    headers = {"Content-Length": length.encode(), "Content-Type": "application/json"}
    assert client.post("/observe", content=b"{}", headers=headers).status_code == 413


def test_too_many_requests_of_one_address_are_refused(connect, live, facts):
    client = connect(live, limits=Limits(rate=5))
    before = facts(live)
    found = [client.get("/history?user=ann").status_code for _ in range(40)]
    assert found[:5] == [200] * 5
    assert 429 in found
    assert set(found) == {200, 429}
    assert facts(live) == before


def test_without_a_rate_as_many_as_come_are_answered(client):
    assert {client.get("/history?user=ann").status_code for _ in range(40)} == {200}


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_loopback_goes_without_a_token(host, here):
    assert is_loopback(host) is here
    assert (allowed_hosts(host) is not None) is here
    check_exposure(host, SECRET)
    if here:
        check_exposure(host, None)
        return
    with pytest.raises(ValueError, match="needs a token, since others can reach it"):
        check_exposure(host, "")
