"""Students as folders and repositories: the same network comes back, whatever is wrong is refused, nothing half written."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from mobilefaceswap_core.errors import OptionError, OutputError, WeightsError
from mobilefaceswap_core.student.hub import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, from_pretrained, save_pretrained
from mobilefaceswap_core.student.swapper import Student
from mobilefaceswap_core.types import AlignedFace

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "someone/small-student"


@pytest.fixture(scope="module")
def student() -> Student:
    """The shipped one with a value changed, so that loading the shipped file by mistake shows."""
    made = from_pretrained("student", backend="torch")
    with torch.no_grad():
        made.network.idn.final[1].bias.add_(0.1)
    return made


@pytest.fixture(scope="module")
def saved(student, tmp_path_factory) -> Path:
    return save_pretrained(student, tmp_path_factory.mktemp("hub") / "mine")


@pytest.fixture
def copied(saved, tmp_path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in saved.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def same_network(a: Student, b: Student) -> bool:
    first, second = a.network.state_dict(), b.network.state_dict()
    return first.keys() == second.keys() and all(
        torch.equal(first[k], second[k]) for k in first if not k.endswith("num_batches_tracked")
    )


def change_config(folder: Path, **changes) -> None:
    config = json.loads((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(json.dumps({**config, **changes}))


def test_a_saved_student_comes_back_bit_for_bit_and_swaps_the_same(student, saved) -> None:
    again = from_pretrained(saved, backend="torch")
    assert same_network(student, again)
    assert not same_network(from_pretrained("student", backend="torch"), again)
    crop = AlignedFace(np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8), np.eye(2, 3))
    results = [s.swap([crop], [s.condition([crop])])[0] for s in (student, again)]
    assert (results[0].image == results[1].image).all() and (results[0].mask == results[1].mask).all()


def test_the_folder_holds_weights_config_and_card_and_no_more(saved) -> None:
    assert sorted(path.name for path in saved.iterdir()) == sorted((CONFIG_FILE, WEIGHTS_FILE, CARD_FILE))
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]  # nothing temporary beside it
    config = json.loads((saved / CONFIG_FILE).read_text())
    digest = hashlib.sha256((saved / WEIGHTS_FILE).read_bytes()).hexdigest()
    assert config["weights"]["sha256"] == digest and config["crop"]["size_px"] == 224
    card = (saved / CARD_FILE).read_text()
    assert digest in card and config["licence"] in card


def test_a_folder_that_holds_something_is_left_alone(student, tmp_path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OptionError, match="not an empty folder"):
        save_pretrained(student, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_saving_below_a_file_is_an_output_error(student, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        save_pretrained(student, tmp_path / "file" / "student")


def test_a_student_with_another_recogniser_cannot_be_saved(student, tmp_path) -> None:
    other = from_pretrained("student", backend="torch")
    with torch.no_grad():
        next(other.encoder.network.parameters()).add_(1)
    with pytest.raises(OptionError, match="another recogniser"):
        save_pretrained(other, tmp_path / "other")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_missing_file_is_named(copied, name) -> None:
    (copied / name).unlink()
    with pytest.raises(WeightsError, match=f"has no {name}"):
        from_pretrained(copied)


def test_damaged_weights_are_refused(copied) -> None:
    data = bytearray((copied / WEIGHTS_FILE).read_bytes())
    data[-1] ^= 1
    (copied / WEIGHTS_FILE).write_bytes(data)
    with pytest.raises(WeightsError, match="damaged or was replaced"):
        from_pretrained(copied)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"layout": "Another"}, "layout 'Another'"),
        ({"format": 2}, "newer version"),
        ({"crop": {"size_px": 224, "template": "arcface", "fit": "affine"}}, "reads crops of"),
        ({"encoder": {"name": "encoder_mobilefacenet", "sha256": "0" * 64}}, "was trained with the recogniser"),
        ({"weights": "model.safetensors"}, "not the one in config.json"),
    ],
)
def test_a_config_of_another_contract_is_refused(copied, changes, says) -> None:
    change_config(copied, **changes)
    with pytest.raises(WeightsError, match=says):
        from_pretrained(copied)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_config_that_is_none_is_refused(copied, text) -> None:
    (copied / CONFIG_FILE).write_text(text)
    with pytest.raises(WeightsError, match="save"):
        from_pretrained(copied)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", COMMIT[:7]])
def test_a_repository_needs_a_whole_commit(revision) -> None:
    with pytest.raises(OptionError, match="40 hexadecimal digits"):
        from_pretrained(REPOSITORY, revision=revision)


def test_what_is_neither_folder_nor_repository_is_said_so(saved) -> None:
    with pytest.raises(OptionError, match="neither a folder here nor a repository"):
        from_pretrained("no/such/folder", revision=COMMIT)
    with pytest.raises(OptionError, match="has no revisions"):
        from_pretrained(saved, revision=COMMIT)


class _Hub(BaseHTTPRequestHandler):
    """Serves one repository's files at one commit, as the Hub's ``resolve`` addresses do."""

    files: Path
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.asked.append(self.path)
        prefix = f"/{REPOSITORY}/resolve/{COMMIT}/"
        path = self.files / self.path.removeprefix(prefix)
        if not self.path.startswith(prefix) or not path.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *arguments) -> None:
        """Stay quiet."""


@pytest.fixture
def server(saved, monkeypatch):
    handler = type("Hub", (_Hub,), {"files": saved, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}")
        yield running
        running.shutdown()


def test_a_repository_is_fetched_at_its_commit_and_then_needs_no_server(server, student, tmp_path) -> None:
    fetched = from_pretrained(REPOSITORY, revision=COMMIT, cache=tmp_path, backend="torch")
    assert same_network(student, fetched)
    asked = server.RequestHandlerClass.asked
    assert asked and all(COMMIT in path for path in asked)
    count = len(asked)
    offline = from_pretrained(REPOSITORY, revision=COMMIT, cache=tmp_path, offline=True, backend="torch")
    assert same_network(student, offline) and len(asked) == count


def test_offline_without_a_cache_says_to_fetch_first_and_asks_nobody(server, tmp_path) -> None:
    with pytest.raises(WeightsError, match="fetch it once without offline"):
        from_pretrained(REPOSITORY, revision=COMMIT, cache=tmp_path, offline=True)
    assert server.RequestHandlerClass.asked == []


def test_a_repository_that_is_not_there_is_a_clear_error(server, tmp_path) -> None:
    with pytest.raises(WeightsError, match="cannot be fetched"):
        from_pretrained("someone/else", revision=COMMIT, cache=tmp_path)


def test_a_server_that_cannot_be_reached_is_a_clear_error(monkeypatch, tmp_path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the library waits between its tries
    with pytest.raises(WeightsError, match="check the connection"):
        from_pretrained(REPOSITORY, revision=COMMIT, cache=tmp_path)
