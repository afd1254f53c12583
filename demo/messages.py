"""From our errors to what a visitor reads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import SwapError

from .texts import LANGUAGES, language_of, say

_log = logging.getLogger(__name__)


def language(request: gr.Request | None) -> str:
    """The visitor's language."""
    headers = getattr(request, "headers", None)
    return language_of(headers.get("accept-language")) if headers else LANGUAGES[0]


def visitor(request: gr.Request | None) -> str:
    """What tells visitors apart for the rate limit: the session, or the address for callers without one."""
    client = getattr(request, "client", None)
    return str(getattr(request, "session_hash", None) or getattr(client, "host", "local"))


def plain_words(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Show our own errors as they are and everything else as one friendly sentence, logged with its cause.

    The handler's last parameter must be ``request: gr.Request``, which Gradio fills in.
    """

    @wraps(handler)
    def wrapped(*args: Any) -> Any:
        words = language(args[-1])
        try:
            return handler(*args)
        except gr.Error:
            raise
        except SwapError as error:
            raise gr.Error(str(error), title=say("error_title", words), print_exception=False) from error
        except Exception as error:
            _log.exception("unexpected error in %s", handler.__name__)
            raise gr.Error(
                say("error_unexpected", words), title=say("error_title", words), print_exception=False
            ) from error

    return wrapped
