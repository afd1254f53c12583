"""The page for the visitor's browser before any browser: its texts, its build, and what the app serves of it."""

from __future__ import annotations

import gzip
import json
import lzma
import re
import shutil
from pathlib import Path
from string import Formatter
from typing import Any

import cv2
import numpy as np
import pytest
import safetensors.numpy
from starlette.applications import Starlette
from starlette.testclient import TestClient

from demo.browser import icons, offline, runtime, serve
from demo.browser.__main__ import main as command
from demo.browser.build import HERE, _add_networks, _add_portraits, build, consent_html, without_descriptions
from demo.build import EXAMPLES, build_demo, launch_options
from demo.settings import Settings
from mobilefaceswap_core.blend.occlusion import load_occlusion
from mobilefaceswap_core.blend.occlusion_graph import RIM_PX, occlusion_graph
from mobilefaceswap_core.errors import BackendError, OptionError, OutputError
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.runtime.sessions import open_session
from mobilefaceswap_core.student.swapper import Student


def page_texts(language: str) -> dict[str, str]:
    return json.loads((HERE / "page" / "texts" / f"{language}.json").read_text(encoding="utf-8"))


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    english, chinese = page_texts("en"), page_texts("zh-CN")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        wanted, got = ({name for _, name, _, _ in Formatter().parse(t) if name} for t in (text, chinese[key]))
        assert wanted == got, key


def test_every_text_is_used_and_every_used_text_exists() -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for p in (HERE / "page").glob("*") if p.is_file())
    used = set(re.findall(r"""(?:data-text|data-label)="([a-z_]+)\"""", code))
    used |= set(re.findall(r"""(?:say\(|key: |PageError\()'([a-z_]+)'""", code))
    assert set(re.findall(r"""[:?] say\('([a-z_]+)'""", code)) <= used
    assert used == set(page_texts("en"))


def test_runtime_and_tools_are_pinned_and_the_lock_names_no_registry() -> None:
    package = json.loads((HERE / "package.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    lock = json.loads((HERE / "package-lock.json").read_text())
    assert {key: lock["packages"][""][key] for key in ("dependencies", "devDependencies")} == {
        key: package[key] for key in ("dependencies", "devDependencies")
    }
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in packages.values())


def test_the_consent_shown_asks_for_all_and_promises_no_credential() -> None:
    shown = consent_html("en")
    assert shown.count("<li>") == 4 and "<strong>" in shown
    assert "credential" not in shown


def test_the_occlusion_network_is_stored_in_16_bits_and_computes_as_the_cores(tmp_path: Path) -> None:
    _add_networks(tmp_path / "models", identity=False)
    file = tmp_path / "models" / "occlusion.safetensors.gz"
    assert file.stat().st_size < 430_000
    crop = np.random.default_rng(2).integers(0, 256, (224, 224, 3), np.uint8)
    crop = cv2.GaussianBlur(crop, (0, 0), 6)
    halves = safetensors.numpy.load(gzip.decompress(file.read_bytes()))
    floats = {name: array.astype(np.float32) for name, array in halves.items()}
    session = open_session(occlusion_graph(floats).SerializeToString())
    own = session.run(["hidden"], {"crop": (crop.transpose(2, 0, 1)[None] / np.float32(255)).astype(np.float32)})[0]
    wanted = load_occlusion()(crop)
    assert np.ptp(wanted) > 0.1
    inner = np.s_[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX]
    np.testing.assert_allclose(own[0, 0][inner], wanted[inner], atol=1e-3)


def test_each_portrait_comes_with_its_kernels_and_how_blue_its_eyes_are(
    student: Student, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [shutil.copy(EXAMPLES / f"average_{number}.webp", tmp_path) for number in (1, 2)]
    measured = iter([0.25, 1.0])
    monkeypatch.setattr("mobilefaceswap_core.pipeline.blueness_of_eyes", lambda image, landmarks: next(measured))
    monkeypatch.setattr("demo.browser.build._PORTRAITS", tmp_path)
    out = tmp_path_factory.mktemp("models")
    _add_portraits(student, out)
    names = [Path(photo).stem for photo in photos]
    assert {path.name for path in out.iterdir()} == {*(f"{name}.kernels" for name in names), "portraits.json"}
    said = json.loads((out / "portraits.json").read_bytes())
    assert said == {names[0]: {"blue_eyes": 0.25}, names[1]: {"blue_eyes": 1.0}}


def test_none_of_the_portraits_that_ship_has_blue_eyes(page_folder: Path) -> None:
    said = json.loads(gzip.decompress((page_folder / "models" / "portraits.json.gz").read_bytes()))
    assert said == {path.stem: {"blue_eyes": 0.0} for path in EXAMPLES.glob("*.webp")}


@pytest.mark.parametrize("icon", icons.ICONS, ids=lambda icon: icon.name)
def test_icons_are_the_drawing_in_pixels(icon: Any) -> None:
    drawn = icons.draw(icon.side_px, is_rounded=icon.is_rounded)
    assert drawn.shape == (icon.side_px, icon.side_px, 4)
    at = lambda x, y: drawn[int(y * icon.side_px / 64), int(x * icon.side_px / 64)].tolist()  # noqa: E731
    ground, behind, before, eye = ([*bytes.fromhex(colour), 255] for colour in ("047857", "d1fae5", "34d399", "064e3b"))
    assert [at(5, 32), at(15, 33), at(50, 36), at(35, 29)] == [ground, behind, before, eye]
    assert at(0, 0) == ([0, 0, 0, 0] if icon.is_rounded else ground)


def test_an_icon_with_a_shape_that_is_not_drawn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "icon.svg").write_text('<svg><path d="M1 2L3 4"/></svg>')
    monkeypatch.setattr(icons, "ICON", tmp_path / "icon.svg")
    with pytest.raises(BackendError, match="has a path that is not drawn"):
        icons.draw(32, is_rounded=True)


def test_what_a_phone_is_told_about_the_page_is_there(tmp_path: Path) -> None:
    manifest = json.loads((HERE / "page" / "manifest.webmanifest").read_text(encoding="utf-8"))
    icons.write_icons(tmp_path / "icons")
    for told in manifest["icons"]:
        side, _ = map(int, told["sizes"].split("x"))
        assert read_image(tmp_path / told["src"]).image.shape == (side, side, 3)
    assert manifest["display"] == "standalone" and manifest["start_url"] == "./index.html"
    style = (HERE / "page" / "style.css").read_text(encoding="utf-8")
    light, dark = re.search(r"--ground: light-dark\((#\w+), (#\w+)\)", style).groups()
    page = (HERE / "page" / "index.html").read_text(encoding="utf-8")
    assert manifest["background_color"] == light
    for scheme, colour in (("light", light), ("dark", dark)):
        assert f'<meta name="theme-color" media="(prefers-color-scheme: {scheme})" content="{colour}">' in page
    for link in re.findall(r'href="(icons/[\w.-]+)"', page):
        assert (tmp_path / link).is_file() or link == f"icons/{icons.ICON.name}"


def test_the_service_worker_names_every_file_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    written = []
    for text in ("old", "new"):
        (tmp_path / "main.js").write_text(text)
        (tmp_path / "models" / "a.onnx").write_text("network")
        offline.write_service_worker(tmp_path)
        written.append((tmp_path / offline.SERVICE_WORKER).read_text())
    digests = re.findall(r'"([\w./]+)": "(\w{64})"', written[1])
    assert digests == [(name, file_sha256(tmp_path / name)) for name in ("main.js", "models/a.onnx")]
    assert written[1].index("main.js") < written[1].index("whenUsed") < written[1].index("models/a.onnx")
    assert written[0] != written[1]


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(OutputError, match="other files"):
        build(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years"


def test_the_command_reports_what_it_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(SystemExit) as ended:
        command(["--out", str(tmp_path)])
    assert ended.value.code == OutputError.exit_code
    assert "other files" in capsys.readouterr().err


def test_what_ships_of_the_runtime_is_whole_and_a_damaged_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.unpack(tmp_path / "runtime")
    binaries = sorted((tmp_path / "runtime").glob("*.wasm.xz"))
    assert [lzma.decompress(path.read_bytes())[:4] for path in binaries] == [b"\0asm"] * 2
    assert sum(path.stat().st_size for path in runtime.FOLDER.iterdir()) < 7 << 20
    copy = shutil.copytree(runtime.FOLDER, tmp_path / "ships")
    (copy / f"{runtime.NAMES[1]}.xz").write_bytes(b"cut off")
    monkeypatch.setattr(runtime, "FOLDER", copy)
    with pytest.raises(BackendError, match=r"simd-threaded\.mjs\.xz is missing or damaged"):
        runtime.unpack(tmp_path / "again")


def test_the_folder_of_the_built_page_follows_what_it_is_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = serve.own_folder()
    part = tmp_path / "part"
    part.mkdir()
    names = []
    for content in ("a", "b", "a"):
        (part / "page.js").write_text(content)
        monkeypatch.setattr(serve, "_MADE_OF", ((part, "*"),))
        names.append(serve.own_folder.__wrapped__().name)
    assert names[0] == names[2] != names[1] and own.parent.name == "browser"


@pytest.mark.parametrize("settings", [Settings(), Settings(browser_page="off")])
def test_where_there_is_no_page_there_is_no_tab(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "own_folder", lambda: tmp_path)
    demo, words = build_demo(settings)
    assert [route.name for route in launch_options(settings, words)["app_kwargs"]["routes"]] == ["card", "live picture"]
    shown = str(demo.get_config_file())
    assert "browser-frame" not in shown and "tab_browser" not in shown and "tab_compare" in shown


def test_modules_are_served_without_what_describes_their_parts(page_folder: Path) -> None:
    module = "/** Of a module. */\nconst a = /** @type {number} */ (1); // one\n\n  /**\n   * @param {string} b '*' /* c\n   */\nfunction d(b) {\n  return `/** ${b} */`;\n}\n"
    assert (
        without_descriptions(module)
        == "const a = /** @type {number} */ (1); // one\n\nfunction d(b) {\n  return `/** ${b} */`;\n}\n"
    )
    kept = "  const e =\n    /** @type {number} */ (1);\n/** Of f. */\nf();\n"
    assert without_descriptions(kept) == "  const e =\n    /** @type {number} */ (1);\nf();\n"
    for path in page_folder.glob("*.js"):
        source = HERE / "page" / path.name
        written = path.read_text(encoding="utf-8")
        assert (
            not source.exists()
            or "@param" not in source.read_text(encoding="utf-8")
            or len(written) < source.stat().st_size
        )
        assert not re.search(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*$", written, re.MULTILINE | re.DOTALL), path.name


def test_a_folder_without_a_page_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="holds no page"):
        serve.page_folder(Settings(browser_page=str(tmp_path)))


@pytest.mark.parametrize("rule", [{}, {"audit": "log.jsonl"}, {"blocklist": "."}])
def test_a_host_that_must_see_sources_hands_out_no_identity_network(rule: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("index.html", "models/identity.onnx", "models/identity.onnx.gz", "models/student.onnx.gz"):
        (tmp_path / name).write_text("page")
    client = TestClient(Starlette(routes=serve.routes(Settings(browser_page=str(tmp_path), **rule))))
    for path in (
        "models/identity.onnx",  # of a folder that another version built
        "models/identity.onnx.gz",
        "models/../models/identity.onnx.gz",
        "models//identity.onnx.gz",
        "models/./identity.onnx.gz",
    ):
        assert client.get(f"/browser/{path}").status_code == (404 if rule else 200), path
    answer = client.get("/browser/models/student.onnx.gz")
    assert answer.status_code == 200
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert client.get("/browser/").text == "page"


def test_a_first_visit_with_a_photo_of_ones_own_fetches_12_mb_at_most(page_folder: Path) -> None:
    # One of the portraits is the source until the photo is chosen; nothing of it is fetched before the first swap.
    for_portraits, for_other_browsers = (
        ("*.kernels.gz", "portraits.json.gz"),
        ("*asyncify*", "*webgpu*", "layers.wasm.gz"),
    )
    others = for_portraits + for_other_browsers
    fetched = [p for p in page_folder.rglob("*") if p.is_file() and not any(p.match(other) for other in others)]
    assert sum(path.stat().st_size for path in fetched) < 12.05e6
