"""Files of others against a local server: found or fetched, checked, pinned, from the mirror, and never in secret."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mobilefaceswap_core.errors import OptionError, WeightsError
from mobilefaceswap_core.files.folders import torch_checkpoints_folder
from mobilefaceswap_core.weights import download as downloading
from mobilefaceswap_core.weights.fetch import addresses, fetch_file, require_here
from mobilefaceswap_core.weights.licences import agree, not_agreed
from mobilefaceswap_core.weights.pins import lock_path, read_pins
from mobilefaceswap_core.weights.published import PUBLISHED, expected, find, home_of, own_folder, with_needs
from tests.fakes.served import Served, serving

ROOT = Path(__file__).parents[3]
CONTENT = np.random.default_rng(0).bytes(700_001)
CRC32 = f"{zlib.crc32(CONTENT):08x}".encode()
FILE = "simswap_256.onnx"
QUICK = {"attempts": 2, "timeout_s": 5.0, "backoff_s": 0.01}


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch) -> None:
    for name, folder in {
        "MOBILEFACESWAP_HOME": "cache",
        "MOBILEFACESWAP_CONFIG": "config",
        "HOME": "user",
        "INSIGHTFACE_HOME": "insightface",
        "TORCH_HOME": "torch",
    }.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT", "MOBILEFACESWAP_MIRROR", "MOBILEFACESWAP_MODELS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def served():
    with serving() as server:
        for place in ("a", "b"):
            server.files |= {f"{place}/{FILE}": CONTENT, f"{place}/simswap_256.hash": CRC32 + b"\n"}
        yield server


def item(served: Served, **changes):
    """SimSwap's entry with two addresses on the local server."""
    urls = (f"{served.url}/a/{FILE}", f"{served.url}/b/{FILE}")
    return replace(PUBLISHED["simswap_256"], **{"urls": urls, **changes})


def left() -> set[str]:
    folder = own_folder()
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"} if folder.is_dir() else set()


def test_a_file_with_a_published_crc32_is_fetched_once_and_its_sha256_pinned(served) -> None:
    first = fetch_file(item(served), **QUICK)
    assert first.path.read_bytes() == CONTENT and first.path == own_folder() / FILE
    assert not first.was_here and first.trusted_now and first.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert read_pins()[FILE]["sha256"] == first.sha256 and read_pins()[FILE]["size"] == len(CONTENT)
    again = fetch_file(item(served), **QUICK)
    assert again.was_here and not again.trusted_now and again.path == first.path
    assert [path for path, _ in served.requests] == ["a/simswap_256.hash", f"a/{FILE}"]


def test_bytes_that_do_not_fit_the_crc32_are_refused_on_every_address_and_nothing_is_left(served) -> None:
    for place in ("a", "b"):
        served.files[f"{place}/{FILE}"] = CONTENT[:-1] + b"?"
    with pytest.raises(WeightsError, match=rf"No address gave {FILE}.*got CRC32 .*wanted {CRC32.decode()}.*/b/"):
        fetch_file(item(served), **QUICK)
    assert left() == set() and read_pins() == {}


def test_a_file_that_was_pinned_and_is_another_one_now_is_not_taken_though_its_crc32_fits(served) -> None:
    fetched = fetch_file(item(served), **QUICK)
    fetched.path.unlink()
    for place in ("a", "b"):  # another file with its own right checksum beside it
        served.files |= {
            f"{place}/{FILE}": b"other",
            f"{place}/simswap_256.hash": f"{zlib.crc32(b'other'):08x}".encode(),
        }
    with pytest.raises(WeightsError, match=r"holds another file: got SHA-256"):
        fetch_file(item(served), **QUICK)
    fetched.path.write_bytes(b"put there by somebody")
    with pytest.raises(WeightsError, match=r"fetched\.json has .*Somebody replaced it"):
        fetch_file(item(served), **QUICK)
    lock_path().unlink()  # the user trusts the new one
    assert fetch_file(item(served), **QUICK).was_here


def test_a_damaged_lock_file_is_told_and_not_taken_for_an_empty_one(served) -> None:
    lock_path().parent.mkdir(parents=True)
    lock_path().write_text('{"simswap_256.onnx": {"sha256": "short"}}')
    with pytest.raises(WeightsError, match=r"fetched\.json cannot be read"):
        fetch_file(item(served), **QUICK)


@pytest.mark.parametrize("status", [404, 500])
def test_the_mirror_helps_where_the_first_address_fails(status, served) -> None:
    served.statuses = {f"a/{FILE}": status, "a/simswap_256.hash": status}
    assert fetch_file(item(served), **QUICK).path.read_bytes() == CONTENT
    assert len(served.asked_for(f"a/{FILE}")) == (1 if status == 404 else 2)


def test_the_mirror_goes_on_with_what_the_first_address_sent(served) -> None:
    served.cut = {f"a/{FILE}": [300_000, 100_000]}
    assert fetch_file(item(served), **QUICK).path.read_bytes() == CONTENT
    assert served.asked_for(f"a/{FILE}") == [None, "bytes=300000-"]
    assert served.asked_for(f"b/{FILE}") == ["bytes=400000-"]


def test_a_truncated_file_never_has_the_final_name_and_a_later_call_completes_it(served) -> None:
    served.cut = {f"a/{FILE}": [300_000]}
    only = item(served, urls=(f"{served.url}/a/{FILE}",))
    with pytest.raises(WeightsError, match=r"ended early \(300000 of 700001 bytes are kept\)"):
        fetch_file(only, **{**QUICK, "attempts": 1})
    assert left() == {f"{FILE}.part"}
    assert fetch_file(only, **QUICK).path.read_bytes() == CONTENT
    assert served.asked_for(f"a/{FILE}")[-1] == "bytes=300000-"


def test_a_part_that_is_whole_already_gets_its_name_without_its_bytes_being_sent_again(served) -> None:
    own_folder().mkdir(parents=True)
    (own_folder() / f"{FILE}.part").write_bytes(CONTENT)
    assert fetch_file(item(served), **QUICK).path.read_bytes() == CONTENT
    assert served.asked_for(f"a/{FILE}") == [f"bytes={len(CONTENT)}-"]


def test_redirects_are_followed_with_the_range_that_is_missing(served) -> None:
    served.moved = {f"a/{FILE}": f"{served.url}/b/{FILE}"}
    served.cut = {f"b/{FILE}": [200_000]}
    assert fetch_file(item(served), **QUICK).path.read_bytes() == CONTENT
    assert served.asked_for(f"b/{FILE}") == [None, "bytes=200000-"]


def test_no_redirect_leaves_encryption() -> None:
    request = downloading.urllib.request.Request("https://example.org/a")
    follow = downloading._NoWayDown().redirect_request
    assert follow(request, None, 302, "Found", {}, "https://example.org/b").full_url == "https://example.org/b"
    with pytest.raises(urllib.error.URLError, match="from https to http"):
        follow(request, None, 302, "Found", {}, "http://example.org/b")


@pytest.mark.parametrize("text", [b"", b"<html>", b"12345678 extra", b"x" * 5000])
def test_what_is_no_checksum_is_not_taken_for_one(text, served) -> None:
    served.files |= {"a/simswap_256.hash": text, "b/simswap_256.hash": text}
    with pytest.raises(WeightsError, match=r"checksum of simswap_256\.onnx could not be had"):
        fetch_file(item(served), **QUICK)
    assert not served.asked_for(f"a/{FILE}")


def test_too_little_space_is_told_before_anything_is_written(served, monkeypatch) -> None:
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6 - 5, 5))
    with pytest.raises(WeightsError, match=r"700001 bytes are missing, 5 are free.*Free some space"):
        fetch_file(item(served), **QUICK)
    assert left() == set()


def test_a_disk_that_fills_up_on_the_way_is_told_and_a_later_call_goes_on(served) -> None:
    code = (
        "import resource, signal, sys; from dataclasses import replace\n"
        "from mobilefaceswap_core.weights.fetch import fetch_file; from mobilefaceswap_core.weights.published import PUBLISHED\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "fetch_file(replace(PUBLISHED['simswap_256'], urls=(sys.argv[1],)))\n"
    )
    url = f"{served.url}/a/{FILE}"
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, cwd=ROOT, check=False)
    assert "File too large). Free some space" in done.stderr
    assert left() == {f"{FILE}.part"}
    assert fetch_file(item(served), **QUICK).path.read_bytes() == CONTENT


def test_ctrl_c_leaves_a_part_that_the_next_call_completes(served) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_file(item(served), progress=stop, **QUICK)
    assert left() == {f"{FILE}.part"}
    assert fetch_file(item(served), **QUICK).path.read_bytes() == CONTENT


@pytest.mark.parametrize(("variable", "asked"), [("1", False), ("true", False), ("", True)])
def test_offline_nothing_is_asked_for_and_all_that_is_missing_is_named(variable, asked, served, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", variable)
    with pytest.raises(WeightsError, match=rf"{FILE} .*non-commercial.*fetch simswap_256.*{own_folder()}.*--offline"):
        fetch_file(item(served), offline=asked, **QUICK)
    assert served.requests == []
    with pytest.raises(WeightsError, match=r"arcface_w600k_r50\.onnx.*crossface_simswap\.onnx.*simswap_256\.onnx"):
        require_here(with_needs(["simswap_256"]))
    own_folder().mkdir(parents=True)
    (own_folder() / FILE).write_bytes(CONTENT)
    assert fetch_file(item(served), offline=True).was_here


def test_a_file_of_another_program_is_found_and_checked_by_the_checksum_beside_it(
    served, tmp_path, monkeypatch
) -> None:
    theirs = tmp_path / "their models"
    theirs.mkdir()
    (theirs / FILE).write_bytes(CONTENT)
    monkeypatch.setenv("MOBILEFACESWAP_MODELS", str(theirs))
    assert fetch_file(item(served)).path == theirs / FILE
    (theirs / "simswap_256.hash").write_bytes(CRC32)
    assert fetch_file(item(served)).was_here and served.requests == [] and read_pins() == {}
    (theirs / FILE).write_bytes(CONTENT[:1000])
    with pytest.raises(WeightsError, match=r"damaged or another file: got CRC32"):
        fetch_file(item(served))


def test_the_recogniser_of_insightface_serves_and_facefusion_s_folder_is_looked_into(tmp_path) -> None:
    pack = tmp_path / "insightface" / "models" / "buffalo_l"
    pack.mkdir(parents=True)
    (pack / "w600k_r50.onnx").write_bytes(b"network")
    assert find(PUBLISHED["arcface_w600k_r50"]) == pack / "w600k_r50.onnx"
    assets = tmp_path / "user" / "facefusion" / ".assets" / "models"
    assets.mkdir(parents=True)
    (assets / "ghost_1_256.onnx").write_bytes(b"network")
    assert expected(PUBLISHED["ghost_1_256"]) == assets / "ghost_1_256.onnx"
    assert expected(PUBLISHED["ghost_2_256"]) == own_folder() / "ghost_2_256.onnx"


def test_what_was_made_of_a_file_stands_for_it(tmp_path) -> None:
    official = PUBLISHED["official"]
    for name in official.results:
        assert find(official) is None
        (tmp_path / "cache" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cache" / name).write_bytes(b"converted")
    assert fetch_file(official, offline=True).was_here


def test_the_folder_of_torch_is_where_torch_looks(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        assert home_of(PUBLISHED["lpips"]) == torch_checkpoints_folder() == Path(torch.hub.get_dir()) / "checkpoints"
        monkeypatch.delenv(name, raising=False)
    assert torch_checkpoints_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_a_known_beginning_of_a_sha256_is_enough_to_refuse_and_the_rest_is_pinned(served) -> None:
    served.files["x.pth"] = CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    lpips = replace(PUBLISHED["lpips"], urls=(f"{served.url}/x.pth",))
    with pytest.raises(WeightsError, match=r"wanted 7be5be79"):
        fetch_file(lpips, **QUICK)
    assert fetch_file(replace(lpips, sha256=digest[:8]), **QUICK).trusted_now
    assert read_pins()[lpips.file]["sha256"] == digest


def test_mirrors_come_first_and_the_hub_s_endpoint_is_respected(monkeypatch) -> None:
    entry = PUBLISHED["simswap_256"]
    assert addresses(entry) == entry.urls
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    monkeypatch.setenv("MOBILEFACESWAP_MIRROR", "https://here.example/models/")
    assert addresses(entry) == (
        f"https://here.example/models/{FILE}",
        entry.urls[0],
        f"https://hub.example/facefusion/models-3.0.0/resolve/main/{FILE}",
    )
    assert addresses(entry, mirror="https://there.example")[0] == f"https://there.example/{FILE}"


def test_what_an_entry_needs_comes_first_and_once() -> None:
    assert [entry.name for entry in with_needs(["simswap_256", "inswapper_128"])] == [
        "arcface_w600k_r50", "crossface_simswap", "simswap_256", "inswapper_128",
    ]  # fmt: skip
    with pytest.raises(OptionError, match=r"'simswap'.*wanted one of simswap_256"):
        with_needs(["simswap"])


def test_a_licence_is_agreed_to_once_and_another_licence_is_asked_for_again() -> None:
    entry = PUBLISHED["ghost_1_256"]
    assert not_agreed([entry]) == [entry]
    agree([entry])
    assert not_agreed([entry]) == []
    assert not_agreed([replace(entry, licence="another")]) != []
    assert not_agreed([PUBLISHED["ghost_2_256"]]) != []


def test_google_drive_takes_gdown_and_without_it_the_way_by_hand_is_said(monkeypatch, tmp_path) -> None:
    import types

    official = replace(PUBLISHED["official"], sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(WeightsError, match=rf"pip install gdown.*{official.drive}/view.*run this again"):
        fetch_file(official)
    asked = []

    def fake(*, id, output, quiet, resume, progress):
        asked.append(id)
        Path(output).write_bytes(CONTENT if len(asked) > 1 else b"a page that asks to try later")
        progress(len(CONTENT), None)

    monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=fake))
    with pytest.raises(WeightsError, match=r"Google Drive holds another file: got 29 bytes"):
        fetch_file(official)
    seen = []
    fetched = fetch_file(official, progress=lambda *values: seen.append(values))
    assert fetched.path == tmp_path / "cache" / "checkpoints.tar" and fetched.path.read_bytes() == CONTENT
    assert asked == [official.drive] * 2 and seen == [(len(CONTENT), len(CONTENT))] and not fetched.trusted_now


def cli(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mobilefaceswap_core", "fetch", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, **options)


def test_the_command_asks_for_the_licences_fetches_with_needs_and_pins(served) -> None:
    names = ("simswap_256", "arcface_w600k_r50", "crossface_simswap")
    served.files |= {f"m/{name}.onnx": CONTENT for name in names} | {f"m/{name}.hash": CRC32 for name in names}
    mirror = ("--mirror", f"{served.url}/m")
    refused = cli("simswap_256", *mirror, stdin=subprocess.DEVNULL)
    assert refused.returncode == 2 and "crossface_simswap: unknown" in refused.stderr
    assert "--accept-licence" in refused.stderr and served.requests == [] and left() == set()
    done = cli("simswap_256", *mirror, "--accept-licence", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["fetched"]
    assert [row["name"] for row in rows] == ["arcface_w600k_r50", "crossface_simswap", "simswap_256"]
    assert all(row["trusted_now"] and not row["was_here"] for row in rows)
    again = cli("simswap_256", "--offline", stdin=subprocess.DEVNULL)  # agreed to, and here
    assert again.returncode == 0 and again.stdout.count("was here") == 3
    listed = {row["name"]: row for row in json.loads(cli("--list", "--json").stdout)["published"]}
    assert listed["simswap_256"]["path"] == str(own_folder() / FILE) and listed["uniface_256"]["path"] is None


def test_ctrl_c_on_the_command_says_that_it_stopped_and_the_next_one_goes_on(served) -> None:
    served.files |= {"m/uniface_256.onnx": CONTENT, "m/uniface_256.hash": CRC32}
    served.held["m/uniface_256.onnx"] = released = threading.Event()
    options = ("uniface_256", "--accept-licence", "--mirror", f"{served.url}/m")
    command = [sys.executable, "-m", "mobilefaceswap_core", "fetch", *options]
    # A shell starts its background jobs with Ctrl-C ignored, and so everything that they start.
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    while process.poll() is None and not served.asked_for("m/uniface_256.onnx"):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    released.set()
    assert process.returncode == 130 and "Stopped" in said and FILE not in left()
    done = cli(*options)
    assert done.returncode == 0 and (own_folder() / "uniface_256.onnx").read_bytes() == CONTENT
