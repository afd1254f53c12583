"""The command line: results on stdout, messages on stderr, and an exit code for each class of error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mobilefaceswap_core import __version__
from mobilefaceswap_core.cli import app
from mobilefaceswap_core.cli.options import DETECTOR_CHOICES, BackendName, parse_faces, parse_map
from mobilefaceswap_core.detect import DETECTORS
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.student.backends import BACKENDS

ROOT = Path(__file__).parents[3]
COMMANDS = (
    "image",
    "video",
    "people",
    "live",
    "verify",
    "consent",
    "parity",
    "convert",
    "fetch",
    "export",
    "doctor",
    "bench",
)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch) -> None:
    """Nothing of the person who runs the tests is read or changed."""
    monkeypatch.setenv("MOBILEFACESWAP_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path / "home"))


@pytest.fixture
def photos(tmp_path, astronaut, group) -> Path:
    """A folder with a portrait, a group, a wall without faces and a file that is no picture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    write_image(folder / "portrait.png", astronaut)
    write_image(folder / "wall.png", np.full((200, 300, 3), 128, np.uint8))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    (folder / "notes.txt").write_text("ignored")
    return folder


def run(*arguments: object, **extra):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **extra)


def run_json(*arguments: object) -> tuple[int, dict]:
    """Exit code and the object; fails when stdout holds anything else."""
    result = run(*arguments, "--json")
    return result.exit_code, json.loads(result.stdout)


def swap(target: Path, out: Path, *more: object) -> tuple[object, ...]:
    source = target.parent / "portrait.png" if target.is_file() else target / "portrait.png"
    common = ("--model", "student", "--backend", "torch", "--detector", "lite", "--i-have-consent")
    return ("image", "--source", source, "--target", target, "--out", out, *common, *more)


def test_swaps_all_six_faces_of_a_group_and_says_so_in_one_object(photos, group, tmp_path) -> None:
    write_image(photos / "group.png", group)
    out = tmp_path / "out.png"
    code, report = run_json(*swap(photos / "group.png", out))
    assert code == 0
    assert (report["faces_found"], report["faces_swapped"]) == (6, 6)
    assert (report["detector"], report["device"], report["model"]) == ("lite", "cpu / torch", "student")
    assert report["seconds"] > 0 and report["output"] == str(out)
    assert "watermark" in report["marks"]
    swapped = read_image(out).image
    assert swapped.shape == group.shape
    changed = (swapped != group).any(-1)
    assert 0.01 < changed.mean() < 0.2


def test_only_the_chosen_face_changes(photos, group, tmp_path) -> None:
    from mobilefaceswap_core.detect import load_detector

    write_image(photos / "group.png", group)
    code, report = run_json(*swap(photos / "group.png", tmp_path / "out.png", "--face", "3"))
    assert (code, report["faces_swapped"]) == (0, 1)
    faces = load_detector("lite").detect(group)
    changed = (read_image(tmp_path / "out.png").image != group).any(-1)
    changes = [
        changed[slice(*np.clip(f.box[[1, 3]], 0, None).astype(int)), slice(*f.box[[0, 2]].astype(int))].any()
        for f in faces
    ]
    assert changes == [False, False, True, False, False, False]


def test_a_map_gives_each_face_its_own_person(photos, group, tmp_path) -> None:
    write_image(photos / "group.png", group)
    portrait = photos / "portrait.png"
    code, report = run_json(
        "image", "--target", photos / "group.png", "--out", tmp_path / "out.png", "--map", f"1={portrait}", "--map",
        f"4={portrait}", "--model", "student", "--backend", "torch", "--detector", "lite", "--i-have-consent",
    )  # fmt: skip
    assert (code, report["faces_swapped"]) == (0, 2)


def test_a_photo_without_a_face_gives_exit_code_3_and_no_output(photos, tmp_path) -> None:
    code, report = run_json(*swap(photos / "wall.png", tmp_path / "out.png"))
    assert code == 3
    assert (report["faces_found"], report["output"], report["error"]["type"]) == (0, None, "NoFaceError")
    assert not (tmp_path / "out.png").exists()


def test_a_folder_goes_on_after_failures_and_counts_them(photos, tmp_path) -> None:
    out = tmp_path / "results"
    code, report = run_json(*swap(photos, out))
    assert code == 1
    assert (report["files_found"], report["files_swapped"], report["files_failed"]) == (3, 1, 2)
    errors = {Path(entry["target"]).name: entry.get("error", {}).get("type") for entry in report["files"]}
    assert errors == {"broken.jpg": "ImageError", "portrait.png": None, "wall.png": "NoFaceError"}
    assert [path.name for path in out.iterdir()] == ["portrait.png"]


def test_existing_results_stay_when_asked_for(photos, tmp_path) -> None:
    out = tmp_path / "results"
    out.mkdir()
    (out / "portrait.png").write_bytes(b"mine")
    (photos / "broken.jpg").unlink()
    (photos / "wall.png").unlink()
    code, report = run_json(*swap(photos, out, "--no-clobber"))
    assert (code, report["files_kept"]) == (0, 1)
    assert (out / "portrait.png").read_bytes() == b"mine"


def test_the_result_is_found_to_be_marked_and_its_target_is_not(photos, tmp_path) -> None:
    assert run(*swap(photos / "portrait.png", tmp_path / "out.png")).exit_code == 0
    code, report = run_json("verify", tmp_path / "out.png")
    assert (code, report["marked"]) == (0, True)
    code, report = run_json("verify", photos / "portrait.png")
    assert (code, report["marked"]) == (11, False)


@pytest.mark.parametrize(
    ("change", "code", "kind"),
    [
        ({"--target": "missing.png"}, 4, "ImageError"),
        ({"--source": "broken.jpg"}, 4, "ImageError"),
        ({"--source": "wall.png"}, 3, "NoFaceError"),
        ({"--out": "missing/out.png"}, 7, "OutputError"),
        ({"--out": "out.xyz"}, 7, "OutputError"),
        ({"--out": "portrait.png"}, 2, "OptionError"),
        ({"--face": "7"}, 2, "OptionError"),
        ({"--face": "left"}, 2, "OptionError"),
        ({"--face": "0"}, 2, "OptionError"),
        ({"--source-face": "0"}, 2, "OptionError"),
        ({"--source-face": "2"}, 3, "NoFaceError"),
        ({"--map": "1=portrait.png"}, 2, "OptionError"),
        ({"--map": "0=portrait.png", "--source": None}, 2, "OptionError"),
        ({"--model": "nobody"}, 2, "OptionError"),
        ({"--device": "tpu"}, 6, "BackendError"),
        ({"--model": "missing.onnx", "--source": None}, 5, "WeightsError"),
        ({"--source": None}, 2, "OptionError"),
        ({"--detector": "nobody"}, 2, "OptionError"),
        ({"--bogus": "1"}, 2, "UsageError"),
        ({"--target": None}, 2, "UsageError"),
    ],
)
def test_each_mistake_has_its_exit_code_and_leaves_nothing(change, code, kind, photos, monkeypatch) -> None:
    monkeypatch.chdir(photos)
    options = {"--source": "portrait.png", "--target": "portrait.png", "--out": "out.png", "--model": "student",
               "--backend": "torch", "--detector": "lite"} | change  # fmt: skip
    arguments = [part for key, value in options.items() if value is not None for part in (key, value)]
    before = {path.name: path.read_bytes() for path in photos.iterdir()}
    got, report = run_json("image", "--i-have-consent", *arguments)
    assert (got, report["error"]["type"]) == (code, kind)
    assert len(report["error"]["message"]) > 10
    assert {path.name: path.read_bytes() for path in photos.iterdir()} == before


def test_errors_go_to_stderr_and_leave_stdout_empty(tmp_path) -> None:
    result = run(
        "image", "--source", "a.png", "--target", "missing.png", "--out", tmp_path / "o.png", "--i-have-consent"
    )
    assert result.exit_code == 4
    assert result.stdout == ""
    assert "missing.png does not exist" in result.stderr


def test_without_consent_and_nobody_to_ask_the_flag_is_named(photos, tmp_path) -> None:
    arguments = [
        argument for argument in swap(photos / "portrait.png", tmp_path / "out.png") if argument != "--i-have-consent"
    ]
    code, report = run_json(*arguments)
    assert code == 2
    assert "--i-have-consent" in report["error"]["message"]
    assert not (tmp_path / "out.png").exists()


def test_consent_given_once_is_remembered_until_it_is_withdrawn(photos, tmp_path) -> None:
    arguments = [
        argument for argument in swap(photos / "portrait.png", tmp_path / "out.png") if argument != "--i-have-consent"
    ]
    assert run_json("consent")[1]["agreed"] is False
    assert run_json("consent", "--agree")[1]["agreed"] is True
    assert run(*arguments).exit_code == 0
    assert run_json("consent", "--withdraw")[1]["agreed"] is False
    assert run(*arguments).exit_code == 2


def test_an_interrupt_gives_130(monkeypatch, tmp_path) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("mobilefaceswap_core.student.parity.check_parity", interrupted)
    code, report = run_json("parity", tmp_path / "x.npz")
    assert (code, report["error"]["type"]) == (130, "Cancelled")


def test_a_bug_under_json_still_gives_one_object(monkeypatch, tmp_path) -> None:
    def broken(*_, **__):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("mobilefaceswap_core.student.parity.check_parity", broken)
    code, report = run_json("parity", tmp_path / "x.npz")
    assert (code, report["error"]["type"]) == (1, "ZeroDivisionError")
    assert "a bug" in report["error"]["message"] and "--debug" in report["error"]["message"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_offers_json(command) -> None:
    result = run(command, "--help", env={"COLUMNS": "140", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_choices_named_in_the_help_are_those_of_the_package() -> None:
    assert DETECTOR_CHOICES.split(", ") == ["auto", *DETECTORS]
    assert set(BackendName.__args__) == {"auto", *BACKENDS}


@pytest.mark.parametrize(
    ("text", "faces"), [("all", "all"), ("largest", "largest"), ("1", [0]), ("3,1", [0, 2]), ("2, 4", [1, 3])]
)
def test_faces_are_read(text, faces) -> None:
    assert parse_faces(text) == faces


@pytest.mark.parametrize("text", ["", "-1", "1,", "one", "0.5", "²", "1" * 5000])
def test_other_faces_are_refused(text) -> None:
    with pytest.raises(OptionError, match="--face"):
        parse_faces(text)


def test_a_face_number_given_twice_gets_both_photos() -> None:
    assert parse_map(["1=a=b.jpg", "2=c.jpg", "1=d.jpg"]) == {0: [Path("a=b.jpg"), Path("d.jpg")], 1: [Path("c.jpg")]}


@pytest.mark.parametrize("entry", ["a.jpg", "=a.jpg", "1=", "-1=a.jpg", "x=a.jpg"])
def test_other_maps_are_refused(entry) -> None:
    with pytest.raises(OptionError, match="--map"):
        parse_map([entry])


def test_parity_passes_on_the_golden_file_and_fails_on_another_seed(golden) -> None:
    code, report = run_json("parity", golden, "--seed", 1)
    assert (code, report["passed"]) == (0, True)
    assert {row["name"] for row in report["arrays"]} >= {"y", "mask"}
    code, report = run_json("parity", golden, "--seed", 2)
    assert (code, report["passed"]) == (1, False)


def test_doctor_finds_this_installation_ready_and_says_why() -> None:
    code, report = run_json("doctor")
    assert (code, report["ok"], report["problems"]) == (0, True, [])
    assert report["version"] == __version__
    assert report["libraries"]["torch"]
    assert all(entry["verified"] for entry in report["weights"])
    assert report["detectors"]["reason"] and report["backends"]["auto"]
    assert report["models"]["default"] in {entry["name"] for entry in report["models"]["known"]}


def test_doctor_fails_on_a_damaged_weights_file(tmp_path, monkeypatch) -> None:
    from mobilefaceswap_core.weights import load

    monkeypatch.setattr(load.weights_paths, "__kwdefaults__", {"folder": tmp_path})
    code, report = run_json("doctor")
    assert (code, report["ok"]) == (1, False)
    assert any("student_224" in problem for problem in report["problems"])


def test_convert_writes_what_the_official_model_reads(tmp_path) -> None:
    from mobilefaceswap_core.student.parity import seeded_pdparams

    file = tmp_path / "MobileFaceSwap_224.pdparams"
    file.write_bytes(seeded_pdparams(seed=1))
    code, report = run_json("convert", file)
    assert code == 0
    assert report["is_published_archive"] is False
    assert report["missing"] == ["official_arcface.safetensors"]
    assert Path(report["written"][0]["path"]) == tmp_path / "home" / "official" / "official_224.safetensors"


def test_convert_refuses_a_hostile_pickle(tmp_path) -> None:
    import os
    import pickle

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "x.pdparams").write_bytes(pickle.dumps({"w": Hostile()}))
    code, report = run_json("convert", tmp_path / "x.pdparams", "--out", tmp_path / "out")
    assert (code, report["error"]["type"]) == (5, "WeightsError")
    assert not (tmp_path / "ran").exists() and not (tmp_path / "out").exists()


def test_the_program_starts_without_loading_a_framework() -> None:
    code = (
        "import sys\nfrom mobilefaceswap_core.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print(sorted({'torch', 'cv2', 'onnxruntime', 'av'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stderr.strip() == "[]"
    assert "image" in result.stdout


def test_version_is_printed_by_the_real_program_and_a_closed_pipe_is_quiet() -> None:
    command = [sys.executable, "-m", "mobilefaceswap_core"]
    result = subprocess.run([*command, "--version"], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout == f"mobilefaceswap {__version__}\n"
    for extra in ([], ["--json"]):
        with subprocess.Popen(
            [*command, "consent", *extra], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == ""


@pytest.mark.parametrize("command", ["video", "live", "export"])
def test_every_command_that_swaps_a_person_in_wants_consent(command, photos, tmp_path) -> None:
    portrait = photos / "portrait.png"
    target = ("--target", portrait) if command != "export" else ()
    code, report = run_json(command, "--source", portrait, *target, "--out", tmp_path / "out.onnx")
    assert code == 2
    assert "--i-have-consent" in report["error"]["message"]


def test_fetch_unpacks_a_checked_pack_where_the_detector_looks(tmp_path, monkeypatch) -> None:
    import hashlib
    import io
    import zipfile
    from dataclasses import replace

    from mobilefaceswap_core.weights.published import PUBLISHED
    from tests.fakes.served import serving

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as pack:
        pack.writestr("../det_10g.onnx", b"network")
        pack.writestr("readme.txt", b"not a network")
    content = packed.getvalue()
    entry = replace(PUBLISHED["buffalo_l"], sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    monkeypatch.setitem(PUBLISHED, "buffalo_l", entry)
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path / "insightface"))
    with serving() as served:
        served.files["buffalo_l.zip"] = content
        result = run("fetch", "buffalo_l", "--mirror", served.url, "--accept-licence", "--json")
    assert result.exit_code == 0, result.output
    folder = Path(json.loads(result.stdout)["fetched"][0]["path"])
    assert [path.name for path in folder.iterdir()] == ["det_10g.onnx"]
    assert folder == tmp_path / "insightface" / "models" / "buffalo_l"
    assert run("fetch", "buffalo_l", "--offline").exit_code == 0
    assert run("fetch", "antelopev9").exit_code == 2
