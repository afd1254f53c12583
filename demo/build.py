"""Put the page together and start it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from PIL import Image as PillowImage
from starlette.middleware import Middleware

from mobilefaceswap_core.files.opening import forget_other_formats

from . import card, endpoints, live_pictures
from .browser import serve
from .examples.clips import example_clips
from .examples.pairs import ASTRONAUT, EXAMPLES, example_pairs
from .gate import OnlyThroughTheGate, enclose
from .handlers.leave import leave
from .keeping import keeping, output_folder
from .settings import Settings
from .texts import LANGUAGES, load_texts, say
from .ui import about, across, browser, compare, evaluate, image, live, portraits, verify, video
from .ui.context import Context
from .ui.listen import answering
from .ui.words import translations
from .work.engine import Engine
from .work.evaluate import public_files
from .work.running import count_what_runs
from .work.services import Services

_HERE = Path(__file__).parent
# What Gradio leaves out for screen readers: a text for the pictures of examples, whose file names say what they show; a role
# for its sign of an empty place and for sentences that change; and for a place to drop a photo it says something else than
# what is written on it. Its rows of examples are for the mouse only. The title of an error is lost on its way: it looks for
# another name than the server writes.
_NAME_EVERYTHING = """() => {
    const failed = FAILED;
    const name = () => {
        document.querySelectorAll('.toast-title.error').forEach(title => {
            const words = failed[document.documentElement.lang] || failed.en;
            if (title.textContent.trim() === 'Error') title.textContent = words;
        });
        document.querySelectorAll('[id$=status]:not([role])').forEach(said => said.setAttribute('role', 'status'));
        document.querySelectorAll('[id$=examples] tbody tr:not([tabindex])').forEach(row => {
            row.tabIndex = 0;
            row.addEventListener('keydown', event => {
                if (event.key !== 'Enter' && event.key !== ' ') return;
                event.preventDefault();
                row.click();
            });
        });
        document.querySelectorAll('[id$=examples] img').forEach(img => {
            if (!img.alt) img.alt = decodeURIComponent(img.src).split('/').pop().replace(/\\.\\w+$/, '').replace(/_/g, ' ');
        });
        document.querySelectorAll('button.thumbnail-item[aria-label]').forEach(picture => {
            const caption = picture.innerText.trim();
            if (caption && picture.getAttribute('aria-label') !== caption) picture.setAttribute('aria-label', caption);
        });
        document.querySelectorAll('.empty[aria-label]:not([role])').forEach(sign => sign.setAttribute('role', 'img'));
        document.querySelectorAll('button.upload-container[aria-label]').forEach(place => place.removeAttribute('aria-label'));
    };
    name();
    new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
}""".replace(
    "FAILED", json.dumps({language: say("error_title", language) for language in LANGUAGES}, ensure_ascii=False)
)
# Gradio looks a thousand times a second whether something waits, and after each look Python's lock changes hands.
_QUEUE_LOOKS_S = 0.01
_FIRST_PORT = 7860  # Gradio's; it takes the next free one


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
        context = Context(Services.of(engine or Engine(settings)), gr.State(False), words)
        gr.Markdown(f"# {load_texts(LANGUAGES[0])['title']}", elem_id="title")
        gr.Markdown(words("subtitle"), elem_id="subtitle")
        demo.services = context.services  # for the route of the camera's pictures
        across.open_named(demo, _tabs(context))
        endpoints.add(context)
        for script in (_NAME_EVERYTHING, portraits.NAMES, image.HOLD, video.TOGETHER):
            demo.load(None, None, None, js=script)
        demo.unload(answering(leave, context.services, (), {}))
        count_what_runs(demo, settings.concurrency)
    # The gate counts places: clicks that wait for nothing take none. The rest is for calls that are past it already.
    demo.queue(max_size=settings.queue_size + 100, default_concurrency_limit=settings.concurrency, api_open=False)
    demo._queue.sleep_when_free = _QUEUE_LOOKS_S
    return demo, words


def _tabs(context: Context) -> gr.Tabs:
    examples = example_pairs(EXAMPLES)
    tabs: dict[str, Callable[[Context], Mapping[str, Any] | None] | None] = {
        "image": partial(image.build, examples=examples),
        "video": partial(video.build, clips=example_clips(context.settings.max_video_seconds)),
        "live": live.build,
        "browser": browser.build if serve.page_folder(context.settings) else None,
        "compare": partial(compare.build, examples=examples),
        "evaluate": evaluate.build,
        "verify": verify.build,
        "about": about.build,
    }
    with gr.Tabs() as row:
        for name, build in tabs.items():
            if build is None:  # what cannot work here is not shown
                continue
            with gr.Tab(context.words(f"tab_{name}"), id=name) as tab:
                given = build(context)
            across.follow(tab, name, given or {})
    return row


def launch(settings: Settings, **where: Any) -> None:
    """Start the server and serve until stopped.

    Args:
        settings: the host's.
        where: ``server_name``, ``server_port``, ``share``, as Gradio takes them.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # the server would believe whoever calls from this machine; see the gate
    # Whatever Gradio decodes itself: Pillow refuses twice this number of pixels with an error.
    PillowImage.MAX_IMAGE_PIXELS = settings.max_pixels // 2
    forget_other_formats()
    problem = with_page(settings)
    engine = Engine(settings)
    if settings.audit or settings.blocklist:
        engine.rules()  # a host whose rules cannot be kept should know before the first visitor comes
    demo, words = build_demo(settings, engine)
    engine.warm_up(ASTRONAUT)
    _, local, shared = demo.launch(**launch_options(settings, words), **where, prevent_thread_lock=True)
    for line in said_at_start(local, shared, wanted=where.get("server_port"), problem=problem):
        print(line, flush=True)  # whoever redirects it should not wait for a full buffer
    demo.block_thread()


def with_page(settings: Settings) -> str | None:
    """See that the page of the My browser tab is there, which takes a while the first time; why it is not, or ``None``."""
    if settings.browser_page == serve.OFF:
        return "MFS_BROWSER_PAGE says so."
    if serve.page_folder(settings) is not None:
        return None
    print("Building the My browser tab, which takes some ten seconds; this first time only.", flush=True)
    return serve.build_page()


def said_at_start(
    local: str, shared: str | None = None, *, wanted: int | None = None, problem: str | None = None
) -> list[str]:
    """The lines that ``python app.py`` prints: the address, and what is switched off.

    Args:
        local: address that the server got.
        shared: public link, if one was asked for.
        wanted: port that was asked for; the first of the usual ones if ``None``.
        problem: why there is no My browser tab.
    """
    port = urlsplit(local).port
    usual = int(os.environ.get("GRADIO_SERVER_PORT", _FIRST_PORT)) if wanted is None else wanted
    changed = f" (port {usual} was taken)" if port != usual else ""
    lines = [f"MobileFaceSwap is at {local}{changed}" + (f" and at {shared}" if shared else "")]
    return [*lines, f"Off: the My browser tab. {problem}"] if problem else lines


def theme() -> gr.themes.Base:
    """Gradio's soft theme in one green, with contrasts of at least 4.5 to 1 (WCAG AA) on light and on dark ground."""
    hues = {"primary_hue": "emerald", "secondary_hue": "emerald", "neutral_hue": "slate"}
    return gr.themes.Soft(**hues, font=["system-ui", "sans-serif"]).set(
        **{f"link_text_color{use}": "*secondary_700" for use in ("", "_active", "_hover", "_visited")},
        **{f"link_text_color{use}_dark": "*secondary_400" for use in ("", "_active", "_hover", "_visited")},
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_700",
        button_border_width="1px",
        button_primary_border_color="*primary_700",
        button_primary_border_color_dark="*primary_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_500",
        block_label_text_color="*primary_800",
        block_label_background_fill_dark="*primary_800",
        block_title_text_color="*primary_800",
        block_title_background_fill_dark="*primary_800",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        # What can be ticked, chosen or typed into has an edge, of 3 to 1 at least.
        checkbox_border_color="*neutral_500",
        checkbox_border_color_hover="*neutral_700",
        checkbox_border_color_dark="*neutral_400",
        checkbox_border_color_hover_dark="*neutral_200",
        input_border_width="1px",
        input_border_color="*neutral_500",
        input_border_color_dark="*neutral_400",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
        color_accent="*primary_700",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
    )


def launch_options(settings: Settings, words: gr.I18n) -> dict[str, Any]:
    """Everything of a launch but the address."""
    return {
        "i18n": words,
        "theme": theme(),
        "css_paths": [_HERE / "style.css"],
        "favicon_path": str(card.ICON),
        "max_file_size": settings.max_bytes,
        "allowed_paths": [str(output_folder()), *map(str, public_files(settings))],
        "auth": settings.login,
        "footer_links": ["api", "settings"],
        "run_history": False,
        "show_error": False,  # our own errors are shown anyway; Gradio's name folders of the host
        "state_session_capacity": 500,  # visits in memory, 0.3 MB each
        "mcp_server": settings.mcp,
        "ssr_mode": False,
        "app_kwargs": {
            "routes": [*card.routes(), *live_pictures.routes(settings.live_concurrency), *serve.routes(settings)],
            "middleware": [Middleware(OnlyThroughTheGate), Middleware(card.Card)],
            "lifespan": keeping(60 * settings.keep_minutes, lambda page: enclose(page, settings)),
        },
        "quiet": True,
    }
