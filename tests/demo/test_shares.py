"""What one caller may take of what all share, and what the gate keeps so that a visit costs little."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState
from starlette.datastructures import Headers

import demo.gate.shares
from demo.gate.lean import _MOST_KEPT, Pages, without_deep_links
from demo.gate.shares import _COST_OF_REFUSED, BURST_S, VISITS_BY_CALLER, Places, Requests, in_turn
from tests.fakes.asgi import asked, hello, status_of


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.gate.shares, "_PAUSE_S", 0.0)


def test_requests_above_the_rate_are_refused_and_others_are_served() -> None:
    app = Requests(hello, rate=10)
    most = 10 * BURST_S // 50
    answers = [status_of(app, path="/config") for _ in range(most + 5)]
    assert answers[:most] == [200] * most and answers[-1] == 429
    assert status_of(app, path="/config", client=("192.0.2.2", 1)) == 200


def waiting(*addresses: str) -> SimpleNamespace:
    """A queue in which these addresses wait."""
    events = [
        SimpleNamespace(request=SimpleNamespace(client=SimpleNamespace(host=a)), number=n)
        for n, a in enumerate(addresses)
    ]
    return SimpleNamespace(queue=events, concurrency_limit=1)


@pytest.mark.parametrize(
    ("addresses", "wanted"),
    [((), 200), (("me",), 200), (("me", "me"), 429), (("a", "b", "c", "me"), 429), (("a", "b", "c", "d"), 200), (tuple("abcdefgh"), 503)],
)  # fmt: skip
def test_an_address_has_its_share_of_the_queue(addresses: tuple[str, ...], wanted: int) -> None:
    blocks = SimpleNamespace(
        fns={}, _queue=SimpleNamespace(event_queue_per_concurrency_id={"swap": waiting(*addresses)})
    )
    page = SimpleNamespace(get_blocks=lambda: blocks, state_holder=SimpleNamespace(session_data={}, time_last_used={}))
    call = {"mfs.call": {"data": []}, "client": ("me", 1)}
    assert (
        status_of(Places(hello, page, places=8, share=2), path="/gradio_api/call/verify", method="POST", **call)
        == wanted
    )


def test_the_queue_takes_addresses_in_turn() -> None:
    queue = waiting("a", "a", "a", "b", "a", "b", "c").queue
    in_turn(queue)
    assert [event.number for event in queue] == [0, 3, 6, 1, 5, 2, 4]


def test_an_address_s_oldest_visits_are_forgotten_first() -> None:
    held = {str(number): object() for number in range(VISITS_BY_CALLER + 2)} | {"other": object()}
    page = SimpleNamespace(state_holder=SimpleNamespace(session_data=held, time_last_used={}))
    places = Places(hello, page, places=8, share=2)
    places._remember("b", "other")
    for number in range(VISITS_BY_CALLER + 2):
        places._remember("a", str(number))
    assert "other" in held and {"0", "1"} & set(held) == set() and "2" in held


def answers(status: int) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


@pytest.mark.parametrize(("status", "wanted"), [(200, 60), (404, 60), (400, 12), (413, 12)])
def test_what_is_refused_for_what_it_brings_costs_more(status: int, wanted: int) -> None:
    app = Requests(answers(status), rate=100)
    assert BURST_S * 100 == 3000 and _COST_OF_REFUSED == 200
    got = [status_of(app, path="/gradio_api/queue/join", method="POST") for _ in range(70)]
    assert got.count(status) == wanted and got.count(429) == 70 - wanted


def test_the_page_is_written_once_for_each_address_it_is_called_by() -> None:
    written = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        written.append((dict(scope["headers"]).get(b"host"), scope["query_string"]))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await send({"type": "http.response.body", "body": b"half"})

    app = Pages(page)

    def visit(host: bytes, query: bytes = b"") -> dict[str, Any]:
        return asked(app, path="/", headers=[(b"host", host)], query_string=query)[0]

    first = visit(b"a.example", b"__theme=dark")
    first["headers"].append((b"x-frame-options", b"from outside"))
    assert visit(b"a.example", b"deep_link=1")["headers"] == [(b"content-type", b"text/html")]
    assert written == [(b"a.example", b"")]
    for number in range(_MOST_KEPT):
        visit(b"%d.example" % number)
    visit(b"a.example")
    assert len(written) == _MOST_KEPT + 2 and len(app._kept) == _MOST_KEPT


def test_the_page_is_compressed_for_browsers_that_say_so() -> None:
    async def page(scope: Any, receive: Any, send: Any) -> None:
        length = [(b"content-length", b"100000")]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": b"0123456789" * 10_000})

    app = Pages(page)
    for accepted, encoding in ((b"gzip, br", "gzip"), (b"identity", None), (b"gzip, br", "gzip")):
        start, *_ = asked(app, path="/", headers=[(b"accept-encoding", accepted)], query_string=b"")
        headers = Headers(raw=start["headers"])
        assert headers.get("content-encoding") == encoding
        assert (int(headers["content-length"]) < 1000) == (encoding is not None)


def test_an_error_in_place_of_the_page_is_not_kept() -> None:
    app = Pages(answers(500))
    assert [status_of(app, path="/", query_string=b"") for _ in range(2)] == [500, 500] and not app._kept


def test_other_routes_pass_by_the_kept_page() -> None:
    app = Pages(hello)
    assert status_of(app, path="/config") == 200 and not app._kept


def test_the_description_of_the_endpoints_is_written_once_and_others_than_the_usual_one_each_time() -> None:
    written = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        written.append(scope["query_string"])
        await hello(scope, receive, send)

    app = Pages(page)
    for query in (b"", b"", b"all_endpoints=true", b"all_endpoints=true"):
        assert status_of(app, path="/gradio_api/info", query_string=query) == 200
    assert status_of(app, path="/", query_string=b"") == 200  # is not taken for it
    assert written == [b"", b"all_endpoints=true", b"all_endpoints=true", b""]


def test_a_visit_begins_without_describing_every_component() -> None:
    with gr.Blocks() as blocks:
        box, kept = gr.Textbox("as it was"), gr.State(3)
    state = SessionState(without_deep_links(blocks))
    assert not state.config_values and state[kept._id] == 3 and state[box._id].value == "as it was"
    state[kept._id] = 4
    assert SessionState(without_deep_links(blocks))[kept._id] == 3
