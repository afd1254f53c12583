"""The wheel: everything the packages read at run time, the commands, one version, and a swap from an empty environment."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import import_module
from pathlib import Path, PurePosixPath

import pytest

import mobilefaceswap_core

ROOT = Path(__file__).parent.parent
PACKAGES = ("mobilefaceswap_core", "eval", "demo")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked_files() -> set[str]:
    """Files of the packages as git knows them, but for those that only serve work on the page."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout to know which files belong to the packages")
    listed = subprocess.run(["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    for_work_on_it = ("demo/browser/tests/", "demo/browser/.prettierignore")
    names = (name for name in listed.stdout.split("\0") if name and not name.startswith(for_work_on_it))
    return {name for name in names if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Built without network from a copy, so that nothing of an earlier build slips in."""
    if importlib.util.find_spec("setuptools") is None or importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip and setuptools to build without network")
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked_files() | {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "requirements.txt"}:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    command = [sys.executable, "-m", "pip", "wheel", str(copy), "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = out.glob("*.whl")
    return zipfile.ZipFile(built)


def text_of(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = [n for n in wheel.namelist() if n.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == tracked_files()


def test_the_wheel_holds_weights_texts_presets_portraits_and_tables(wheel) -> None:
    kinds = {
        str(PurePosixPath(name).parent / f"*{PurePosixPath(name).suffix}")
        for name in wheel.namelist()
        if not name.endswith(".py") and ".dist-info/" not in name
    }
    assert kinds >= {
        "mobilefaceswap_core/weights/files/*.safetensors",
        "mobilefaceswap_core/weights/files/*.onnx",
        "mobilefaceswap_core/weights/*.md",
        "mobilefaceswap_core/texts/*.md",
        "mobilefaceswap_core/training/presets/*.toml",
        "demo/examples/portraits/*.webp",
        "demo/texts/*.json",
        "demo/browser/onnxruntime_web/*.xz",
        "eval/judges/*.json",
        "eval/*.json",
    }


def test_version_and_requirements_come_from_one_place(wheel) -> None:
    metadata = text_of(wheel, "METADATA")
    assert re.search(r"^Version: (.+)$", metadata, re.MULTILINE)[1] == mobilefaceswap_core.__version__
    pinned = {
        line.split("#")[0].strip()
        for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if line.split("#")[0].strip()
    }
    wanted = set(re.findall(r"^Requires-Dist: ([^;]+?)$", metadata, re.MULTILINE))
    assert {w.strip() for w in wanted} == pinned


def test_extras_are_pinned_and_do_not_contradict_the_requirements(wheel) -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras) >= {"insightface", "openvino", "c2pa", "ray", "train", "docs"}
    assert set(re.findall(r"^Provides-Extra: (.+)$", text_of(wheel, "METADATA"), re.MULTILINE)) == set(extras)
    pins: dict[str, str] = {}
    lines = [
        line for file in ("requirements.txt", "requirements-dev.txt") for line in (ROOT / file).read_text().splitlines()
    ]
    for line in [*(line.split("#")[0].strip() for line in lines), *(r for group in extras.values() for r in group)]:
        if line and not line.startswith("-"):
            name, pinned, version = line.partition("==")
            assert pinned, f"{line} has no exact version"
            assert pins.setdefault(name.lower(), version) == version, f"{name} is pinned twice, differently"


def test_the_commands_are_there_and_can_be_called(wheel) -> None:
    listed = dict(re.findall(r"^([\w-]+) = ([\w.:]+)$", text_of(wheel, "entry_points.txt"), re.MULTILINE))
    assert listed.keys() == {"mobilefaceswap", "mobilefaceswap-eval"}
    for entry in listed.values():
        module, function = entry.split(":")
        assert callable(getattr(import_module(module), function))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """An empty environment with this package from the wheel alone.

    Its dependencies are those of the environment the tests run in, so that nothing is downloaded: a ``.pth`` file comes
    after the environment's own packages.
    """
    folder = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-index",
        "--no-deps",
        "--no-compile",
    ]
    done = subprocess.run([*command, str(wheel.filename)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (packages,) = folder.glob("lib/python*/site-packages")
    places = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (packages / "dependencies.pth").write_text("\n".join(places) + "\n")
    return folder


def run(installed: Path, folder: Path, command: str, *words: str) -> str:
    """Call something of the environment outside of the checkout."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    environment |= {
        "MOBILEFACESWAP_HOME": str(folder / "home"),
        "MOBILEFACESWAP_CONFIG": str(folder / "config"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [str(installed / "bin" / command), *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_an_empty_environment_swaps_a_face_with_what_the_wheel_brought(
    installed: Path, tmp_path: Path, astronaut
) -> None:
    from mobilefaceswap_core.files.images import read_image, write_image

    write_image(tmp_path / "target.png", astronaut)
    (portrait,) = installed.glob("lib/python*/site-packages/demo/examples/portraits/average_1.webp")
    for model in ("graphics", "student", "teacher"):
        words = ["--source", str(portrait), "--target", "target.png", "--out", f"{model}.png", "--model", model]
        said = json.loads(run(installed, tmp_path, "mobilefaceswap", "image", *words, "--i-have-consent", "--json"))
        assert (said["model"], said["faces_swapped"]) == (model, 1)
        changed = abs(read_image(tmp_path / f"{model}.png").image.astype(int) - astronaut).max(2) > 8
        assert 0.01 < changed.mean() < 0.3, "the face, and only the face"


def test_its_commands_are_of_this_version_and_its_modules_come_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert (
        run(installed, tmp_path, "mobilefaceswap", "--version").strip()
        == f"mobilefaceswap {mobilefaceswap_core.__version__}"
    )
    assert "Compare face swapping methods" in run(installed, tmp_path, "mobilefaceswap-eval", "--help")
    script = f"import {', '.join(PACKAGES)}; print(*({'.__file__, '.join(PACKAGES)}.__file__))"
    for place in run(installed, tmp_path, "python", "-c", script).split():
        assert Path(place).is_relative_to(installed)


def test_the_citation_names_this_version() -> None:
    import yaml

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == mobilefaceswap_core.__version__
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["preferred-citation"]["doi"] == "10.1609/aaai.v36i3.20203"
