"""The endpoint for clips: what a program asks for about the result reaches what writes it, or is refused at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.utils import get_upload_folder

from demo.endpoints import swap_video
from demo.messages import Visit
from demo.work.clips import SwappedClip, Writing
from demo.work.services import Services
from mobilefaceswap_core.errors import OptionError, VideoError
from tests.fakes import clips
from tests.fakes.painted import GREY, painted_engine, squares

VISIT = Visit(session="me")


@pytest.fixture
def files() -> dict[str, Any]:
    folder = Path(get_upload_folder()) / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    photo = squares(folder / "photo.png", GREY)
    clip = clips.write_clip(folder / "clip.mp4", clips.portrait_frames(3))
    return {"source": gr.FileData(path=str(photo)), "target": gr.FileData(path=str(clip))}


def asked(files: dict[str, Any], **wanted: Any) -> list[Writing]:
    """What the endpoint asks for of the result."""
    seen: list[Writing] = []

    def swap_clip(*_: Any, writing: Writing, **__: Any) -> Iterator[SwappedClip]:
        seen.append(writing)
        return iter(())

    services = replace(Services.of(painted_engine()), swap_clip=swap_clip)
    with pytest.raises(VideoError, match="without a result"):
        swap_video(services, VISIT, **files, consent=True, **wanted)
    return seen


def test_quality_size_and_sound_reach_what_writes_the_clip(files: dict[str, Any]) -> None:
    assert asked(files) == [Writing()]
    wanted = {"quality": "small", "size": "480", "sound": False, "deinterlace": True}
    assert asked(files, **wanted) == [Writing(**wanted)]


@pytest.mark.parametrize("wanted", [{"quality": "finest"}, {"size": "1080"}, {"sound": "no"}, {"deinterlace": 1}])
def test_what_is_not_offered_is_refused_before_the_clip_is_read(files: dict[str, Any], wanted: dict[str, Any]) -> None:
    services = replace(Services.of(painted_engine()), swap_clip=lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(OptionError):
        swap_video(services, VISIT, **files, consent=True, **wanted)
