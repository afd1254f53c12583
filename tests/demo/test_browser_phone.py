"""The page on a phone, in headless Chromium at its size: recording, two cameras, a hidden page, both ways of holding it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobilefaceswap_core.files.media import open_media
from mobilefaceswap_core.marking import verify_file
from mobilefaceswap_core.marking.metadata import is_tagged
from tests.fakes.built_page import PATIENCE_MS, chromium, write_camera

pytestmark = pytest.mark.browser
UPRIGHT, ACROSS = {"width": 360, "height": 740}, {"width": 740, "height": 360}
# A phone's two sides, both played by the fake camera; and what the page asked for.
TWO_SIDES = """() => {
    const media = navigator.mediaDevices;
    const [open, list] = [media.getUserMedia.bind(media), media.enumerateDevices.bind(media)];
    window.asked = [];
    window.streams = [];
    media.getUserMedia = async (wanted) => {
        asked.push(wanted);
        const stream = await open(wanted);
        streams.push(stream);
        for (const track of stream.getVideoTracks()) {
            const own = track.getSettings.bind(track);
            track.getSettings = () => ({...own(), facingMode: wanted.video.facingMode});
        }
        return stream;
    };
    media.enumerateDevices = async () => [...await list(), {kind: 'videoinput', deviceId: 'back'}];
    window.hide = (isHidden) => {
        Object.defineProperty(document, 'hidden', {value: isHidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    };
}"""


@pytest.fixture
def phone(page_url: str, tmp_path: Path) -> Iterator[Any]:
    """The page, held upright, with two cameras and a microphone."""
    camera = write_camera(tmp_path / "camera.mjpeg")
    with chromium("--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                  f"--use-file-for-fake-video-capture={camera}") as browser:  # fmt: skip
        page = browser.new_context(service_workers="block", viewport=UPRIGHT, is_mobile=True, has_touch=True).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(f"({TWO_SIDES})()")
        page.goto(page_url)
        page.wait_for_selector("html[data-ready]")
        yield page


def is_whole(page: Any) -> bool:
    """Whether nothing sticks out sideways, and the picture fits the screen."""
    return page.evaluate(
        """() => {
            const {width, height} = document.querySelector('#result').getBoundingClientRect();
            return document.documentElement.scrollWidth <= innerWidth && width <= innerWidth && height <= innerHeight;
        }"""
    )


def swapped_frames(page: Any, count: int) -> list[str]:
    """Names of pictures that the canvas shows one after another."""
    code = "() => document.querySelector('#result').toDataURL('image/jpeg', 0.5).slice(-400)"
    seen: list[str] = []
    end = time.monotonic() + PATIENCE_MS / 1000
    while len(seen) < count and time.monotonic() < end:
        shown = page.evaluate(code)
        if not seen or shown != seen[-1]:
            seen.append(shown)
        page.wait_for_timeout(50)
    return seen


def test_a_clip_with_sound_is_recorded_from_both_cameras_and_says_what_it_is(phone: Any, tmp_path: Path) -> None:
    assert phone.is_visible("label[for=source-camera]") and phone.is_hidden("#record")
    phone.click("#camera")
    phone.click("#agree")
    phone.wait_for_selector("#result[data-swapped='1']")
    assert is_whole(phone) and phone.is_checked("#mirror")
    phone.click("#record")
    phone.get_by_text(
        re.compile(r"Recording: [1-9]\d* s of at most 300 s")
    ).wait_for()  # a busy machine may leave one out
    other = "document.querySelector('#other-camera')"
    assert phone.evaluate(f"{other}.click(), {other}.disabled")  # at once: a second tap does nothing
    phone.wait_for_selector("#other-camera:enabled")
    assert not phone.is_checked("#mirror")
    asked = json.loads(
        phone.evaluate("JSON.stringify(asked.map(({audio, video}) => audio ? 'sound' : video.facingMode))")
    )
    assert asked == ["user", "sound", "environment"]
    assert len(swapped_frames(phone, 3)) == 3  # it goes on

    phone.evaluate("hide(true)")
    phone.wait_for_timeout(600)  # what was under way is shown
    assert len(set(swapped_frames_now(phone))) == 1
    assert phone.evaluate("streams.at(-1).getTracks().every(({enabled}) => !enabled)")
    phone.evaluate("hide(false)")
    assert len(swapped_frames(phone, 3)) == 3

    phone.set_viewport_size(ACROSS)
    assert is_whole(phone)
    phone.wait_for_function(  # the picture comes into view by itself
        "() => { const {top, bottom} = document.querySelector('#result').getBoundingClientRect(); return top >= 0 && bottom <= innerHeight; }"
    )
    phone.click("#record")
    phone.wait_for_selector("#clip:visible")
    with phone.expect_download() as download:
        phone.click("#clip")
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    phone.click("#camera")
    assert phone.evaluate(
        "streams.every((stream) => stream.getTracks().every(({readyState}) => readyState === 'ended'))"
    )
    assert file.stem == "ai-face-swap"
    report = verify_file(file)
    assert report.metadata.found and report.metadata.model == "student"
    assert is_tagged(file) == (file.suffix == ".webm")  # an MP4 says it in a box
    with open_media(file) as clip:
        assert len(clip.streams.video) == len(clip.streams.audio) == 1
        assert clip.duration > 1e6
        frames = list(clip.decode(video=0))
    assert len(frames) > 3
    label = frames[-1].to_ndarray(format="rgb24")[-40:, -140:]
    assert label.mean() < 110 and label.max() > 180  # grey ground, darkened; white letters


def swapped_frames_now(page: Any) -> list[str]:
    """What the canvas shows now and a little later."""
    code = "() => document.querySelector('#result').toDataURL('image/jpeg', 0.5).slice(-400)"
    first = page.evaluate(code)
    page.wait_for_timeout(1300)
    return [first, page.evaluate(code)]
