"""Put the page together and start it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image as PillowImage
from starlette.middleware import Middleware

from mobilefaceswap_core.files.images import forget_other_formats

from . import endpoints
from .browser import serve
from .engine import Engine
from .evaluating import public_files
from .gate import Gate
from .jobs import Jobs
from .keeping import keeping, output_folder
from .messages import visitor
from .settings import Settings
from .tabs import about, browser, compare, evaluate, image, live, verify, video
from .tabs.context import Context
from .texts import LANGUAGES, consent_words, load_texts, say

_HERE = Path(__file__).parent
# Gradio gives the pictures of examples no text for screen readers; their file names say what they show.
_NAME_EXAMPLES = """() => {
    const name = () => document.querySelectorAll('#examples img, #compare-examples img').forEach(img => {
        if (!img.alt) img.alt = decodeURIComponent(img.src).split('/').pop().replace(/\\.\\w+$/, '').replace(/_/g, ' ');
    });
    name();
    new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
}"""
EXAMPLES = _HERE / "examples" / "portraits"


def translations(settings: Settings) -> gr.I18n:
    """All texts for Gradio to choose from in the browser, host's values filled in."""
    values = {
        "minutes": settings.keep_minutes,
        "megapixels": settings.max_megapixels,
        "mb": settings.max_upload_mb,
    }
    seconds = {"clip_hint": settings.max_video_seconds, "live_hint": settings.live_seconds}
    filled = {"subtitle", "target_hint", "evaluate_hint", *seconds}
    return gr.I18n(
        **{
            language: {
                key: text.format(**values, seconds=seconds.get(key)) if key in filled else text
                for key, text in load_texts(language).items()
            }
            | {
                "consent": f"### {say('consent_title', language)}\n\n{consent_words(language)}",
                "about": about.about_words(language),
            }
            for language in LANGUAGES
        }
    )


def build_demo(settings: Settings, engine: Engine | None = None) -> tuple[gr.Blocks, gr.I18n]:
    """The page and its translations; loads no model.

    Args:
        settings: the host's.
        engine: to share with a caller, as the tests do.
    """
    words = translations(settings)
    keep_s = 60 * settings.keep_minutes
    with gr.Blocks(
        title="MobileFaceSwap", analytics_enabled=False, delete_cache=(min(600, keep_s), keep_s), fill_width=False
    ) as demo:
        context = Context(engine or Engine(settings), settings, gr.State(False), words, Jobs())
        examples = image.example_pairs(EXAMPLES)
        gr.Markdown(f"# {load_texts(LANGUAGES[0])['title']}", elem_id="title")
        gr.Markdown(words("subtitle"), elem_id="subtitle")
        with gr.Tabs():
            with gr.Tab(words("tab_image"), id="image"):
                image.build(context, examples)
            with gr.Tab(words("tab_video"), id="video"):
                video.build(context)
            with gr.Tab(words("tab_live"), id="live"):
                live.build(context)
            with gr.Tab(words("tab_browser"), id="browser"):
                browser.build(context)
            with gr.Tab(words("tab_compare"), id="compare"):
                compare.build(context, examples)
            with gr.Tab(words("tab_evaluate"), id="evaluate"):
                evaluate.build(context)
            with gr.Tab(words("tab_verify"), id="verify"):
                verify.build(context)
            with gr.Tab(words("tab_about"), id="about"):
                about.build(context)
        endpoints.add(context)
        demo.load(None, None, None, js=_NAME_EXAMPLES)

        def leave(request: gr.Request) -> None:
            context.jobs.stop(visitor(request))

        demo.unload(leave)
    demo.queue(max_size=settings.queue_size, default_concurrency_limit=settings.concurrency)
    return demo, words


def launch(settings: Settings, **where: Any) -> None:
    """Start the server and serve until stopped.

    Args:
        settings: the host's.
        where: ``server_name``, ``server_port``, ``share``, as Gradio takes them.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # Gradio decodes the camera's pictures itself; Pillow refuses twice this number of pixels with an error.
    PillowImage.MAX_IMAGE_PIXELS = settings.max_pixels // 2
    forget_other_formats()
    engine = Engine(settings)
    if settings.audit or settings.blocklist:
        engine.rules()  # a host whose rules cannot be kept should know before the first visitor comes
    demo, words = build_demo(settings, engine)
    demo.launch(**launch_options(settings, words), **where)


def launch_options(settings: Settings, words: gr.I18n) -> dict[str, Any]:
    """Everything of a launch but the address."""
    return {
        "i18n": words,
        "theme": gr.themes.Soft(primary_hue="emerald", neutral_hue="slate", font=["system-ui", "sans-serif"]),
        "css_paths": [_HERE / "style.css"],
        "max_file_size": settings.max_bytes,
        "allowed_paths": [str(output_folder()), *map(str, public_files(settings))],
        "auth": settings.login,
        "footer_links": ["api", "settings"],
        "run_history": False,
        "show_error": True,
        "mcp_server": settings.mcp,
        "ssr_mode": False,
        "app_kwargs": {
            "routes": serve.routes(settings),
            "middleware": [Middleware(Gate)],
            "lifespan": keeping(60 * settings.keep_minutes),
        },
        "quiet": True,
    }
