"""The corpus: one row per situation that a clip or photo may be in, with what becomes of it.

A row says what somebody gives, how the test makes it, and what the result is to be. ``python -m tests.corpus`` writes the
rows as a page of the docs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import photos
from .clips import animation, make
from .situation import PLAIN, Situation, clip
from .situations_of_clips import CLIPS


def _animations() -> list[Situation]:
    rows = []
    for name, suffix in (("GIF", ".gif"), ("WEBP", ".webp"), ("PNG", ".apng"), ("AVIF", ".avif")):
        rows += [
            Situation(gives=f"a moving {suffix}, result .mp4", group="Animations and pictures", name=f"clip{suffix}",
                      make=partial(animation, name=name), rate=None),
        ]  # fmt: skip
        if suffix != ".avif":
            rows.append(
                Situation(gives=f"a moving, partly transparent {suffix}, result {suffix}", group="Animations and pictures",
                          name=f"clip{suffix}", make=partial(animation, name=name, alpha=True), out=f"out{suffix}", rate=None,
                          in_order=False, kept={"it is as transparent as before": photos.same_alpha})
            )  # fmt: skip
    rows += [
        Situation(gives="a moving PNG called .png", group="Animations and pictures", name="clip.png",
                  make=partial(animation, name="PNG"), rate=None),
        Situation(gives="a moving, partly transparent .webp, result pictures", group="Animations and pictures",
                  name="clip.webp", make=partial(animation, name="WEBP", alpha=True), out="frames", rate=None, in_order=False,
                  kept={"the pictures are as transparent as before": photos.same_alpha}),
        clip("an MP4 with sound, result .gif", "Animations and pictures", "clip.mp4", PLAIN.but(sound="aac"), out="out.gif",
             rate=None, notes=("sound cannot be stored",), in_order=False),
        clip("an MP4, result pictures", "Animations and pictures", "clip.mp4", PLAIN, out="frames", rate=None),
        clip("10 bits, result pictures", "Animations and pictures", "clip.mp4", PLAIN.but(pixel_format="yuv420p10le"),
             out="frames", rate=None, notes=("10 bits",)),
        clip("a transparent QuickTime animation, result the same", "Animations and pictures", "clip.mov",
             PLAIN.but(codec="qtrle", pixel_format="argb", alpha=True), out="out.mov", options=("--codec", "qtrle"),
             in_order=False, kept={"it is as transparent as before": photos.same_alpha}),
        clip("a transparent QuickTime animation, result .mp4", "Animations and pictures", "clip.mov",
             PLAIN.but(codec="qtrle", pixel_format="argb", alpha=True), notes=("no transparency",), in_order=False),
        Situation(gives="a folder of numbered pictures", group="Animations and pictures", name="frames",
                  make=photos.numbered_pictures),
        Situation(gives="a pattern of numbered pictures", group="Animations and pictures", name="frames/%03d.png",
                  make=lambda path: photos.numbered_pictures(path.parent)),
    ]  # fmt: skip
    return rows


def _photos() -> list[Situation]:
    def photo(gives: str, name: str, make: Callable[[Path], Any], out: str, **more: Any) -> Situation:
        return Situation(gives=gives, group="Photos", name=name, make=make, command="image", out=out, frames=1, **more)

    plain = [
        photo(f"a {suffix}, result {suffix}", f"photo{suffix}", photos.photo, f"out{suffix}")
        for suffix in (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff")
    ]
    plain += [
        photo(f"a {suffix}, result .png", f"photo{suffix}", photos.photo, "out.png")
        for suffix in (".gif", ".avif", ".jp2", ".ppm", ".mpo")
    ]
    return [
        *plain,
        photo("16 bits a colour, .png", "photo.png", photos.deep, "out.png", kept={"all 16 bits are there": photos.same_depth}),
        photo("16 bits a colour, .tif", "photo.tif", photos.deep, "out.tif", kept={"all 16 bits are there": photos.same_depth}),
        photo("16 bits a colour, result .jpg", "photo.tif", photos.deep, "out.jpg", notes=("16 bits",)),
        photo("a grey photo", "photo.png", partial(photos.photo, mode="L"), "out.png", in_order=False),
        photo("a photo in inks (CMYK)", "photo.jpg", partial(photos.photo, mode="CMYK"), "out.jpg", in_order=False),
        photo("a photo in inks, result .png", "photo.jpg", partial(photos.photo, mode="CMYK"), "out.png", notes=("inks",), in_order=False),
        photo("a palette", "photo.png", partial(photos.photo, mode="P"), "out.png"),
        photo("transparency, result .jpg", "photo.png", partial(photos.photo, mode="RGBA"), "out.jpg", notes=("transparency",), in_order=False),
        photo("transparency, result .webp", "photo.png", partial(photos.photo, mode="RGBA"), "out.webp",
              kept={"it is as transparent as before": photos.same_alpha}, in_order=False),
        photo("date, camera and resolution", "photo.jpg", photos.with_facts, "out.jpg",
              notes=("where it was taken",), kept={"date, camera and resolution are there": photos.same_facts,
                                                  "the place is gone": photos.photo_has_no_place}),
        photo("the same, result .png", "photo.jpg", photos.with_facts, "out.png", notes=("where it was taken",),
              kept={"date, camera and resolution are there": photos.same_facts}),
        photo("the same, asked to keep everything", "photo.jpg", photos.with_facts, "out.jpg", options=("--keep-personal",),
              kept={"the place is there": lambda a, b: not photos.photo_has_no_place(a, b)}),
        photo("date and camera, result .bmp", "photo.jpg", photos.with_facts, "out.bmp", notes=("date and camera", "where it was taken")),
        photo("texts of another program in a .png", "photo.png", photos.with_texts, "out.png", notes=("texts",)),
        photo("a TIFF of three pages", "photo.tif", photos.pages, "out.tif", notes=("3 pages",)),
        photo("an animation given to `image`", "photo.gif", partial(animation, name="GIF"), "out.png", notes=("10 pictures",)),
        photo("a clip given to `image`", "clip.mp4", lambda path: make(path, PLAIN), "out.png", refused="video --target", code=2),
        photo("an HTML page called .jpg", "photo.jpg", lambda path: path.write_bytes(b"<html>no photo</html>"), "out.png",
              refused="not an image", code=4),
        photo("an empty file", "photo.jpg", lambda path: path.write_bytes(b""), "out.png", refused="0 bytes", code=4),
    ]  # fmt: skip


def _names() -> list[Situation]:
    odd = ["100%.mp4", "%d.mp4", "%05d.mp4", "a#b.mp4", "what?.mp4", "[draft] (1).mp4", "it's \"mine\".mp4", "-dash.mp4",
           "two\nlines.mp4", "carriage\rreturn.mp4", "a:b.mp4", "file:x.mp4", "concat:a|b.mp4", "späte ﬁlme 片.mp4", " .mp4",
           "UPPER.MP4", "a" * 120 + ".mp4", "pipe:0.mp4", "$HOME.mp4", "~.mp4"]  # fmt: skip
    rows = [clip(f"a clip called {name!r}", "Names", name, PLAIN) for name in odd]
    rows += [
        clip(f"a result called {name!r}", "Names", "clip.mp4", PLAIN, out=name)
        for name in ("100%.mp4", "%d.mp4", "a#b?.mp4", "two\nlines.mp4", "a:b.mp4", "-dash.mp4")
    ]
    rows += [
        Situation(gives=f"a photo called {name!r}", group="Names", name=name, make=photos.photo, command="image",
                  out="out.png", frames=1)
        for name in ("%05d.png", "a#b?.png", "two\nlines.png", "[x].png")
    ]  # fmt: skip
    return rows


def _damage() -> list[Situation]:
    whole = PLAIN.but(codec_options={"g": "1"}, sound="")
    return [
        Situation(gives="an MP4 that was cut off in recording", group="Damage", name="clip.mp4",
                  make=partial(photos.cut, recipe=whole, part=0.6), refused="index is missing", code=8),
        Situation(gives="a Matroska file that breaks off", group="Damage", name="clip.mkv",
                  make=partial(photos.cut, recipe=whole, part=0.7), frames=-1, notes=("cut off",), rate=None),
        Situation(gives="a text called .mp4", group="Damage", name="clip.mp4",
                  make=lambda path: path.write_text("no clip"), refused="no kind that is read here", code=8),
        Situation(gives="an empty clip", group="Damage", name="clip.mp4", make=lambda path: path.write_bytes(b""),
                  refused="0 bytes", code=8),
        Situation(gives="a photo given to `video`", group="Damage", name="photo.jpg", make=photos.photo,
                  refused="image --target", code=2),
        Situation(gives="a playlist called .mp4", group="Damage", name="clip.mp4",
                  make=lambda path: path.write_text("#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n"), refused="cannot be opened", code=8),
        Situation(gives="a result of an unknown kind", group="Damage", name="clip.mp4", make=lambda path: make(path, PLAIN),
                  out="out.txt", refused="cannot write .txt", code=2),
        clip("an encoder that the container cannot hold", "Damage", "clip.mp4", PLAIN, out="out.webm",
             options=("--codec", "libx264"), refused="cannot hold libx264", code=2),
    ]  # fmt: skip


SITUATIONS: tuple[Situation, ...] = (
    *CLIPS, *_animations(), *_photos(), *_names(), *_damage(),
)  # fmt: skip
