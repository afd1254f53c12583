"""A real server with many clients, its limits, and what it leaves behind; ``python -m tests.trust visitors`` has the figures."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap_core.files.images import write_image

from .visitors import _ROOT, Server, measure, served

httpx = pytest.importorskip("httpx")
pytest.importorskip("gradio")


def test_clients_at_once_get_their_own_faces_whoever_leaves_and_the_server_ends_in_order() -> None:
    crowd = measure(6, 1)
    assert crowd.failed == 0 and crowd.visits == 6
    assert crowd.largest_difference == 0  # the very picture that each gets when nobody else is there
    assert crowd.own > crowd.others + 3 * crowd.others_deviation / np.sqrt(6)
    # Nobody waits longer than all the work one after another, with room for other programs on the machine.
    assert crowd.longest_in_queues < 4
    assert crowd.exit_code == 0 and crowd.left_files == 0


KEEP_MINUTES = 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    temporary = tmp_path_factory.mktemp("server") / "temporary"
    temporary.mkdir()
    with served(temporary, per_minute=3, max_upload_mb=1, keep_minutes=KEEP_MINUTES) as running:
        yield running


@pytest.fixture
def photo(tmp_path: Path, astronaut: np.ndarray) -> Path:
    return write_image(tmp_path / "photo.png", np.ascontiguousarray(astronaut[:224, 112:336]))


def test_the_rate_counts_a_caller_who_changes_the_session_every_time(server: Server, photo: Path) -> None:
    with httpx.Client(timeout=300) as client:
        for _ in range(3):
            assert server.swap(client, photo, photo, session=secrets.token_hex(4)).shape == (224, 224, 3)
        with pytest.raises(RuntimeError, match="3 requests a minute"):
            server.swap(client, photo, photo, session=secrets.token_hex(4))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"data": ["' + b"a" * (9 << 20) + b'"]}', 413),
        (b"[" * 19_000, 400),
        (b'{"data": [{"path": "http://127.0.0.1:9/x", "meta": {"_type": "gradio.FileData"}}]}', 400),
        (b'{"data": [{"path": "https://example.org/x.png", "meta": {"_type": "gradio.FileData"}}]}', 400),
        (b'{"data": 7}', 422),
        (b"no json", 422),
    ],
    ids=["9 MB", "deep", "inner address", "outer address", "no list", "no JSON"],
)
def test_hostile_calls_are_answered_and_the_page_goes_on(server: Server, body: bytes, status: int) -> None:
    with httpx.Client(timeout=60) as client:
        answer = client.post(f"{server.url}/gradio_api/call/verify", content=body, headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code == status
        assert client.get(f"{server.url}/config").status_code == 200


@pytest.mark.parametrize("path", ["gradio_api/file=http://example.org/a.png", "gradio_api/proxy=http://127.0.0.1:9/", "gradio_api/file=/etc/passwd", "gradio_api/file=../../../etc/passwd", "gradio_api/file=app.py"])  # fmt: skip
def test_neither_addresses_nor_files_of_the_host_are_served(server: Server, path: str) -> None:
    with httpx.Client(timeout=60) as client:
        answer = client.get(f"{server.url}/{path}")
    assert answer.status_code in (403, 404) and "root:" not in answer.text


def test_an_upload_over_the_limit_is_refused_and_a_name_leads_nowhere(server: Server) -> None:
    with httpx.Client(timeout=60) as client:
        large = client.post(f"{server.url}/gradio_api/upload", files={"files": ("a.png", bytes(3 << 20))})
        assert large.status_code == 413
        odd = client.post(f"{server.url}/gradio_api/upload", files={"files": ("../../../evil.png", b"x")})
        assert odd.status_code != 200 or "/uploads/" in str(Path(odd.json()[0]).resolve())


def test_uploads_and_results_are_gone_after_the_hosts_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With seconds instead of minutes, in this process: what the page wrote before is deleted while it runs."""
    import tempfile

    from PIL import Image as PillowImage

    import demo.keeping
    from demo.build import build_demo, launch_options
    from demo.settings import Settings
    from demo.work.engine import Engine

    keep_s = 3.0
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(demo.keeping.own_uploads()))
    settings = Settings()
    object.__setattr__(settings, "keep_minutes", keep_s / 60)  # below what a host can ask for
    engine = Engine(settings)
    page, words = build_demo(engine.settings, engine)
    page.launch(**launch_options(engine.settings, words), prevent_thread_lock=True, server_name="127.0.0.1")
    try:
        with httpx.Client(timeout=60) as client:
            running = Server(page.local_url.rstrip("/"), None)  # type: ignore[arg-type]
            PillowImage.new("RGB", (9, 9)).save(tmp_path / "visitor.png")
            uploaded = Path(running.upload(client, tmp_path / "visitor.png")["path"])
        result = engine.new_file("swapped.png")
        result.write_bytes(b"a face")
        assert uploaded.is_file() and uploaded.is_relative_to(tmp_path) and result.is_file()
        waited = time.monotonic()
        while (uploaded.exists() or result.exists()) and time.monotonic() - waited < 20 * keep_s:
            time.sleep(0.2)
        assert not uploaded.exists() and not result.parent.exists()
        examples = list(demo.keeping.own_uploads().rglob("*.webp"))
        assert examples, "the page's own examples stay"
    finally:
        page.close()


def test_leaving_runs_exit_handlers_and_waits_for_no_thread() -> None:
    import subprocess
    import sys

    program = (
        "import atexit, threading, time; from demo.keeping import leave\n"
        "atexit.register(print, 'handled'); threading.Thread(target=time.sleep, args=(300,)).start()\n"
        "print('last words'); leave()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=_ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "last words\nhandled\n", "")


def test_files_of_a_killed_page_are_deleted_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import subprocess
    import sys
    import tempfile

    from demo.keeping import own_folder, sweep_abandoned

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for number in (gone.pid, os.getpid()):
        folder = tmp_path / f"mobilefaceswap-{number}-x" / "uploads"
        folder.mkdir(parents=True)
        (folder / "face.png").write_bytes(b"a face")
    (tmp_path / "mobilefaceswap-strange").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept.png").write_bytes(b"not ours")
    (tmp_path / f"mobilefaceswap-{gone.pid}-link").symlink_to(elsewhere)
    for _ in range(3):  # a folder whose file was just deleted counts as new
        time.sleep(0.05)
        sweep_abandoned(0.01)
    left = {path.name for path in tmp_path.iterdir()}
    own = {own_folder().name, f"mobilefaceswap-{os.getpid()}-x"}
    assert left == {*own, "mobilefaceswap-strange", f"mobilefaceswap-{gone.pid}-link", "elsewhere"}
    assert (elsewhere / "kept.png").is_file()
