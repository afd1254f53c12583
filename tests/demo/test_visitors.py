"""Many visitors at once: everybody gets the own face, the queue drains, and memory does not grow with visits."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from demo.build import build_demo, launch_options
from mobilefaceswap_core.choices import CHOICES
from tests.fakes.painted import GREY, colour_of, is_near, painted_engine, squares

pytest.importorskip("gradio_client")
VISITORS = 16
PATIENCE = {"timeout": 120}  # of httpx, whose five seconds end a call while a busy machine builds its answer


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    engine = painted_engine(concurrency=4, queue_size=64, queue_share=64, request_rate=10_000, max_upload_mb=2)
    demo, words = build_demo(engine.settings, engine)
    _, address, _ = demo.launch(
        **launch_options(engine.settings, words), prevent_thread_lock=True, server_name="127.0.0.1"
    )
    yield address
    demo.close()


def colours() -> list[tuple[int, int, int]]:
    """As many hues as visitors, far enough apart to be told by eye."""
    hues = [colorsys.hsv_to_rgb(number / VISITORS, 0.8, 0.8) for number in range(VISITORS)]
    return [tuple(round(200 * channel + 27) for channel in hue) for hue in hues]  # type: ignore[misc]


def swap(url: str, source: str, target: str) -> tuple[np.ndarray, dict]:
    from gradio_client import Client, handle_file

    client = Client(url, verbose=False, httpx_kwargs=PATIENCE)
    png, facts = client.predict(
        source=handle_file(source), target=handle_file(target), consent=True, api_name="/swap_image"
    )
    return np.asarray(PillowImage.open(png).convert("RGB")), facts


def resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def test_sixteen_visitors_at_once_get_only_their_own_faces(url: str, tmp_path: Path) -> None:
    wanted = colours()
    sources = [squares(tmp_path / f"source{number}.png", colour) for number, colour in enumerate(wanted)]
    target = squares(tmp_path / "target.png", GREY, GREY)

    def visit(number: int) -> list[tuple[int, int, int]]:
        seen = []
        for _ in range(2):
            image, facts = swap(url, sources[number], target)
            assert facts["faces_swapped"] == 2
            seen += [colour_of(image, square) for square in (0, 1)]
        return seen

    with ThreadPoolExecutor(VISITORS) as pool:
        for number, seen in enumerate(pool.map(visit, range(VISITORS))):
            assert all(is_near(colour, wanted[number]) for colour in seen), f"visitor {number}: {seen}"


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="resident memory is read from /proc")
def test_memory_does_not_grow_with_visits(url: str, tmp_path: Path) -> None:
    source, target = squares(tmp_path / "s.png", (200, 40, 40)), squares(tmp_path / "t.png", *[GREY] * 4)

    def round_of_visits() -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: swap(url, source, target), range(VISITORS)))

    round_of_visits()  # warms up threads and caches
    before = resident_mb()
    round_of_visits()
    # Server and clients share this process. Each visit decodes and writes pictures of 0.7 MB and keeps none of them.
    assert resident_mb() - before < 60


def test_no_swap_without_consent(url: str, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    photo = handle_file(squares(tmp_path / "s.png", (200, 40, 40)))
    with pytest.raises(Exception, match="consent"):
        Client(url, verbose=False, httpx_kwargs=PATIENCE).predict(
            source=photo, target=photo, consent=False, api_name="/swap_image"
        )


@pytest.mark.parametrize("path", [__file__, "/etc/hostname"])
def test_files_of_the_host_cannot_be_named_as_uploads(url: str, path: str) -> None:
    import httpx

    body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
    answer = httpx.post(f"{url}gradio_api/call/verify", json=body)
    assert answer.status_code == 400 and "not uploaded" in answer.json()["detail"]


def test_a_file_over_the_limit_is_refused(url: str, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    large = tmp_path / "large.png"
    large.write_bytes(bytes(3 << 20))
    with pytest.raises(Exception, match=r"(?i)size|large"):
        Client(url, verbose=False, httpx_kwargs=PATIENCE).predict(file=handle_file(large), api_name="/verify")


def test_the_endpoints_and_their_parameters_are_the_documented_ones(url: str) -> None:
    from gradio_client import Client

    named = Client(url, verbose=False, httpx_kwargs=PATIENCE).view_api(return_format="dict", print_info=False)[
        "named_endpoints"
    ]
    parameters = {name: [p["parameter_name"] for p in about["parameters"]] for name, about in named.items()}
    pair = ["source", "target", "consent"]
    choices = ["badge", *(choice.name for choice in CHOICES if choice.name != "badge")]
    assert parameters == {
        "/swap_image": [*pair, "model", "faces", *choices],
        "/swap_video": [*pair, "model", *choices, "quality", "size", "sound", "deinterlace"],
        "/compare": [*pair, "models"],
        "/evaluate": ["archive", "consent", "models", "pairs"],
        "/study": ["archive", "consent", "models", "pairs", "questions"],
        "/study_score": ["answers", "key"],
        "/verify": ["file"],
    }
