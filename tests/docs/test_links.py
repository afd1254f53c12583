"""Links: every relative one leads to a file and, where it names one, to a heading; pictures are there, small and used."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from .pages import DOCS, ROOT, anchors, documents, name_of, notebook_markdown, prose

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
KNOWN_HOSTS = {"doi.org"}
MAX_PICTURE_BYTES = 100_000


def links(text: str) -> list[str]:
    return LINK.findall(text)


def external() -> set[str]:
    return {link for path in documents() for link in links(prose(path)) if re.match(r"[a-z]+:", link)}


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_relative_links_lead_somewhere(path: Path) -> None:
    broken = []
    for link in links(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken, f"{name_of(path)}: {broken}"


def test_pages_that_show_another_file_name_one_that_exists() -> None:
    found = 0
    for path in DOCS.rglob("*.md"):
        for included in re.findall(r"^```\{include\} (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found += 1
            assert (path.parent / included).is_file(), f"{name_of(path)}: {included}"
    assert found == 2


def test_files_named_in_notebooks_exist() -> None:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for named in re.findall(r"`((?:docs|eval|demo|mobilefaceswap_core)/[\w/.-]+)`", notebook_markdown(path)):
            assert (ROOT / named).exists(), f"{path.name}: {named}"


def test_every_picture_is_used_has_words_for_those_who_cannot_see_it_and_is_small() -> None:
    used = set()
    for path in documents():
        for words, link in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
            assert len(words.split()) > 3, f"{name_of(path)}: {link} has no description"
            used.add((path.parent / link).resolve())
    pictures = {path.resolve() for path in (DOCS / "images").iterdir()}
    assert pictures <= used, f"not shown anywhere: {sorted(p.name for p in pictures - used)}"
    assert {p.name for p in pictures if p.stat().st_size > MAX_PICTURE_BYTES} == set()


def test_external_links_are_few_and_encrypted() -> None:
    found = external()
    assert found, "the paper is linked"
    hosts = {re.sub(r"https://([^/]+).*", r"\1", link) for link in found if link.startswith("https:")}
    assert all(link.startswith(("https:", "mailto:", "http://127.0.0.1")) for link in found), found
    assert hosts <= KNOWN_HOSTS, f"new: {hosts - KNOWN_HOSTS}; add them when you have opened them"


@pytest.mark.parametrize("link", sorted(link for link in external() if link.startswith("https:")))
def test_external_links_are_not_gone(link: str) -> None:
    try:
        socket.create_connection((re.sub(r"https://([^/]+).*", r"\1", link), 443), timeout=3).close()
    except OSError:
        pytest.skip("no way to that host from here")
    request = urllib.request.Request(link, method="HEAD", headers={"User-Agent": "link check"})
    try:
        status = urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError:
        pytest.skip("the host did not answer")
    assert status not in (404, 410)
