"""Applying the layers: to pixels before a file is written, and to the file afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..blend.memory import KeptMark
from ..errors import BackendError, OptionError, OutputError, SwapError, VideoError
from ..faces.geometry import side_in_frame
from ..files.atomic import hidden_name, written_whole
from ..files.formats import format_of
from ..files.images import LoadedImage, check_image, write_image
from ..types import Image, Mask, Matrix
from .badge import draw_badge
from .carriers import MARK_CROP, format_of_version
from .metadata import append_xmp_box, clip_tags, embed_metadata, is_tagged, metadata_text, read_metadata, tag_clip
from .watermark import embed_again, embed_crop, embed_frame, format_for, payload_for, video_strength


@dataclass(frozen=True, slots=True)
class MarkOptions:
    """Which layers a result carries.

    Attributes:
        metadata: say in the file's metadata that it is AI-modified, by which software and model.
        watermark: hide a mark in each swapped face.
        credentials: sign a C2PA content credential.
        badge: draw a small visible label.
    """

    metadata: bool = True
    watermark: bool = True
    credentials: bool = True
    badge: bool = False


UNMARKED = MarkOptions(metadata=False, watermark=False, credentials=False)


@dataclass(frozen=True, slots=True)
class MarkReport:
    """Which marks a file carries.

    Attributes:
        applied: layers now in the file.
        left_out: by layer, why it could not be applied; a layer that was switched off is in neither.
    """

    applied: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def mark_crop(crop: Image, mask: Mask, side_px: float, *, model: str, moving: bool = False) -> Image:
    """Hide the mark in a swapped crop before paste back; what the last stage of finishing a crop calls.

    Args:
        crop: ``(S, S, 3)`` RGB uint8, aligned by a similarity to the ``arcface`` template.
        mask: ``(S, S)``, the weight it will be pasted with.
        side_px: of the crop in the frame, which says in which format it is marked; small faces are marked louder in clips.
        model: name of the swapper.
        moving: a higher strength without a search: faster, and video codecs take more away than JPEG does.
    """
    form = format_for(side_px, moving=moving)
    strength = video_strength(side_px, form) if moving else None
    return embed_crop(crop, mask, payload=payload_for(model, form), strength=strength, side_px=side_px)


def mark_next_crop(
    crop: Image, mask: Mask, side_px: float, before: KeptMark | None, *, model: str
) -> tuple[Image, KeptMark]:
    """:func:`mark_crop` for the next frame of a clip: a face keeps its format, and its pattern while it looks the same.

    Args:
        crop: as there.
        mask: as there.
        side_px: as there.
        before: what this function gave for the face in the frame before, if there was one.
        model: as there.

    Returns:
        A new crop, and what to give for the next frame.
    """
    form = format_for(side_px, moving=True, before=None if before is None else format_of_version(before.payload >> 12))
    strength = video_strength(side_px, form)
    return embed_again(crop, mask, before, payload=payload_for(model, form), strength=strength)


def apply_pixels(
    image: Image,
    faces: Sequence[Matrix] | None,
    options: MarkOptions = MarkOptions(),
    *,
    model: str,
    masks: Sequence[Mask] | None = None,
    moving: bool = False,
) -> Image:
    """Watermark and badge on a finished frame.

    Args:
        image: ``(H, W, 3)`` RGB uint8; not changed.
        faces: ``crop_from_frame`` of each swapped face, to a 224 crop of the ``arcface`` template; ``None`` when the
            mark went in at crop level (:func:`mark_crop`) or no face was swapped.
        options: see :class:`MarkOptions`.
        model: name of the swapper.
        masks: ``(224, 224)`` per face: where it was swapped, so that other pixels stay bit for bit.
        moving: a higher strength without a search: video codecs take more away than JPEG does.

    Returns:
        A new image, or ``image`` itself when there is nothing to do.
    """
    image = check_image(image)
    if options.watermark and faces:
        for number, crop_from_frame in enumerate(faces):
            mask = None if masks is None else masks[number]
            side_px = side_in_frame(crop_from_frame, MARK_CROP.size_px)
            form = format_for(side_px, moving=moving)
            payload, strength = payload_for(model, form), video_strength(side_px, form) if moving else None
            image = embed_frame(image, crop_from_frame, payload=payload, mask=mask, strength=strength)
    return draw_badge(image) if options.badge else image


def save_image(
    path: str | os.PathLike[str],
    image: Image,
    *,
    model: str,
    options: MarkOptions = MarkOptions(),
    like: LoadedImage | None = None,
    quality: int = 95,
    personal: bool = False,
    version: str | None = None,
    title: str | None = None,
) -> MarkReport:
    """Write a swapped still: pixels, badge, metadata and credentials in one go; the file appears whole or not at all.

    Args:
        path: the extension chooses the format.
        image: ``(H, W, 3)`` RGB uint8. The watermark is expected in it already, where ``options`` asks for one: the
            pipeline hides it before it pastes a face, :func:`apply_pixels` in a finished picture.
        model: name of the swapper.
        options: see :class:`MarkOptions`.
        like: the photo it was made from; see :func:`~mobilefaceswap_core.files.images.write_image`.
        personal: as there.
        title: name in the credentials; the file's by default.

    Raises:
        OutputError: the file cannot be written.
    """
    path, version = Path(path), version or _version()
    row = format_of(path)
    has_room = row is not None and bool(row.statement)
    text = metadata_text(model=model, version=version) if options.metadata and has_room else None
    if personal and like is not None and has_room:
        text = {**like.text, **(text or {})}
    with written_whole(path) as part:
        shown = draw_badge(image) if options.badge else image
        write_image(part, shown, like, quality=quality, text=text, personal=personal)
        signed = finish_file(
            part, model=model, options=replace(options, metadata=False), version=version, title=title or path.name
        )
    applied = [*(["metadata"] if text else []), *signed.applied]
    left_out = dict(signed.left_out)
    if options.metadata and not has_room:
        left_out["metadata"] = f"{path.suffix} files have no place for it; write PNG, JPEG, WebP or TIFF."
    return MarkReport(tuple(applied), left_out)


def tags_of_clip(*, model: str, options: MarkOptions, version: str | None = None) -> dict[str, str]:
    """What a writer of clips puts into the container, so that :func:`finish_file` need not write the clip once more.

    Args:
        model: name of the swapper.
        options: without ``metadata`` there are none.
        version: of this package; the installed one by default.
    """
    return clip_tags(model=model, version=version or _version()) if options.metadata else {}


def finish_file(
    path: str | os.PathLike[str],
    *,
    model: str,
    options: MarkOptions = MarkOptions(),
    version: str | None = None,
    title: str | None = None,
) -> MarkReport:
    """Add metadata, then credentials, to an encoded file, in place and atomically.

    No pixel is decoded or changed. A layer that cannot be applied (package missing, format without room) is reported
    and does not stop the others. Credentials come last: whatever changes the file after them invalidates them.

    Args:
        path: PNG, JPEG, WebP, TIFF, GIF, MP4 or MOV; anything else gets what its format has room for.
        model: name of the swapper.
        version: of this package; the installed one by default.
        title: name in the credentials; the file's by default.

    Raises:
        OutputError: the file is not there or cannot be written.
    """
    path, version = Path(path), version or _version()
    if not path.is_file():
        raise OutputError(f"{path} does not exist; wanted a written image or clip to mark. Write it first.")
    from .credentials import sign, signing_key

    applied: list[str] = []
    left_out: dict[str, str] = {}
    parts = [hidden_name(path), hidden_name(path)]
    current = path
    try:
        if options.metadata:
            try:
                current = _with_metadata(path, parts[0], model, version)
                applied.append("metadata")
            except SwapError as error:
                left_out["metadata"] = str(error)
        if options.credentials:
            try:
                sign(current, parts[1], model=model, version=version, title=title or path.name, key=signing_key())
                current = parts[1]
                applied.append("credentials")
            except (BackendError, OptionError, OutputError) as error:
                left_out["credentials"] = str(error)
        if current is not path:
            os.replace(current, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be marked ({error}). Check permissions and free space.") from error
    finally:
        with contextlib.suppress(OSError):
            for part in parts:
                part.unlink(missing_ok=True)
    return MarkReport(tuple(applied), left_out)


def _with_metadata(path: Path, part: Path, model: str, version: str) -> Path:
    """Write a copy with metadata; the path of the file that has them."""
    row = format_of(path)
    statement = "" if row is None else row.statement
    if statement == "while writing" and read_metadata(path):  # write_image put it there
        return path
    if row is not None and row.muxer and not statement:
        raise OptionError(f"{row.name} has no place that readers know; write .mp4 or .mov for it.")
    if statement != "box":
        part.write_bytes(embed_metadata(path.read_bytes(), model=model, version=version))
        return part
    _copy_with_tags(path, part, model, version)
    append_xmp_box(part, model=model, version=version)
    return part


def _copy_with_tags(path: Path, part: Path, model: str, version: str) -> None:
    """Tags need the container rebuilt, unless its writer put them there; a clip that PyAV cannot copy keeps its own, and
    still gets XMP."""
    try:
        import av
    except ImportError:
        shutil.copyfile(path, part)
        return
    try:
        if is_tagged(path):
            shutil.copyfile(path, part)
        else:
            tag_clip(path, part, model=model, version=version)
    except (VideoError, av.FFmpegError, ValueError):
        shutil.copyfile(path, part)


def _version() -> str:
    from .. import __version__

    return __version__
