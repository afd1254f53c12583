"""From our errors to what a visitor reads."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.requests import Request

from mobilefaceswap_core.errors import SwapError
from mobilefaceswap_core.runtime.memory import is_out_of_memory

from .gate.callers import network_of
from .keeping import output_folder
from .texts import LANGUAGES, language_of, say
from .texts.errors import in_language

_log = logging.getLogger(__name__)
AnyRequest = gr.Request | Request  # of Gradio's events, and of a route of our own


def language(request: AnyRequest | None) -> str:
    """The visitor's language."""
    headers = getattr(request, "headers", None)
    return language_of(headers.get("accept-language")) if headers else LANGUAGES[0]


def visitor(request: AnyRequest | None) -> str:
    """What tells visitors apart whose jobs are stopped: the session, or the address for callers without one."""
    client = getattr(request, "client", None)
    return str(getattr(request, "session_hash", None) or getattr(client, "host", "local"))


def caller(request: AnyRequest | None) -> str:
    """What tells visitors apart for the rate limit: the address. A session is chosen by its caller, anew for each call.

    The address is the one that the gate settled on; behind a proxy that the host trusts, the visitor's.
    """
    host = getattr(getattr(request, "client", None), "host", None)
    return network_of(str(host)) if host else visitor(request)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, as a handler needs to know it.

    Attributes:
        language: of messages, one of :data:`~demo.texts.LANGUAGES`.
        session: tells visitors apart whose jobs are stopped.
        caller: tells visitors apart for the rate limit.
    """

    language: str = LANGUAGES[0]
    session: str = "local"
    caller: str = "local"

    @classmethod
    def of(cls, request: AnyRequest | None) -> Visit:
        """The visit that a request belongs to."""
        return cls(language(request), visitor(request), caller(request))


def without_folders(text: str) -> str:
    """A message with the names of a visitor's files, and not where the host keeps them."""
    for folder in (get_upload_folder(), str(output_folder())):
        text = re.sub(re.escape(folder.rstrip("/")) + r"/(?:[^\s:,;]*/)?", "", text)
    return text


def spoken_error(error: Exception, handler: str, words: str) -> gr.Error:
    """What a visitor is shown: our own errors as they are, everything else as one friendly sentence, logged with its cause.

    Args:
        error: that a handler ended with.
        handler: its name, for the log.
        words: the visitor's language.
    """
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, SwapError):
        text = in_language(without_folders(str(error)), words)
    elif is_out_of_memory(error):
        text = say("error_memory", words)
    else:
        _log.error("unexpected error in %s", handler, exc_info=error)
        text = say("error_unexpected", words)
    return gr.Error(text, title=say("error_title", words), print_exception=False)
