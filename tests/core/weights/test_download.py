"""Downloads against a local server: whole, resumed, broken off, wrong, missing, slow, and by several at once."""

from __future__ import annotations

import hashlib
import http.server
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap_core.errors import OptionError, WeightsError
from mobilefaceswap_core.files.folders import cache_folder
from mobilefaceswap_core.weights import download as module
from mobilefaceswap_core.weights.download import DownloadSpec, download
from mobilefaceswap_core.weights.published import PUBLISHED

CONTENT = np.random.default_rng(0).bytes(1_000_003)


@dataclass
class Server:
    """What the server does and what it saw."""

    url: str = ""
    content: bytes = CONTENT
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)  # bytes to send before closing, one entry per request
    statuses: list[int] = field(default_factory=list)  # status to answer with, one entry per request
    announce: bool = True
    wait_s: float = 0.0
    requests: list[str | None] = field(default_factory=list)  # the Range header of each request


@pytest.fixture
def server():
    behaviour = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            behaviour.requests.append(asked)
            if behaviour.statuses and (status := behaviour.statuses.pop(0)) != 200:
                self.send_error(status)
                return
            time.sleep(behaviour.wait_s)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and behaviour.ranges else 0
            if start >= len(behaviour.content):
                self.send_error(416)
                return
            body = behaviour.content[start:]
            self.send_response(206 if start else 200)
            if start:
                last = len(behaviour.content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(behaviour.content)}")
            if behaviour.announce:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: behaviour.break_after.pop(0)] if behaviour.break_after else body)

        def log_message(self, *_arguments):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    behaviour.url = f"http://127.0.0.1:{httpd.server_port}/weights.bin"
    yield behaviour
    httpd.shutdown()
    httpd.server_close()


def spec_for(server: Server, content: bytes = CONTENT) -> DownloadSpec:
    return DownloadSpec("weights.bin", server.url, hashlib.sha256(content).hexdigest(), len(content), "MIT")


def fetch(server: Server, folder: Path, **options) -> Path:
    return download(spec_for(server), folder=folder, backoff_s=0.01, timeout_s=5.0, **options)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"weights.bin.lock"}


def test_a_file_is_fetched_once_and_reported(server, tmp_path):
    seen: list[tuple[int, int]] = []
    path = fetch(server, tmp_path / "new" / "folder", progress=lambda *values: seen.append(values))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert fetch(server, tmp_path / "new" / "folder") == path
    assert server.requests == [None]
    assert left(path.parent) == {"weights.bin"}


def test_a_broken_transfer_goes_on_where_it_stopped(server, tmp_path):
    server.break_after = [300_000, 200_000]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_call_goes_on_with_what_an_earlier_one_left(server, tmp_path):
    server.break_after = [300_000]
    with pytest.raises(WeightsError, match=r"300000 of 1000003 bytes are kept.*goes on where it stopped"):
        fetch(server, tmp_path, attempts=1)
    assert left(tmp_path) == {"weights.bin.part"}
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests[-1] == "bytes=300000-"
    assert left(tmp_path) == {"weights.bin"}


def test_a_server_without_ranges_is_read_from_the_start(server, tmp_path):
    server.ranges, server.break_after = False, [300_000]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-"]


def test_a_leftover_of_another_version_is_replaced(server, tmp_path):
    (tmp_path / "weights.bin.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-", None]


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 5])
def test_a_leftover_that_is_too_long_or_complete_but_wrong_is_replaced(length, server, tmp_path):
    (tmp_path / "weights.bin.part").write_bytes(b"x" * length)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [None]


def test_a_damaged_file_under_the_final_name_is_replaced(server, tmp_path):
    (tmp_path / "weights.bin").write_bytes(CONTENT[:-1] + b"?")
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_deleted(server, tmp_path):
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(WeightsError, match=r"got SHA-256 .*wanted .*Do not use"):
        fetch(server, tmp_path)
    assert left(tmp_path) == set()


@pytest.mark.parametrize("announce", [True, False])
@pytest.mark.parametrize("change", [7, -7])
def test_another_size_is_refused(announce, change, server, tmp_path):
    server.announce = announce
    server.content = CONTENT + bytes(change) if change > 0 else CONTENT[:change]
    with pytest.raises(WeightsError, match=r"another file|ended early|416"):
        fetch(server, tmp_path, attempts=3)
    assert "weights.bin" not in left(tmp_path)


def test_a_missing_file_is_not_asked_for_again(server, tmp_path):
    server.statuses = [404] * 9
    with pytest.raises(WeightsError, match="answered 404"):
        fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.statuses = [503, 429, 200]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_a_server_that_does_not_answer_is_given_up(server, tmp_path):
    server.wait_s = 1.0
    with pytest.raises(WeightsError, match=r"timed out.*Check the network"):
        download(spec_for(server), folder=tmp_path, attempts=2, timeout_s=0.1, backoff_s=0.0)


def test_no_network_is_said_so(tmp_path):
    spec = DownloadSpec("weights.bin", "http://127.0.0.1:9/weights.bin", "0" * 64, 10, "MIT")
    with pytest.raises(WeightsError, match=r"Could not download weights.bin.*Check the network"):
        download(spec, folder=tmp_path, attempts=2, backoff_s=0.0)


def test_the_wait_doubles(tmp_path, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    spec = DownloadSpec("weights.bin", "http://127.0.0.1:9/weights.bin", "0" * 64, 10, "MIT")
    with pytest.raises(WeightsError):
        download(spec, folder=tmp_path, attempts=4, backoff_s=1.0)
    assert waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://example.org/a"])
def test_other_schemes_are_refused(url, tmp_path):
    with pytest.raises(WeightsError, match="http or https"):
        download(DownloadSpec("weights.bin", url, "0" * 64, 10, "MIT"), folder=tmp_path)


def test_several_at_once_fetch_the_file_once(server, tmp_path):
    server.wait_s = 0.1
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch(server, tmp_path), range(4)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert server.requests == [None]


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="MOBILEFACESWAP_HOME"):
        fetch(server, tmp_path / "file")


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MOBILEFACESWAP_HOME")
    assert cache_folder().name == "mobilefaceswap" and cache_folder() != tmp_path


def test_every_known_download_is_pinned_and_names_its_licence():
    for name, item in PUBLISHED.items():
        assert item.name == name and item.licence and item.digest != "none"
        assert all(url.startswith("https://") and url.endswith(f"/{item.file}") for url in item.urls)
        assert bool(item.urls) != bool(item.drive)
        assert set(item.needs) <= PUBLISHED.keys()
        assert item.crc32 == (len(item.urls) == 2)  # those of facefusion, each with a mirror


def test_a_pack_is_fetched_and_unpacked_without_leaving_its_folder(server, tmp_path, monkeypatch):
    from mobilefaceswap_core.detect import insightface_scrfd

    archive = tmp_path / "pack.zip"
    with zipfile.ZipFile(archive, "w") as pack:
        pack.writestr("det_10g.onnx", b"network")
        pack.writestr("../../outside.onnx", b"evil")
        pack.writestr("readme.txt", b"text")
    server.content = archive.read_bytes()
    digest = hashlib.sha256(server.content).hexdigest()
    served = replace(PUBLISHED["buffalo_l"], urls=(server.url,), sha256=digest, size=len(server.content))
    monkeypatch.setitem(PUBLISHED, "buffalo_l", served)
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path / "home"))
    folder = insightface_scrfd.download_pack()
    assert {path.name for path in folder.iterdir()} == {"det_10g.onnx", "outside.onnx"}
    assert not list(tmp_path.glob("*.onnx")) and not list((tmp_path / "home").rglob("*.zip"))
    assert insightface_scrfd.find_pack() == folder
    with pytest.raises(OptionError, match="buffalo_l"):
        insightface_scrfd.download_pack("unknown")
