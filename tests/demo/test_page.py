"""The page as a visitor sees it: one width everywhere, readable for everybody, and nothing old or broken left standing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import pytest

from demo.build import build_demo, launch_options
from demo.settings import Settings
from demo.texts import LANGUAGES, load_texts
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
    const wide = [...document.querySelectorAll('button, input, .block, h1, p')].filter(e =>
        e.checkVisibility({visibilityProperty: true}) && !e.closest('[class*=visually-hidden], table, .wide-table')
        && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120));
    const main = document.querySelector('main').getBoundingClientRect();
    return {sideways: window.scrollX, wide, title: title.x, width: main.width};
}"""
SERIOUS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .filter(found => ['serious', 'critical'].includes(found.impact) || found.id === 'heading-order')
    .map(found => [found.id, found.nodes.map(node => node.html.slice(0, 160))])"""


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
if os.environ.get("MOBILEFACESWAP_SCREENSHOTS"):
    SEEN += [("en", "dark"), ("zh-CN", "light")]


@pytest.fixture
def visit(browser: Any, url: str) -> Iterator[Any]:
    """Opens the page as a new visitor."""
    contexts = []

    def open_page(width: int = 1280, *, theme: str = "light", **context: Any) -> Any:
        phone = width < PHONE_PX
        contexts.append(browser.new_context(viewport={"width": width, "height": 844}, is_mobile=phone, has_touch=phone,
                                            color_scheme=theme, reduced_motion="reduce", **context))  # fmt: skip
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{url}?__theme={theme}")
        page.wait_for_selector("#swap")
        return page

    yield open_page
    for context in contexts:
        context.close()


def upload(page: Any, where: str, path: Path) -> None:
    page.set_input_files(f"#{where} input[type=file]", str(path))


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
        page.wait_for_timeout(150)
        now = page.evaluate(PLACES)
        if now == before:
            return now
        before = now
    return before


@pytest.mark.slow
@pytest.mark.parametrize("widths", [(360, 390), (768, 1280, 1920)], ids=["phone", "desk"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_one_width_and_every_tab_is_reached(visit: Any, language: str, widths: tuple[int, ...]) -> None:
    page = visit(widths[0], locale=language)
    names = load_texts(language)
    page.get_by_text(names["examples"], exact=True).first.wait_for()
    swapped: dict[str, Any] = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 844})
        first = places(page)
        assert first["sideways"] == 0 and first["wide"] == [], width
        if not swapped:
            swap_an_example(page)
            swapped = places(page)
            assert swapped == first, "after a swap"
        for tab, shows in TABS.items():
            go_to(page, names[f"tab_{tab}"])
            page.wait_for_selector(shows, state="visible")
            assert places(page) == first, (width, tab)
        go_to(page, names["tab_image"])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots of every tab are left for people to look at; see docs/demo.md."""
    folder = Path(os.environ.get("MOBILEFACESWAP_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def with_axe(page: Any, node_modules: Path) -> str:
    """Load axe-core into a page whose policy is bypassed; the script, for frames in it."""
    script = (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(script)
    return script


@pytest.mark.slow
@pytest.mark.parametrize(("language", "theme"), SEEN)
def test_every_tab_is_readable_for_everybody_and_seen_at_desk_and_phone(
    visit: Any, node_modules: Path, pictures: Path, language: str, theme: str
) -> None:
    page = visit(theme=theme, locale=language, bypass_csp=True)
    axe = with_axe(page, node_modules)
    names, serious = load_texts(language), {}
    swap_an_example(page)
    for tab, shows in TABS.items():
        go_to(page, names[f"tab_{tab}"])
        page.wait_for_selector(shows, state="visible")
        page.wait_for_timeout(800)  # what was pending has faded in
        if found := page.evaluate(SERIOUS):
            serious[tab] = found
        if tab == "browser":
            frame = page.frames[-1]
            frame.wait_for_selector("#portraits button")
            frame.evaluate(axe)
            if found := frame.evaluate(SERIOUS):
                serious["browser page"] = found
        page.screenshot(path=pictures / f"{tab}-1280-{theme}-{language}.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    for tab, shows in TABS.items():
        go_to(page, names[f"tab_{tab}"])
        page.wait_for_selector(shows, state="visible")
        page.wait_for_timeout(300)
        page.screenshot(path=pictures / f"{tab}-390-{theme}-{language}.png", full_page=True)
    assert serious == {}


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_questions_and_answers_of_the_tabs_are_readable_too(
    visit: Any, node_modules: Path, tmp_path: Path, theme: str
) -> None:
    page = visit(theme=theme, bypass_csp=True)  # axe-core comes into the page as a script
    with_axe(page, node_modules)
    page.wait_for_selector(".empty[role=img]")
    assert page.evaluate(SERIOUS) == []
    own = tmp_path / "own.png"
    cv2.imwrite(str(own), cv2.imread(str(PORTRAITS[3])))
    swap_an_example(page)
    upload(page, "source", own)
    page.wait_for_function("!document.querySelector('#near img')")  # the old result is gone, so the new photo is there
    page.click("#swap")
    page.wait_for_selector("#agree-image")
    assert page.evaluate(SERIOUS) == []
    go_to(page, "Verify")
    page.click("#verify-try-marked")
    page.wait_for_selector("#verify-verdict h2")
    page.wait_for_timeout(800)
    assert page.evaluate(SERIOUS) == []
    assert page.evaluate("document.activeElement.innerText") == "A face in this file was swapped."


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
    own = tmp_path / "own.png"  # one that ships would be swapped at once
    cv2.imwrite(str(own), cv2.imread(str(PORTRAITS[4])))
    page = visit()
    swap_an_example(page)
    assert page.is_visible("#download")
    upload(page, "target", own)
    page.wait_for_selector("#download", state="hidden")
    page.wait_for_selector("#near", state="hidden")
    # Gradio counts the tenths of a second until it is known that there is nothing to do without consent.
    page.wait_for_function("document.querySelector('#status').innerText.trim() === ''")
    assert page.locator("#result img").count() == 0


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
