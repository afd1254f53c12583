"""What stands before the page: every door, one class after another; ``tests/trust/test_host.py`` has the attacks on a server."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from demo.build import build_demo, launch_options
from demo.gate import OnlyThroughTheGate
from demo.gate.bodies import Bodies, is_below, understood
from demo.gate.callers import Callers, network_of
from demo.gate.headers import Headers
from demo.gate.login import Guesses, is_same_site
from demo.gate.room import Room
from demo.gate.routes import CALL_BYTES, FRAME_BYTES, doors_of, find
from demo.settings import Settings
from tests.fakes.asgi import asked, hello, status_of
from tests.fakes.painted import painted_engine

# What Gradio registers and the gate lets through: a new version with another route that fits a pattern fails here.
LET_THROUGH = {
    "GET /", "HEAD /", "GET /assets/{path:path}", "GET /static/{path:path}", "GET /favicon.ico", "GET /manifest.json",
    "GET /pwa_icon", "GET /card.jpg", "HEAD /card.jpg",
    "GET /robots.txt", "GET /theme.css", "GET /gradio_api/theme.css", "GET /config", "GET /config/", "GET /gradio_api/info",
    "GET /gradio_api/info/", "GET /gradio_api/startup-events", "POST /gradio_api/queue/join", "GET /gradio_api/queue/data",
    "POST /live/picture",
    "GET /gradio_api/heartbeat/{session_hash}", "POST /gradio_api/upload", "GET /gradio_api/upload_progress",
    "GET /gradio_api/file={path_or_url:path}", "HEAD /gradio_api/file={path_or_url:path}",
    "POST /gradio_api/call/{api_name}", "POST /gradio_api/call/{api_name}/", "GET /gradio_api/call/{api_name}/{event_id}",
    "POST /gradio_api/cancel", "POST /gradio_api/reset", "POST /gradio_api/reset/",
}  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Iterator[gr.Blocks]:
    engine = painted_engine(queue_size=4, queue_share=2, browser_page="off")
    demo, words = build_demo(engine.settings, engine)
    demo.launch(**launch_options(engine.settings, words), prevent_thread_lock=True, server_name="127.0.0.1")
    yield demo
    demo.close()


def registered(page: gr.Blocks) -> set[tuple[str, str]]:
    """Method and path of every route of Gradio's app; what is mounted counts as a route of its own."""
    return {
        (method, route.path)
        for route in each_of(page.app.routes)
        for method in getattr(route, "methods", None) or {"GET", "POST"}
    }


def each_of(routes: list[Any]) -> Iterator[Any]:
    """Routes, those of included routers too."""
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from each_of(included.routes)
        else:
            yield route


def sample(path: str) -> str:
    """A path that a route's pattern takes."""
    return re.sub(r"\{[a-z_]*(:path)?\}", "1", path)


def test_every_route_of_gradio_that_is_not_on_the_list_answers_404(page: gr.Blocks) -> None:
    doors, shut = doors_of(Settings()), []
    assert len(registered(page)) > 60
    with httpx.Client(base_url=page.local_url, timeout=60) as client:
        for method, path in sorted(registered(page)):
            if find(doors, method, sample(path)) is None:
                answer = client.request(method, sample(path))
                assert answer.status_code == 404, f"{method} {path}"
                assert method == "HEAD" or answer.json() == {"detail": "There is nothing here."}, f"{method} {path}"
                shut.append(f"{method} {path}")
    assert {"POST /gradio_api/run/{api_name}", "POST /gradio_api/api/{api_name}/", "GET /monitoring",
            "POST /gradio_api/process_recording", "GET /gradio_api/deep_link", "POST /gradio_api/component_server",
            "GET /gradio_api/file/{path:path}"} - set(shut) <= {"GET /gradio_api/deep_link"}  # fmt: skip


def test_what_is_let_through_is_what_was_looked_at(page: gr.Blocks) -> None:
    doors = doors_of(Settings())
    assert {f"{m} {p}" for m, p in registered(page) if find(doors, m, sample(p)) is not None} == LET_THROUGH


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST"])
def test_other_methods_have_no_door(page: gr.Blocks, method: str) -> None:
    preflight = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    answer = httpx.request(method, page.local_url, headers=preflight)
    assert answer.status_code == 404
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_without_the_gate_nothing_is_served() -> None:
    assert status_of(OnlyThroughTheGate(hello), path="/") == 503
    assert status_of(OnlyThroughTheGate(hello), path="/", **{"mfs.gate": True}) == 200


def test_the_page_has_no_event_beside_the_queue(page: gr.Blocks) -> None:
    assert [function.name for function in page.fns.values() if function.fn is not None and not function.queue] == []
    assert page.api_open is False


# One class after another ------------------------------------------------------------------------------------------------


def bodies(**more: Any) -> Bodies:
    return Bodies(hello, most_file_bytes=1 << 20, most_files=3, **more)


@pytest.mark.parametrize("kind", [b"application/json", b"multipart/form-data; boundary=x", b"text/plain", b""])
def test_a_call_is_counted_whatever_its_type_says(kind: bytes) -> None:
    pieces = [b'["' + b"a" * (1 << 19), *[b"a" * (1 << 19)] * 100]
    start, _, taken = asked(bodies(), path="/gradio_api/queue/join", method="POST", body=pieces, headers=[(b"content-type", kind)])  # fmt: skip
    assert start["status"] == 413 and taken == 1


def test_a_declared_size_is_refused_before_anything_is_read() -> None:
    headers = [(b"content-length", str(9 << 20).encode())]
    start, _, taken = asked(bodies(), path="/gradio_api/call/verify", method="POST", body=[b"a"], headers=headers)
    assert start["status"] == 413 and taken == 0


def test_only_a_picture_may_be_large() -> None:
    picture = json.dumps({"data": [{"url": "data:image/png;base64," + "A" * 2 * CALL_BYTES}]}).encode()
    words = json.dumps({"data": ["A" * 2 * CALL_BYTES]}).encode()
    program = {"path": "/gradio_api/mcp", "method": "POST"}
    assert status_of(bodies(), body=[picture], **program) == 200
    assert status_of(bodies(), body=[words], **program) == 413
    for path in ("/gradio_api/call/verify", "/gradio_api/queue/join"):
        assert status_of(bodies(), body=[picture], path=path, method="POST") == 413
    camera = {"path": "/live/picture", "method": "POST"}
    assert status_of(bodies(), body=[bytes(FRAME_BYTES)], **camera) == 200
    assert status_of(bodies(), body=[bytes(FRAME_BYTES + 1)], **camera) == 413


def test_a_call_without_a_session_gets_one_that_is_known_to_be_the_caller_s() -> None:
    _, scope, _ = asked(bodies(), path="/gradio_api/call/verify", method="POST", body=[b'{"data": []}'])
    assert len(json.loads(scope["read"])["session_hash"]) == 16
    _, scope, _ = asked(
        bodies(), path="/gradio_api/call/verify", method="POST", body=[b'{"data": [], "session_hash": "me"}']
    )
    assert json.loads(scope["read"])["session_hash"] == "me"


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"data":' + b"[]," * 21_000 + b"[]}", b"[" * 100 + b"]" * 100])
def test_brackets_are_refused_quickly(body: bytes) -> None:
    begun = time.perf_counter()
    assert understood(body)[0] is not None
    assert time.perf_counter() - begun < 1


def part(name: str, data: bytes, boundary: str = "x") -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + data + b"\r\n"


FILE = 'name="files"; filename="a.png"'
UPLOAD = {
    "path": "/gradio_api/upload",
    "method": "POST",
    "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([part('name="a"', b"x")], "files only"),
        ([part(FILE, b"x") * 4], "At most 3"),
        ([part(FILE, b"x"), *[bytes(1 << 19)] * 9], "maximum allowed size"),
        ([b"--y nonsense", b"\r\n"], "cannot be read"),
    ],
    ids=["a field", "too many", "too large", "no parts"],
)
def test_an_upload_is_files_few_and_within_the_limit(body: list[bytes], message: str) -> None:
    from starlette.formparsers import MultiPartException

    with pytest.raises(MultiPartException, match=message):  # which Gradio answers, and deletes what came
        asked(bodies(), body=body, **UPLOAD)


def test_an_upload_within_the_limits_passes_piece_by_piece() -> None:
    pieces = [part(FILE, bytes(200_000)), part(FILE, b"y"), b"--x--\r\n"]
    assert asked(bodies(), body=pieces, **UPLOAD)[1]["read"] == b"".join(pieces)


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"multipart/form-data", b"multipart/x; boundary=x"])
def test_an_upload_of_another_type_is_refused_unread(kind: bytes) -> None:
    start, _, taken = asked(bodies(), **UPLOAD | {"headers": [(b"content-type", kind)]})
    assert start["status"] == 415 and taken == 0


def test_a_body_that_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import demo.gate.bodies

    monkeypatch.setattr(demo.gate.bodies, "_SILENCE_S", 0.05)

    async def never() -> Any:
        await asyncio.sleep(60)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/gradio_api/call/verify", "headers": []}
    scope["mfs.door"] = find(doors_of(Settings()), "POST", "/gradio_api/call/verify")
    asyncio.run(bodies()(scope, never, send))
    assert sent[0]["status"] == 408


def test_the_disk_quota_counts_each_visitor_and_everybody(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(bytes(500))

    async def fill() -> None:
        room = Room(lambda: [tmp_path], most_bytes=2000, visitor_bytes=1000, keep_s=0.2)
        assert await room.problem_of("a", 900) is None and room.take("a", 900)
        assert not room.take("a", 200) and "as much as one visitor" in str(await room.problem_of("a", 200))
        assert room.take("b", 500) and not room.take("c", 200)  # 500 + 900 + 500 + 200
        assert "disk is full" in str(await room.problem_of("c", 200))
        await asyncio.sleep(0.25)
        assert await room.problem_of("a", 100) is None

    asyncio.run(fill())


def test_links_out_of_the_folders_are_no_files_of_them(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir(), outside.mkdir()
    for folder in (inside, outside):
        (folder / "a.png").write_bytes(b"x")
    (inside / "link.png").symlink_to(outside / "a.png")
    (inside / "folder").symlink_to(outside)
    assert is_below(str(inside / "a.png"), [inside])
    for path in ("link.png", "folder/a.png", "../out/a.png", ".", "missing.png", "\0"):
        assert not is_below(str(inside / path), [inside]), path


@pytest.mark.parametrize(
    ("trusts", "said", "wanted"),
    [
        (False, b"203.0.113.9", "192.0.2.1"),
        (True, b"203.0.113.9", "203.0.113.9"),
        (True, b"10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (True, b"203.0.113.9:1234", "203.0.113.9"),
        (True, b"[2001:db8::1]:99", "2001:db8::1"),
        (True, b"nobody", "192.0.2.1"),
    ],
)
def test_a_proxy_is_believed_only_if_the_host_says_so(trusts: bool, said: bytes, wanted: str) -> None:
    headers = [(b"x-forwarded-for", said), (b"x-forwarded-host", b"evil.example"), (b"host", b"own")]
    _, scope, _ = asked(Callers(hello, trust_proxy=trusts), path="/", headers=headers)
    assert scope["client"][0] == wanted
    assert trusts == any(name == b"x-forwarded-host" for name, _ in scope["headers"])


def test_one_connection_is_one_caller_whatever_its_address_of_the_day() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") != network_of("2001:db8:1:3::4")
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"host": "own:7860"}, True),
        ({"host": "own:7860", "origin": "http://own:7860"}, True),
        ({"host": "inner", "origin": "https://own", "x-forwarded-host": "own"}, True),
        ({"host": "own:7860", "origin": "http://own:7861"}, False),
        ({"host": "own", "origin": "null"}, False),
        ({"host": "own", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        ({"host": "own", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),
    ],
)
def test_another_site_is_told_from_the_page(headers: dict[str, str], wanted: bool) -> None:
    from starlette.datastructures import Headers as Read

    assert is_same_site(Read(headers)) is wanted


def test_wrong_passwords_cost_more_and_more_time() -> None:
    guesses, waits = Guesses(), []
    for _ in range(8):
        guesses.wrong("a")
        waits.append(round(max(0.0, guesses.wait_s("a"))))
    assert waits == [0, 0, 0, 0, 2, 4, 8, 16] and guesses.wait_s("b") < 0
    guesses.right("a")
    assert guesses.wait_s("a") < 0


def test_every_answer_carries_the_headers_and_none_for_other_sites() -> None:
    start, _, _ = asked(Headers(hello, frame_ancestors="'self' https://host.example"), path="/")
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert "frame-ancestors 'self' https://host.example" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff" and "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("path", "is_kept"), [("/assets/index-a1.js", True), ("/", False), ("/gradio_api/file=/a", False)]
)
def test_browsers_keep_what_never_changes_and_nothing_else(path: str, is_kept: bool) -> None:
    start, _, _ = asked(Headers(hello, frame_ancestors="'self'"), path=path)
    assert (b"cache-control", b"public, max-age=31536000, immutable") in start["headers"] or not is_kept
    assert is_kept == any(name == b"cache-control" for name, _ in start["headers"])
