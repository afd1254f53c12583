"""The audit log keeps hashes and options, never images, and survives crashes and many writers."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from mobilefaceswap_core.errors import OutputError
from mobilefaceswap_core.rules.audit import AuditLog, content_hash


def _write_many(path: str, worker: int) -> None:
    for number in range(50):
        AuditLog(path).append("swap", options={"worker": worker, "number": number})


def test_records_come_back_in_order(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "logs" / "audit.jsonl")
    for number in range(3):
        log.append(
            "swap", sources=[content_hash(b"a")], target=content_hash(b"b"), model="student", options={"n": number}
        )
    records = list(log.read())
    assert [r["options"]["n"] for r in records] == [0, 1, 2]
    assert records[0]["sources"] == [
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    ]  # SHA-256 of "a"
    assert records[0]["time"].endswith("+00:00")


def test_a_line_cut_by_a_crash_costs_only_itself(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append("swap", options={"n": 1})
    whole = log.path.read_bytes()
    log.append("swap", options={"n": 2})
    log.path.write_bytes(whole + b'{"time": "2020')
    log.append("swap", options={"n": 3})
    assert [r["options"]["n"] for r in log.read()] == [1, 3]


def test_processes_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = str(tmp_path / "audit.jsonl")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(path, w)) for w in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seen = sorted((r["options"]["worker"], r["options"]["number"]) for r in AuditLog(path).read())
    assert seen == [(w, n) for w in range(3) for n in range(50)]


def test_the_log_is_private_and_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append("swap")
    assert log.path.stat().st_mode & 0o077 == 0
    with pytest.raises(OutputError, match="cannot be written"):
        AuditLog(tmp_path).append("swap")
    with pytest.raises(OutputError, match="too long"):
        log.append("swap", options={"long": "x" * 5000})
    assert list(AuditLog(tmp_path / "none").read()) == []
