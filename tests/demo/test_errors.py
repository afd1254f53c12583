"""What the core says of a visitor's file is there in every language, sentence by sentence, and none is there for nothing."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from demo.messages import Visit, spoken_error
from demo.texts import LANGUAGES
from demo.texts.errors import in_language, load_templates
from mobilefaceswap_core import errors
from mobilefaceswap_core.files.images import read_image

ROOT = Path(__file__).parents[2]
OTHERS = LANGUAGES[1:]
# What reads a visitor's files, does what was asked for, or refuses it.
MODULES = (
    "mobilefaceswap_core.files.images", "mobilefaceswap_core.files.opening", "mobilefaceswap_core.files.ordinary",
    "mobilefaceswap_core.files.codecs", "mobilefaceswap_core.files.media",
    "mobilefaceswap_core.rules.blocklist", "mobilefaceswap_core.marking.verify", "mobilefaceswap_core.pipeline", "mobilefaceswap_core.runtime.budget",
    "mobilefaceswap_core.runtime.memory", "mobilefaceswap_core.video.reader", "mobilefaceswap_core.video.people",
    "mobilefaceswap_core.options", "mobilefaceswap_core.blend.limits", "demo.work.clips",
    "demo.work.compare", "demo.work.engine", "demo.work.evaluate", "demo.work.live_sessions", "demo.work.results",
    "demo.work.running", "demo.work.study", "demo.work.processes", "demo.work.wishes",
)  # fmt: skip
# Whoever programs, or runs the host, reads English: arrays, folders of frames, packages that are missing.
NOT_SHOWN = re.compile(
    r"got an empty array|got dtype|got shape|got \{\}, wanted the path|\{\}: got \{\}, \{\}\.|Reading a clip needs|A budget of"
    r"|A source was prepared|cannot write|\{\}: no images were found|\{\} is \{\} x \{\} px, the first image|Unknown option|cannot carry"
    r"|could not encode|\{\} is a folder; wanted an image|\{\} is no ordinary file|cannot be opened as an animation"
    r"|Face \{\} was asked for|of the block list|in the block list|The block list|block list\.|made by another encoder|is no folder"
    r"|Protected photo|^Metadata: |^Content credentials: |^Watermark: |^file:|_on_|^\{\} · "
)
# Parts of sentences: what is wrong with a file, and why a face was left alone.
REASONS = {
    "this is not an image", "this is a PDF", "this is an SVG drawing", "this is an XML file",
    "the source photo", "source photo {}",
    "no alignment points", "smaller than {} px", "turned by more than {} degrees",
    "not among the {} largest that are swapped in one picture", "none was chosen", "face {}: {}", "face {}: {}; {}", "{}: {}",
}  # fmt: skip


def templates_of(module: str) -> set[str]:
    """The sentences of a module's errors, and of what it returns as a reason; a pair of braces for each value."""
    path = ROOT / f"{module.replace('.', '/')}.py"
    constants = vars(import_module(module))
    kinds = {name for name in vars(errors) if isinstance(vars(errors)[name], type)}

    def part(value: ast.expr) -> str:
        if isinstance(value, ast.Constant):
            return str(value.value)
        inner = value.value if isinstance(value, ast.FormattedValue) else value
        known = constants.get(inner.id) if isinstance(inner, ast.Name) else None
        return known if isinstance(known, str) else "{}"

    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        said: ast.expr | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds and node.args:
            said = node.args[0]
        elif isinstance(node, ast.Return):
            said = node.value
        if isinstance(said, ast.JoinedStr):
            found.add("".join(map(part, said.values)))
        elif isinstance(said, ast.Constant) and (isinstance(node, ast.Call) or " " in str(said.value)):
            found.add(str(said.value))
    return found - {"{}", "{}: {}"}


SHOWN = {text for module in MODULES for text in templates_of(module) if not NOT_SHOWN.search(text)}


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_that_a_visitor_may_meet_is_translated(language: str) -> None:
    assert len(SHOWN) > 50
    assert sorted((SHOWN | REASONS) - set(load_templates(language))) == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_of_a_sentence_that_is_gone(language: str) -> None:
    assert sorted(set(load_templates(language)) - SHOWN - REASONS) == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_fills_in_each_value_once(language: str) -> None:
    for english, text in load_templates(language).items():
        numbers = sorted(int(number) for number in re.findall(r"\{(\d+)\}", text))
        assert numbers == list(range(english.count("{}"))), english


def test_a_broken_file_is_explained_in_the_visitors_language(tmp_path: Path) -> None:
    notes = tmp_path / "notes.pdf"
    notes.write_bytes(b"%PDF-1.7 {1}")
    with pytest.raises(errors.ImageError) as refused:
        read_image(notes)
    chinese = spoken_error(refused.value, "swap", "zh-CN").message
    assert "这是 PDF" in chinese and "JPEG、PNG" in chinese and "Wanted" not in chinese
    assert "this is a PDF" in spoken_error(refused.value, "swap", Visit().language).message


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("No face of the target could be swapped (face 1: smaller than 24 px).", "目标照片中没有可以替换的脸（第 1 张脸：小于 24 像素）。"),
        ("a.png is empty (0 bytes); wanted an image file. Download or copy it again.", "a.png 是空文件（0 字节），应为图片文件。请重新下载或复制。"),
        ("a.mp4: It is a photo (PNG). Swap photos with `image`, or in the Image tab.", "a.mp4：它是照片（PNG）。请在“图片”页中换脸。"),
        ("Nobody has translated {this}", "Nobody has translated {this}"),
    ],
)  # fmt: skip
def test_values_and_reasons_stand_where_the_sentence_wants_them(english: str, chinese: str) -> None:
    assert in_language(english, "zh-CN") == chinese
    assert in_language(english, "en") == english
