"""The live camera's picture through the one reader of photos; Gradio's own hands it to every plug-in of Pillow."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.types import Image


def read_as_photos(camera: gr.Image, *, max_pixels: int) -> gr.Image:
    """Have a component read its pictures as everything else does.

    Args:
        camera: takes pictures from a camera; its handler is then given ``(H, W, 3)`` RGB uint8 or ``None``.
        max_pixels: of one picture.
    """

    def preprocess(payload: Any) -> Image | None:
        try:
            return picture_of(payload, max_pixels=max_pixels)
        except ImageError as error:
            raise gr.Error(str(error), print_exception=False) from error

    camera.preprocess = preprocess  # type: ignore[method-assign, assignment]
    return camera


def picture_of(payload: Any, *, max_pixels: int) -> Image | None:
    """The picture that a browser sent.

    Args:
        payload: Gradio's ``ImageData``: the file itself in ``url``, as text, or an upload's ``path``; ``None`` without one.
        max_pixels: of it.

    Raises:
        ImageError: it is none, or too large.
    """
    if payload is None:
        return None
    url = payload.url or ""
    if not url.startswith("data:"):
        if not payload.path:
            raise ImageError("The camera sent no picture; wanted one. Start the camera again.")
        return read_image(payload.path, max_pixels=max_pixels).image
    try:
        data = base64.b64decode(url.partition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError("The camera's picture is no base64 text; wanted a JPEG, PNG or WebP as a data URL.") from error
    return read_image(data, max_pixels=max_pixels).image
