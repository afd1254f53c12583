"""From our errors to what a visitor reads."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from mobilefaceswap_core.errors import SwapError
from mobilefaceswap_core.runtime.memory import is_out_of_memory

from .gate.callers import network_of
from .keeping import output_folder
from .texts import LANGUAGES, language_of, say

_log = logging.getLogger(__name__)


def language(request: gr.Request | None) -> str:
    """The visitor's language."""
    headers = getattr(request, "headers", None)
    return language_of(headers.get("accept-language")) if headers else LANGUAGES[0]


def visitor(request: gr.Request | None) -> str:
    """What tells visitors apart whose jobs are stopped: the session, or the address for callers without one."""
    client = getattr(request, "client", None)
    return str(getattr(request, "session_hash", None) or getattr(client, "host", "local"))


def caller(request: gr.Request | None) -> str:
    """What tells visitors apart for the rate limit: the address. A session is chosen by its caller, anew for each call.

    The address is the one that the gate settled on; behind a proxy that the host trusts, the visitor's.
    """
    host = getattr(getattr(request, "client", None), "host", None)
    return network_of(str(host)) if host else visitor(request)


def plain_words(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Show our own errors as they are and everything else as one friendly sentence, logged with its cause.

    The handler, a function or a generator, must end with the parameter ``request: gr.Request``, which Gradio fills in.
    """
    if inspect.isgeneratorfunction(handler):

        @wraps(handler)
        def steps(*args: Any) -> Any:
            try:
                yield from handler(*args)
            except Exception as error:
                raise _spoken(error, handler, language(args[-1])) from error

        return steps

    @wraps(handler)
    def wrapped(*args: Any) -> Any:
        try:
            return handler(*args)
        except Exception as error:
            raise _spoken(error, handler, language(args[-1])) from error

    return wrapped


def without_folders(text: str) -> str:
    """A message with the names of a visitor's files, and not where the host keeps them."""
    for folder in (get_upload_folder(), str(output_folder())):
        text = re.sub(re.escape(folder.rstrip("/")) + r"/(?:[^\s:,;]*/)?", "", text)
    return text


def _spoken(error: Exception, handler: Callable[..., Any], words: str) -> gr.Error:
    """What a visitor is shown for an error."""
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, SwapError):
        text = without_folders(str(error))
    elif is_out_of_memory(error):
        text = say("error_memory", words)
    else:
        _log.error("unexpected error in %s", handler.__name__, exc_info=error)
        text = say("error_unexpected", words)
    return gr.Error(text, title=say("error_title", words), print_exception=False)
