"""The page as a visitor sees it: one width everywhere, readable for everybody, and nothing old or broken left standing."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from demo.build import build_demo, launch_options
from demo.settings import Settings
from demo.texts import load_texts
from demo.work.engine import Engine
from tests.fakes.built_page import CHROMIUM, PATIENCE_MS, PORTRAITS, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install the package or set MOBILEFACESWAP_CHROMIUM"),
]
PHONE_PX = 600  # narrower windows are phones
# Of each tab, something that only it shows.
TABS = {
    "image": "#swap", "video": "#swap-clip", "live": "#live-ready", "browser": "#browser-page",
    "compare": "#compare-run", "evaluate": "#evaluate-run", "verify": "#verify-file", "about": "#method",
}  # fmt: skip
PLACES = """() => {
    window.scrollTo(1000, 0);
    const title = document.querySelector('#title h1').getBoundingClientRect();
    const wide = [...document.querySelectorAll('button, img, input, .block, h1, p')].filter(e =>
        e.checkVisibility({visibilityProperty: true}) && !e.closest('[class*=visually-hidden], table, .wide-table')
        && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120));
    const main = document.querySelector('main').getBoundingClientRect();
    return {sideways: window.scrollX, wide, title: title.x, width: main.width};
}"""
SERIOUS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .filter(found => ['serious', 'critical'].includes(found.impact) || found.id === 'heading-order')
    .map(found => [found.id, found.nodes.map(node => node.html.slice(0, 160))])"""
NAMELESS = """() => [...document.querySelectorAll('button, input:not([type=file]), select, textarea, img')]
    .filter(e => e.checkVisibility({visibilityProperty: true}))
    .filter(e => !(e.innerText || e.getAttribute('aria-label') || e.title || e.hasAttribute('alt') || e.placeholder
        || (e.labels && e.labels.length) || e.getAttribute('aria-labelledby') || e.querySelector('img[alt]:not([alt=""])')))
    .map(e => ['nameless', e.outerHTML.slice(0, 140)])"""
COLOURS = """() => [getComputedStyle(document.querySelector('#subtitle p')).color, getComputedStyle(document.body).backgroundColor]"""


@pytest.fixture(scope="module")
def url(page_folder: Path) -> Iterator[str]:
    settings = Settings(detector="lite", request_rate=1000, browser_page=str(page_folder))
    demo, words = build_demo(settings, Engine(settings))
    _, address, _ = demo.launch(**launch_options(settings, words), prevent_thread_lock=True, server_name="127.0.0.1")
    yield address
    demo.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    with chromium("--disable-gpu") as opened:
        yield opened


# Each language and each theme once; all of them where somebody wants to see the pictures.
SEEN = [("en", "light"), ("zh-CN", "dark")]
PICTURES = os.environ.get("MOBILEFACESWAP_SCREENSHOTS")
if PICTURES:
    SEEN += [("en", "dark"), ("zh-CN", "light")]


@pytest.fixture(scope="module")
def windows(browser: Any) -> dict[tuple[Any, ...], Any]:
    """The last window by its kind: a new one would read and compile Gradio's scripts again, which takes longer than most tests."""
    return {}


@pytest.fixture
def visit(browser: Any, windows: dict[tuple[Any, ...], Any], url: str) -> Any:
    """Opens the page as a new visitor, of whom nothing is known."""

    def open_page(width: int = 1280, *, theme: str = "light", locale: str = "en", bypass_csp: bool = False) -> Any:
        phone = width < PHONE_PX
        kind = (phone, theme, locale, bypass_csp)
        if kind in windows:
            windows[kind].evaluate("localStorage.clear(), sessionStorage.clear()")
            windows[kind].context.clear_cookies()
        else:
            while windows:  # one that stays open goes on drawing
                windows.popitem()[1].context.close()
            windows[kind] = browser.new_context(
                is_mobile=phone, has_touch=phone, color_scheme=theme, locale=locale, reduced_motion="reduce",
                bypass_csp=bypass_csp,
            ).new_page()  # fmt: skip
            windows[kind].set_default_timeout(PATIENCE_MS)
        page = windows[kind]
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(f"{url}?__theme={theme}")
        page.wait_for_selector("#swap")
        return page

    return open_page


def upload(page: Any, where: str, path: Path) -> None:
    page.set_input_files(f"#{where} input[type=file]", str(path))


def own_photo(folder: Path, portrait: int = 3) -> Path:
    """One that does not ship: those that do are swapped at once."""
    cv2.imwrite(str(folder / "own.png"), cv2.imread(str(PORTRAITS[portrait])))
    return folder / "own.png"


def swap_an_example(page: Any) -> None:
    page.locator("#examples tbody tr").first.click()
    page.wait_for_selector("#status p")
    page.wait_for_selector("#near img")


def go_to(page: Any, name: str) -> None:
    """A tab of the row, or of the menu that Gradio folds tabs without room into."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if tab.count() and tab.last.is_visible():
        tab.last.click()
    else:
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown button", has_text=name).click()


def places(page: Any) -> dict[str, Any]:
    """Where things are, once they are at rest."""
    before, until = page.evaluate(PLACES), time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < until:
        page.wait_for_timeout(60)
        now = page.evaluate(PLACES)
        if now == before:
            return now
        before = now
    return before


@pytest.mark.slow
# 1280 px are those of the test that reads every tab.
@pytest.mark.parametrize(("language", "widths"), [("en", (768, 1920)), ("en", (360,)), ("zh-CN", (360,))])
def test_the_page_has_one_width_and_every_tab_is_reached(visit: Any, language: str, widths: tuple[int, ...]) -> None:
    page = visit(widths[0], locale=language)
    names = load_texts(language)
    page.get_by_text(names["examples"], exact=True).first.wait_for()
    swapped: dict[str, Any] = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 844})
        first = places(page)
        assert first["sideways"] == 0 and first["wide"] == [], width
        if language == "en" and not swapped:
            swap_an_example(page)
            swapped = places(page)
            assert swapped == first, "after a swap"
        for tab, shows in TABS.items():
            go_to(page, names[f"tab_{tab}"])
            page.wait_for_selector(shows, state="visible")
            assert places(page) == first, (width, tab)
        go_to(page, names["tab_image"])


def test_a_chinese_browser_reads_chinese(visit: Any, tmp_path: Path) -> None:
    page = visit(360, locale="zh-CN")
    page.get_by_role("tab", name="图片", exact=True).wait_for()
    assert "换脸" in page.inner_text("#swap")
    page.click("#swap")
    page.get_by_text("请先添加要使用的脸的照片").wait_for()
    upload(page, "source", PORTRAITS[1])
    upload(page, "target", own_photo(tmp_path))
    for where in ("source", "target"):
        page.wait_for_selector(f"#{where} img")
    page.click("#swap")
    page.get_by_text("第一次换脸之前").wait_for()


def take_pictures(page: Any, names: dict[str, str], folder: Path, ending: str) -> None:
    """Leave a screenshot of every tab, at desk and phone, for people to look at; see docs/demo.md."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for tab, shows in TABS.items():
            go_to(page, names[f"tab_{tab}"])
            page.wait_for_selector(shows, state="visible")
            page.wait_for_timeout(800)  # what was pending has faded in
            page.screenshot(path=folder / f"{tab}-{width}-{ending}.png", full_page=True)


def with_axe(page: Any, node_modules: Path) -> str:
    """Load axe-core into a page whose policy is bypassed; the script, for frames in it."""
    script = (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(script)
    return script


@pytest.mark.slow
@pytest.mark.parametrize(("language", "theme"), SEEN)
def test_every_tab_its_questions_and_its_answers_are_readable_for_everybody(
    visit: Any, node_modules: Path, tmp_path: Path, language: str, theme: str
) -> None:
    page = visit(theme=theme, locale=language, bypass_csp=True)  # axe-core comes into the page as a script
    axe = with_axe(page, node_modules)
    names, serious = load_texts(language), {}

    def look(what: str, frame: Any = page) -> None:
        if found := [*frame.evaluate(SERIOUS), *frame.evaluate(NAMELESS)]:
            serious[what] = found

    page.wait_for_selector(".empty[role=img]")
    look("before a swap")
    first = places(page)
    assert first["sideways"] == 0 and first["wide"] == []
    swap_an_example(page)
    for tab, shows in TABS.items():
        go_to(page, names[f"tab_{tab}"])
        page.wait_for_selector(shows, state="visible")
        page.wait_for_timeout(800)  # what was pending has faded in
        look(tab)
        assert places(page) == first, tab
        if tab == "browser":
            page.frames[-1].wait_for_selector("#portraits button")
            page.frames[-1].evaluate(axe)
            look("browser page", page.frames[-1])
        if tab == "verify":
            page.click("#verify-try-marked")
            page.wait_for_selector("#verify-verdict h2")
            page.wait_for_timeout(800)
            look("verdict")
            assert page.evaluate("document.activeElement.innerText") == names["verify_marked"]
    go_to(page, names["tab_image"])
    upload(page, "source", own_photo(tmp_path))
    page.wait_for_function("!document.querySelector('#near img')")  # the old result is gone, so the new photo is there
    page.click("#swap")
    page.wait_for_selector("#agree-image")
    look("the question")
    assert serious == {}
    if theme == "dark":
        ink, paper = (np.mean([float(v) for v in re.findall(r"[\d.]+", c)[:3]]) for c in page.evaluate(COLOURS))
        assert ink - paper > 125  # of 255: light letters on dark ground
    if PICTURES:
        take_pictures(page, names, Path(PICTURES), f"{theme}-{language}")


def tab_to(page: Any, inside: str, most: int = 80) -> None:
    """Go on with the keyboard alone until something inside of an element has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("where => !!document.activeElement.closest(where)", inside):
            return
    raise AssertionError(f"the keyboard does not reach {inside}")


def test_a_swap_needs_no_mouse_and_its_end_is_told(visit: Any) -> None:
    page = visit()
    page.locator("#examples tbody tr").first.wait_for()
    tab_to(page, "#examples")
    page.keyboard.press("Enter")
    page.wait_for_selector("#status[role=status] p")
    page.wait_for_selector("#near img")
    tab_to(page, "#download")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".png")


def test_what_the_page_brings_of_its_own_is_small(visit: Any, browser: Any, url: str) -> None:
    theirs = ("/assets/", "/static/")  # Gradio's
    page = browser.new_page()
    sizes: dict[str, int] = {}

    def count(answer: Any) -> None:
        path = urlsplit(answer.url).path
        if (
            answer.url.startswith("http")
            and not path.startswith(theirs)
            and "heartbeat" not in path
            and "queue/data" not in path
        ):
            sizes[path] = len(answer.body())

    page.on("requestfinished", lambda request: count(request.response()))
    page.goto(url)
    page.wait_for_selector("#examples img")
    page.wait_for_timeout(1500)
    page.close()
    assert sizes["/"] > 10_000 and sum(sizes.values()) < 1_000_000, sizes


def test_a_broken_photo_is_said_in_our_words_and_taken_out(visit: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    page = visit()
    for where in ("source", "target"):
        upload(page, where, broken)
        toast = page.get_by_text("file is damaged")
        toast.first.wait_for()
        assert "broken.png" in toast.first.inner_text() and "/" not in toast.first.inner_text()
        page.wait_for_function(f"!document.querySelector('#{where} img')")
        page.get_by_test_id("toast-close").first.click()
        toast.first.wait_for(state="detached")


def test_another_photo_takes_the_old_result_away(visit: Any, tmp_path: Path) -> None:
    page = visit()
    swap_an_example(page)
    assert page.is_visible("#download")
    upload(page, "target", own_photo(tmp_path, 4))
    page.wait_for_selector("#download", state="hidden")
    page.wait_for_selector("#near", state="hidden")
    # Gradio counts the tenths of a second until it is known that there is nothing to do without consent.
    page.wait_for_function("document.querySelector('#status').innerText.trim() === ''")
    assert page.locator("#result img").count() == 0


def test_the_swap_button_works_from_the_keyboard(visit: Any, tmp_path: Path) -> None:
    page = visit()
    upload(page, "source", PORTRAITS[1])
    upload(page, "target", own_photo(tmp_path))
    for where in ("source", "target"):
        page.wait_for_selector(f"#{where} img")
    page.focus("#swap")
    page.keyboard.press("Enter")
    page.wait_for_selector("#agree-image", state="visible")


def test_on_a_phone_the_result_comes_into_view_by_itself_and_stays_while_other_tabs_are_looked_at(visit: Any) -> None:
    page = visit(390)
    swap_an_example(page)
    page.wait_for_function("Math.abs(document.querySelector('#near').getBoundingClientRect().top) < 100")
    go_to(page, "Compare")
    page.wait_for_selector("#compare-target img")  # the photos come along
    go_to(page, "Image")
    page.wait_for_timeout(500)
    assert page.locator("#near img").count() and page.is_visible("#download")


def test_what_failed_is_said_in_the_visitors_language(visit: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0" + bytes(40))
    page = visit(locale="zh-CN")
    upload(page, "source", broken)
    page.get_by_text("操作未成功").wait_for()
    assert "broken.jpg：这个 JPEG 文件已损坏" in page.get_by_test_id("toast-body").first.inner_text()


@pytest.mark.slow
def test_no_words_of_a_place_for_a_photo_are_cut(visit: Any) -> None:
    page = visit()
    page.get_by_text("More photos or people").click()
    for width in (1280, 700, 390):
        page.set_viewport_size({"width": width, "height": 844})
        cut = """() => [...document.querySelectorAll('.prompt')].filter(e => e.checkVisibility()).map(
            e => [e.innerText, e.scrollWidth > e.clientWidth + 1, e.lastElementChild.getBoundingClientRect().bottom
            > e.closest('.upload-container').getBoundingClientRect().bottom])"""
        page.wait_for_timeout(200)
        found = page.evaluate(cut)
        assert found and [words for words, *is_cut in found if any(is_cut)] == [], width
