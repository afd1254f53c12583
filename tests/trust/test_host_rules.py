"""A host's rules on the command line: protected faces are refused as sources, and what was done is recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mobilefaceswap_core.cli import app
from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.rules.audit import AuditLog, content_hash

from .photos import PORTRAITS


@pytest.fixture
def faces(tmp_path: Path, astronaut: np.ndarray) -> dict[str, Path]:
    """Somebody who is protected, in two photos, and somebody who is not."""
    listed = tmp_path / "listed"
    listed.mkdir()
    write_image(listed / "somebody.png", astronaut[:300, 80:380])
    darker = np.clip(astronaut[:300, 80:380] * 0.8, 0, 255).astype(np.uint8)
    other = read_image(sorted(PORTRAITS.glob("*.webp"))[0]).image
    return {
        "listed": listed,
        "protected": write_image(tmp_path / "protected.png", np.ascontiguousarray(darker[:, ::-1])),
        "other": write_image(tmp_path / "other.png", other),
    }


def run(tmp_path: Path, source: Path, target: Path, *extra: object, **environment: str) -> tuple[int, dict]:
    arguments = ["image", "--source", source, "--target", target, "--out", tmp_path / "out.png", "--json", *extra]
    arguments += ["--i-have-consent", "--model", "student", "--detector", "lite", "--threads", "1"]
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)
    return done.exit_code, json.loads(done.stdout)


def test_a_protected_source_is_refused_recorded_and_leaves_nothing(tmp_path: Path, faces: dict[str, Path]) -> None:
    log = tmp_path / "audit.jsonl"
    code, report = run(tmp_path, faces["protected"], faces["other"], "--blocklist", faces["listed"], "--audit-log", log)
    assert code == 10 and report["error"]["type"] == "RefusedError" and "somebody" not in report["error"]["message"]
    assert not (tmp_path / "out.png").exists()
    start, refused = AuditLog(log).read()
    assert start["event"] == "start" and refused["event"] == "refused"
    assert refused["sources"] == [content_hash(faces["protected"].read_bytes())] and refused["output"] is None


def test_anybody_else_passes_and_the_log_holds_hashes_only(tmp_path: Path, faces: dict[str, Path]) -> None:
    log = tmp_path / "audit.jsonl"
    code, _ = run(tmp_path, faces["other"], faces["protected"], MOBILEFACESWAP_BLOCKLIST=str(faces["listed"]),
                  MOBILEFACESWAP_AUDIT_LOG=str(log))  # fmt: skip
    assert code == 0
    _, swap = AuditLog(log).read()
    hashes = [content_hash(path.read_bytes()) for path in (faces["other"], faces["protected"], tmp_path / "out.png")]
    assert [*swap["sources"], swap["target"], swap["output"]] == hashes and swap["model"] == "student"
    assert str(tmp_path) not in log.read_text()


def test_without_a_log_that_can_be_written_nothing_is_swapped(tmp_path: Path, faces: dict[str, Path]) -> None:
    code, _ = run(tmp_path, faces["other"], faces["protected"], "--audit-log", faces["listed"])
    assert code == 7 and not (tmp_path / "out.png").exists()


def test_a_network_with_a_protected_source_inside_is_refused_too(tmp_path: Path, faces: dict[str, Path]) -> None:
    log, out = tmp_path / "audit.jsonl", tmp_path / "face.onnx"
    arguments = ["export", "--source", faces["protected"], "--out", out, "--detector", "lite", "--i-have-consent",
                 "--audit-log", log, "--json"]  # fmt: skip
    environment = {"MOBILEFACESWAP_BLOCKLIST": str(faces["listed"])}
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)
    assert done.exit_code == 10 and not out.exists()
    assert [line["event"] for line in AuditLog(log).read()] == ["start", "refused"]


def test_a_list_that_protects_nobody_is_no_list(tmp_path: Path, faces: dict[str, Path]) -> None:
    code, report = run(tmp_path, faces["other"], faces["protected"], "--blocklist", tmp_path / "missing")
    assert code == 2 and "missing" in report["error"]["message"]
