"""Attacks on a public host by what a request carries: bodies without limit, many files, brackets, recordings."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from .host import PHOTO, Host, attack
from .visitors import DEFAULTS


@attack("1 run", "16 swaps at once by /run and /api", "8.3 GB, orderly visitors starve", "404, below 100 MB")
def run(host: Host) -> tuple[str, bool]:
    with host.client() as client:
        photo = host.server.upload(client, PHOTO)

    def ask(number: int) -> int:
        path = ("run/swap_image", "api/swap_image", "run/predict", "api/predict/")[number % 4]
        body = {"data": [photo, photo, True, "auto", "all", *DEFAULTS], "fn_index": 36}
        with host.client() as client:
            return client.post(f"{host.url}/gradio_api/{path}", json=body).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(ask, range(16)))
    return f"status {answers}", answers == {404}


def poured(host: Host, path: str, kind: str, megabytes: int, begin: bytes = b"", **headers: str) -> tuple[int, float]:
    """Send a body without a declared length; the status, and how many megabytes the server took."""
    taken = 0

    def body() -> Iterator[bytes]:
        nonlocal taken
        yield begin
        for _ in range(megabytes * 4):
            yield bytes(1 << 18)
            taken += 1 << 18

    with host.client() as client:
        try:
            status = client.post(host.url + path, content=body(), headers={"content-type": kind, **headers}).status_code
        except httpx.HTTPError:  # answered and closed while we still sent
            status = 0
    return status, taken / (1 << 20)


_FORM = "multipart/form-data; boundary=x"
_FIELD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


@attack("3 form field", "one form field of 600 MB on /upload", "600 MB held, before the login", "few MB taken")
def form_field(host: Host) -> tuple[str, bool]:
    status, taken = poured(host, "/gradio_api/upload", _FORM, 600, _FIELD)
    return f"status {status or 'closed'}, {taken:.0f} MB taken", status in (0, 400, 413) and taken < 30


@attack("3 other type", "300 MB declared multipart/x on a call", "300 MB held", "few MB taken")
def other_type(host: Host) -> tuple[str, bool]:
    status, taken = poured(host, "/gradio_api/call/verify", "multipart/x; boundary=x", 300)
    return f"status {status or 'closed'}, {taken:.0f} MB taken", status in (0, 413) and taken < 30


@attack("3 component server", "a form on /component_server", "held without limit", "404")
def component_server(host: Host) -> tuple[str, bool]:
    status, taken = poured(host, "/gradio_api/component_server", _FORM, 100, _FIELD)
    return f"status {status or 'closed'}, {taken:.0f} MB taken", status in (0, 404) and taken < 30


@attack("3 many files", "400 files in one upload", "400 files written", "400, no file left")
def many_files(host: Host) -> tuple[str, bool]:
    before = host.files()
    with host.client() as client:
        files = [("files", (f"{number}.png", b"x")) for number in range(400)]
        status = client.post(f"{host.url}/gradio_api/upload", files=files).status_code
    left = host.files() - before
    return f"status {status}, {left} files left", status == 400 and left == 0


@attack(
    "3 disk",
    "uploads of 4 MB without end by one address, then another's",
    "no quota",
    "507 at 20 MB, the other is served",
)
def disk(host: Host) -> tuple[str, bool]:
    sent, status = 0, 200
    with host.client("127.0.0.9") as client:
        while status == 200 and sent < 200:
            data = secrets.token_bytes(1 << 10) * (4 << 10)
            status = client.post(f"{host.url}/gradio_api/upload", files={"files": ("a.png", data)}).status_code
            sent += 4 if status == 200 else 0
    with host.client("127.0.0.10") as client:
        other = client.post(f"{host.url}/gradio_api/upload", files={"files": ("a.png", b"x")}).status_code
    return f"status {status} after {sent} MB, the other {other}", status == 507 and sent <= 20 and other == 200


@attack("3 before login", "600 MB on /upload without a login", "held", "401, few MB taken", with_login=True)
def before_login(host: Host) -> tuple[str, bool]:
    status, taken = poured(host, "/gradio_api/upload", _FORM, 600, _FIELD)
    return f"status {status or 'closed'}, {taken:.0f} MB taken", status in (0, 401) and taken < 30


@attack(
    "4 recording",
    "a playlist of the host's files to /process_recording",
    "ffmpeg runs on it, files and processes stay",
    "404, no file",
)
def recording(host: Host) -> tuple[str, bool]:
    before = host.files()
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    with host.client() as client:
        answer = client.post(f"{host.url}/gradio_api/process_recording", files={"video": ("a.mp4", playlist)})
    return (
        f"status {answer.status_code}, {host.files() - before} files",
        answer.status_code == 404 and host.files() == before,
    )


@attack(
    "5 brackets",
    "8 MB of brackets as a call, four times at once",
    "the page stands still for 9 s",
    "others wait below 1 s",
)
def brackets(host: Host) -> tuple[str, bool]:
    longest = 0.0
    with ThreadPoolExecutor(8) as pool:
        bodies = [b'{"data": [' + b"[]," * (8 << 20 >> 2) + b"[]]}", b"[" * (8 << 20)]
        small = [b'{"data": [' + b"[]," * 20_000 + b"[]]}", b"[" * 60_000]

        def send(body: bytes) -> int:
            with contextlib.suppress(httpx.HTTPError), host.client() as client:
                return client.post(f"{host.url}/gradio_api/queue/join", content=body).status_code
            return 0

        sent = [pool.submit(send, body) for body in [*bodies, *bodies, *small, *small]]
        with host.client("127.0.0.2") as client:
            while not all(one.done() for one in sent):
                begun = time.monotonic()
                client.get(f"{host.url}/theme.css").raise_for_status()
                longest = max(longest, time.monotonic() - begun)
        answers = {one.result() for one in sent}
    return f"status {sorted(answers)}, others waited {longest:.2f} s", answers <= {0, 400, 413} and longest < 1
