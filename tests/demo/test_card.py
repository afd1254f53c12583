"""What a link to the page shows, and what a browser's list of tabs does: ours, in the visitor's language, and once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import gradio as gr
import httpx
import pytest
from PIL import Image as PillowImage
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from demo import card
from demo.build import build_demo, launch_options
from demo.examples.pairs import CARD
from demo.texts import LANGUAGES, say
from mobilefaceswap_core.marking import verify_file
from tests.fakes.painted import painted_engine


@pytest.fixture(scope="module")
def page() -> Iterator[gr.Blocks]:
    engine = painted_engine()
    demo, words = build_demo(engine.settings, engine)
    demo.launch(**launch_options(engine.settings, words), prevent_thread_lock=True, server_name="127.0.0.1")
    yield demo
    demo.close()


def head_of(page: gr.Blocks, language: str) -> str:
    text = httpx.get(page.local_url, headers={"accept-language": language}, timeout=60).text
    return text[: text.index("<style>")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_link_shows_our_title_and_picture_in_the_visitors_language(page: gr.Blocks, language: str) -> None:
    head = head_of(page, language)
    said = dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', head))
    assert said["og:title"] == say("card_title", language) and said["description"] == say("card_description", language)
    assert said["og:image"] == f"{page.local_url}card.jpg" and said["twitter:card"] == "summary_large_image"
    assert "radio" not in "".join(said.values()), "nothing of Gradio's own"
    assert head.count("og:title") == 1 and f'lang="{language}"' in head
    assert f"<title>{say('card_title', language)}</title>" in head
    assert len(head.encode()) < 4096, "readers of links give up after some kilobytes"


def test_the_picture_has_the_size_that_links_show_and_says_what_it_shows(page: gr.Blocks) -> None:
    answer = httpx.get(f"{page.local_url}card.jpg", timeout=60)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
    assert answer.content == CARD.read_bytes() and len(answer.content) < 200_000
    with PillowImage.open(CARD) as picture:
        assert picture.size == (1200, 630)
    assert verify_file(CARD).marked


def test_the_icon_is_ours_and_small(page: gr.Blocks) -> None:
    answer = httpx.get(f"{page.local_url}favicon.ico", timeout=60)
    assert answer.headers["content-type"].startswith("image/svg+xml") and len(answer.content) < 2000
    assert ElementTree.fromstring(answer.text).tag.endswith("svg")
    (icon,) = httpx.get(f"{page.local_url}manifest.json", timeout=60).json()["icons"]
    assert httpx.get(f"{page.local_url}{icon['src'].lstrip('/')}", timeout=60).content == answer.content


def test_only_the_page_itself_is_rewritten() -> None:
    async def told(request: Request) -> HTMLResponse:
        return HTMLResponse('<html lang="en"><head><meta charset="utf-8" /></head>')

    async def data(request: Request) -> JSONResponse:
        return JSONResponse({"og:title": '<meta property="og:title" content="x">'})

    app = Starlette(
        routes=[Route("/", told), Route("/other", told), Route("/data", data)], middleware=[Middleware(card.Card)]
    )
    client = TestClient(app)
    assert "og:title" in client.get("/").text and "og:title" not in client.get("/other").text
    assert client.get("/").headers["content-length"] == str(len(client.get("/").content))
    assert client.get("/data").json()["og:title"].startswith("<meta")
    whole = Starlette(routes=[Route("/", data)], middleware=[Middleware(card.Card)])
    assert TestClient(whole).get("/").json()["og:title"].startswith("<meta")
