"""Which detector is taken, what it says of itself, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobilefaceswap_core.detect import DETECTORS, Detector, available_detectors, load_detector
from mobilefaceswap_core.errors import BackendError, OptionError
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.weights import weights_path

OFFLINE = ("lite", "dlib")


@pytest.mark.parametrize("name", OFFLINE)
def test_the_info_says_what_is_in_use(name, detectors):
    info = detectors[name].info
    assert isinstance(detectors[name], Detector)
    assert info.name == name and info.device.startswith("cpu / ") and "asked for" in info.reason
    assert info.files and all(len(digest) == 64 for digest in info.files.values())
    assert ("iBUG 300-W" in info.licence and "commercial" in info.licence) == (name == "dlib")


def test_the_shipped_networks_are_the_registered_ones(lite):
    for name in ("detector_ultraface_rfb320", "landmarks_68"):
        path = weights_path(name)
        assert lite.info.files[path.name] == file_sha256(path)


def test_automatic_choice_takes_lite_without_a_pack_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path))
    assert str(tmp_path) in available_detectors()["insightface"]
    info = load_detector("auto").info
    assert info.name == "lite"
    assert "measurements" in info.reason and "insightface passed over (no model pack in" in info.reason


def test_automatic_choice_passes_over_what_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path))
    real = __import__("importlib.util").util.find_spec
    gone = {"onnxruntime"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name in gone else real(name, *rest))
    info = load_detector("auto").info
    assert info.name == "dlib" and "lite passed over (not installed: onnxruntime)" in info.reason
    gone |= {"dlib", "insightface"}
    with pytest.raises(BackendError, match="No detector can be used"):
        load_detector("auto")


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(BackendError, match="pip install dlib-bin"):
        load_detector("dlib")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendError, match="pip install onnxruntime"):
        load_detector("lite")


def test_unknown_names_and_devices_are_refused():
    with pytest.raises(OptionError, match="auto, insightface, dlib, lite"):
        load_detector("mtcnn")
    with pytest.raises(OptionError, match="auto, cpu, cuda, mps"):
        load_detector("lite", device="tpu")
    assert DETECTORS == ("insightface", "dlib", "lite")


def test_a_device_that_cannot_be_used_shows_in_the_info():
    info = load_detector("dlib", device="cuda").info
    assert info.device == "cpu / dlib" and "cannot use cuda" in info.reason


def test_nothing_is_loaded_when_the_package_is_imported():
    import subprocess
    import sys

    heavy = ("onnxruntime", "dlib", "insightface", "torch")
    code = f"import sys, mobilefaceswap_core.detect; print([name for name in {heavy} if name in sys.modules])"
    root = Path(__file__).parents[3]
    output = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
