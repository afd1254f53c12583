"""The Video tab's answers, without a browser; what swaps frames is a fake that says what it was given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from demo.examples.clips import example_clips
from demo.examples.pairs import portraits
from demo.handlers.trim import control_of, part_of, start_of, wanted_part
from demo.handlers.video import forget, halt, look, measure, preview, swap
from demo.messages import Visit
from demo.work.clips import SwappedClip, SwappedFrame
from demo.work.services import Services
from mobilefaceswap_core.errors import Cancelled, OptionError, VideoError
from mobilefaceswap_core.video import WHOLE, Part, Person, VideoEvent
from tests.fakes.painted import painted_engine

VISIT = Visit(session="me")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two seconds of 64 x 48."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=10, options={"g": "5"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            output.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        output.mux(video.encode())
    return str(path)


def person(index: int) -> Person:
    return Person(index, np.zeros((224, 224, 3), np.uint8), 0, 0.5, np.eye(512, dtype=np.float32)[index])


def no_frame(*_: Any, **__: Any) -> SwappedFrame:
    return SwappedFrame(Path("first.png"), None)


def services(**fakes: Any) -> Services:
    return replace(Services.of(painted_engine(max_video_seconds=10)), **({"swap_first_frame": no_frame} | fakes))


def inputs(**changes: Any) -> dict[str, Any]:
    """What the tab holds before anything was touched."""
    empty = dict.fromkeys(("source", "person_b", "person_c", "person_d", "clip"))
    writing = {"quality": "best", "size": "original", "sound": True, "deinterlace": False}
    chosen = {"trim": None, "found": [], "assignment": {}, "model": "student", "choices": {}, "consented": True,
              "previewed": None}  # fmt: skip
    return empty | writing | chosen | changes


def control(start: object, end: object, length: object = 2.0) -> dict[str, Any]:
    return {"start": start, "end": end, "length": length, "from": "Start", "to": "End"}


def test_without_consent_nothing_is_done_or_shown(clip: str) -> None:
    assert list(swap(services(), VISIT, **inputs(source="a.png", clip=clip, consented=False))) == [{}]


def test_people_are_numbered_from_one_in_words_and_labels(clip: str) -> None:
    shown = look(services(people_of=lambda *_: [person(0), person(1)]), VISIT, clip=clip)
    assert "1: in 50% of the frames; 2: in 50% of the frames" in shown["people_status"]
    assert [label for _, label in shown["people"]["value"]] == ["1", "2"]
    assert shown["assignment"] == {0: "A", 1: "A"}


def test_a_clip_without_people_says_so_and_shows_none(clip: str) -> None:
    shown = look(services(people_of=lambda *_: []), VISIT, clip=clip)
    assert "Nobody was found" in shown["people_status"] and shown["found"] == []


def test_another_clip_forgets_the_people_of_the_one_before() -> None:
    shown = forget(services(), VISIT)
    assert (shown["found"], shown["assignment"], shown["people"]["visible"]) == ([], {}, False)
    assert not shown["trim"]["visible"]


def test_each_person_gets_the_photos_chosen_for_them(clip: str) -> None:
    given: dict[str, Any] = {}

    def swap_clip(engine: Any, sources: Any, path: Any, **rest: Any) -> Iterator[VideoEvent]:
        given.update(sources=sources, path=path, **rest)
        yield VideoEvent("swap", 5, 20, 10.0, 1.5, None)

    people = [person(0), person(1), person(2)]
    steps = swap(services(swap_clip=swap_clip), VISIT, **inputs(
        source="a.png", person_b="b.png", clip=clip, found=people, assignment={0: "B", 1: "-", 2: "A"}
    ))  # fmt: skip
    first, frame, second = list(steps)
    assert "Getting ready" in first["progress"] and first["result"] is None and frame["preview"] is None
    assert "Swapping: 5 of 20 frames" in second["progress"] and set(second) == {"progress"}
    assert given["sources"] == {0: ["b.png"], 2: ["a.png"]} and given["people"] == people and given["path"] == clip
    assert given["writing"].sound


def test_a_stopped_clip_says_so_and_leaves_no_job(clip: str) -> None:
    def swap_clip(*_: Any, stop: Any, **__: Any) -> Iterator[VideoEvent]:
        yield VideoEvent("swap", 1, 20, 10.0, 1.9, None)
        assert stop.is_set()
        raise Cancelled("Stopped.")

    shop = services(swap_clip=swap_clip)
    steps = swap(shop, VISIT, **inputs(source="a.png", clip=clip))
    next(steps), next(steps), next(steps)
    assert "Stopped" in halt(shop, VISIT)["status"]
    assert "Nothing was kept" in list(steps)[-1]["status"]
    assert len(shop.jobs) == 0
    assert halt(shop, VISIT)["status"] == ""


def test_closing_the_answer_ends_its_job(clip: str) -> None:
    def swap_clip(*_: Any, **__: Any) -> Iterator[VideoEvent | SwappedClip]:
        while True:
            yield VideoEvent("swap", 1, 20, 10.0, 1.9, None)

    shop = services(swap_clip=swap_clip)
    steps = swap(shop, VISIT, **inputs(source="a.png", clip=clip))
    next(steps), next(steps), next(steps)
    assert len(shop.jobs) == 1
    steps.close()
    assert len(shop.jobs) == 0


@pytest.mark.parametrize(("start", "end"), [(2.0, 1.0), (1.0, 1.0), (5.0, 0.0)])
def test_a_trim_that_holds_nothing_is_refused(clip: str, start: float, end: float) -> None:
    with pytest.raises(OptionError, match="must lie after its start"):
        part_of(painted_engine(), clip, start, end, "en")


@pytest.mark.parametrize(
    "said",
    [control(1.5, 0.5), control("0", 1), control(float("nan"), 1), control(-1, 1), control(True, 1), {"start": 1}, [0, 1], "x"],
)  # fmt: skip
def test_a_control_that_says_no_part_is_refused(said: Any) -> None:
    with pytest.raises(OptionError, match="must lie after its start"):
        wanted_part(said, "en")


def test_the_control_says_which_part_and_its_end_is_the_clips(clip: str) -> None:
    assert (
        wanted_part(None, "en") == wanted_part(control(0, 2.0), "en") == wanted_part(control(0, 1.96), "en") == (0, 0)
    )
    assert wanted_part(control(0.5, 1.5), "en") == (0.5, 1.5) and wanted_part(control(0.5, 2.0), "en") == (0.5, 0)
    shown = measure(services(), VISIT, clip=clip)["trim"]
    assert shown["visible"] and shown["value"]["length"] == pytest.approx(2.0, abs=0.11)
    assert wanted_part(shown["value"], "en") == (0, 0)
    assert not control_of(0.4, "en")["visible"] and measure(services(), VISIT, clip=None) == {}


def test_a_clip_that_is_too_long_can_still_be_trimmed(clip: str) -> None:
    strict = Services.of(painted_engine(max_video_seconds=1))
    assert measure(strict, VISIT, clip=clip)["trim"]["visible"]
    assert start_of(strict.engine, clip, 0.0, 0.0, "en") == Part(0.0, 0.5)
    assert start_of(strict.engine, clip, 1.0, 0.0, "en") == Part(1.0, 1.5)


def test_the_first_frame_is_there_once_face_and_clip_are(clip: str, photo: str) -> None:
    def asked(**changes: Any) -> dict[str, Any]:
        given = inputs(source=photo, clip=clip) | changes
        wanted = ("source", "clip", "trim", "assignment", "model", "choices", "previewed", "consented")
        return preview(services(swap_first_frame=seen), VISIT, **{name: given[name] for name in wanted})

    def seen(engine: Any, source: str, path: Any, *, part: Part, **rest: Any) -> SwappedFrame:
        asked_for.append(part.start_s)
        return SwappedFrame(Path(photo), Path(photo))

    asked_for: list[Any] = []
    for missing in ({"source": None}, {"clip": None}, {"consented": False}, {"assignment": {0: "A", 1: "B"}}):
        assert asked(**missing)["preview"] is None
    assert asked_for == []
    made = asked()
    assert made["preview"]["value"] == (photo, photo) and asked_for == [0.0]
    again = asked(previewed=made["previewed"])  # the new face and the new clip both ask
    assert again["preview"]["value"] == (photo, photo) and len(asked_for) == 1
    assert asked(previewed=(made["previewed"][0], None)) == {}  # the clip itself is shown
    asked(trim=control(1.0, 2.0))
    assert asked_for[-1] == 1.0


def test_what_the_page_offers_needs_no_consent(clip: str) -> None:
    def swap_clip(*_: Any, **__: Any) -> Iterator[VideoEvent]:
        yield VideoEvent("swap", 1, 20, 10.0, 1.9, None)

    face, example = portraits()[0], example_clips()[0]
    shop = services(swap_clip=swap_clip)
    assert len(list(swap(shop, VISIT, **inputs(source=face, clip=example, consented=False)))) == 3
    assert list(swap(shop, VISIT, **inputs(source=face, clip=clip, consented=False))) == [{}]


def test_a_clip_that_is_not_trimmed_is_used_whole(clip: str) -> None:
    assert part_of(painted_engine(), clip, 0.0, 0.0, "en") is WHOLE
    assert part_of(painted_engine(), clip, 0.0, 1.0, "en") == Part(0.0, 1.0)


def test_the_part_that_was_asked_for_is_what_is_swapped(clip: str) -> None:
    given: dict[str, Any] = {}

    def swap_clip(engine: Any, sources: Any, path: Any, **rest: Any) -> Iterator[VideoEvent]:
        given.update(path=path, **rest)
        yield VideoEvent("swap", 1, 2, 1.0, 1.0, None)

    list(swap(services(swap_clip=swap_clip), VISIT, **inputs(source="a.png", clip=clip, trim=control(0.5, 1.5))))
    assert (given["path"], given["part"]) == (clip, Part(0.5, 1.5))


def test_a_clip_over_the_limit_is_refused(clip: str) -> None:
    strict = Services.of(painted_engine(max_video_seconds=1))
    with pytest.raises(VideoError, match="at most 1 are allowed"):
        look(strict, VISIT, clip=clip)


def test_without_a_clip_or_a_photo_it_says_which(clip: str) -> None:
    with pytest.raises(OptionError, match="Add the clip"):
        look(services(), VISIT, clip=None)
    with pytest.raises(OptionError, match="Add the clip"):
        list(swap(services(), VISIT, **inputs(source="a.png")))
    with pytest.raises(OptionError, match="face to use"):
        list(swap(services(), VISIT, **inputs(clip=clip)))
