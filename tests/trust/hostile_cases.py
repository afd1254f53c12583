"""Every entry of the programs with every hostile input: the table that ``python -m tests.trust hostile`` runs.

The evaluation's part is in ``hostile_evaluation.py``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from . import hostile_files as files
from .hostile_case import Case, write_face
from .hostile_evaluation import evaluation


def all_cases() -> list[Case]:
    """The table, in order."""
    return [*commands(), *page(), *programs(), *evaluation()]


# The command line of the core -----------------------------------------------------------------------------------------


@cache
def pipeline() -> Any:
    """Loaded once a process."""
    from mobilefaceswap_core.pipeline import Pipeline

    return Pipeline.load("student", "lite", "cpu", threads=1)


def command(*arguments: object) -> None:
    """Run a command in this process, with the pipeline loaded once; its exit code is an outcome unless it is a crash."""
    from mobilefaceswap_core.cli.app import app
    from mobilefaceswap_core.errors import SwapError
    from mobilefaceswap_core.pipeline import Pipeline

    said = io.StringIO()
    kept = Pipeline.load
    Pipeline.load = classmethod(lambda cls, *a, **k: pipeline())  # type: ignore[method-assign, assignment]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            app([str(argument) for argument in arguments])
    except SystemExit as left:
        if left.code not in (0, None):
            raise SwapError(f"exit {left.code}: {said.getvalue()[-300:]}") from None
    finally:
        Pipeline.load = kept  # type: ignore[method-assign]


def _swap_hostile(folder: Path, data: Callable[[], bytes] | None, path: Path | str | None, *, as_source: bool) -> None:
    good = write_face(folder / "good.png")
    if data is not None:
        path = folder / "hostile.png"
        path.write_bytes(data())
    pair = (path, good) if as_source else (good, path)
    command("image", "--source", pair[0], "--target", pair[1], "--out", folder / "out.png", "--i-have-consent")


def commands() -> Iterator[Case]:
    out = ("out.png", "out.mp4")
    yield Case("command image, target", "a photo of a face", _swap_good, must_answer=True, writes=out)
    for name, data in files.PICTURES.items():
        yield Case("command image, target", name, partial(_swap_hostile, data=data, path=None, as_source=False))
        yield Case("command image, source", name, partial(_swap_hostile, data=data, path=None, as_source=True))
        yield Case("command verify", name, partial(_verify, make=data), writes=out)
    for name in ("link to itself", "link to /etc/passwd", "folder", "pipe", "device", "NUL in the name", "name of 5,000 letters", "address", "nothing"):  # fmt: skip
        yield Case("command image, odd name", name, partial(_odd_name, name=name), must_refuse=True)
    for name, make in {**files.CLIPS, "ten hours": files.ten_hours}.items():
        refuse = name not in ("MP4 corrupt", "MKV corrupt", "AVI corrupt", "MP4 cut", "PNG in disguise", "ten hours")
        if name != "ten hours":  # a long clip is no attack on one's own computer
            yield Case("command video", name, partial(_video, make=make), must_refuse=refuse, writes=out)
        yield Case("command verify, clips", name, partial(_verify_clip, make=make))


def _swap_good(folder: Path) -> None:
    _swap_hostile(folder, None, write_face(folder / "target.png"), as_source=False)
    if not (folder / "out.png").is_file():
        raise RuntimeError("nothing was written")


def _face_file(folder: Path) -> str:
    return str(write_face(folder / "face.png"))


def _odd_name(folder: Path, name: str) -> None:
    _swap_hostile(folder, None, files.odd_paths(folder)[name], as_source=False)


def _verify(folder: Path, make: Callable[[], bytes]) -> None:
    (folder / "hostile.png").write_bytes(make())
    command("verify", folder / "hostile.png")


def _verify_clip(folder: Path, make: Callable[[Path], bytes]) -> None:
    (folder / "hostile.mp4").write_bytes(make(folder))
    command("verify", folder / "hostile.mp4")


def _video(folder: Path, make: Callable[[Path], bytes]) -> None:
    (folder / "hostile.mp4").write_bytes(make(folder))
    write_face(folder / "good.png")
    arguments = ("--target", folder / "hostile.mp4", "--source", folder / "good.png", "--out", folder / "out.mp4")
    command("video", *arguments, "--i-have-consent", "--model", "student", "--detector", "lite", "--threads", "1")


# The page -------------------------------------------------------------------------------------------------------------

REQUEST = SimpleNamespace(headers={}, session_hash="visitor", client=SimpleNamespace(host="203.0.113.9"))


@cache
def services() -> Any:
    """What the page's handlers are given; models load once."""
    from demo.settings import Settings
    from demo.work.engine import Engine
    from demo.work.services import Services

    settings = Settings(model="student", detector="lite", max_upload_mb=20, max_megapixels=20, max_pairs=4)
    engine = Engine(settings)
    engine._pipelines.update({"student": pipeline(), "video student": pipeline()})
    return Services.of(engine)


class _Components(dict[str, str]):
    """Every name is a component."""

    def __missing__(self, name: str) -> str:
        return name


def handle(tab: str, name: str, **values: Any) -> Any:
    """Call a handler of the page as Gradio does."""
    from demo.ui.listen import answering

    handler = getattr(importlib.import_module(f"demo.handlers.{tab}"), name)
    answer = answering(handler, services(), list(values), _Components(status="status"))
    return _said(answer, REQUEST, *values.values())


def call(name: str, *arguments: Any) -> Any:
    """Call an endpoint as Gradio does."""
    from demo import endpoints

    return _said(endpoints.endpoint(getattr(endpoints, name), services()), *arguments, REQUEST)


def _said(answer: Callable[..., Any], *arguments: Any) -> Any:
    """What is said to the visitor is an outcome, the word for a bug is not."""
    import gradio as gr

    from demo.texts import say
    from mobilefaceswap_core.errors import SwapError

    try:
        found = answer(*arguments)
        return list(found) if hasattr(found, "__next__") else found
    except gr.Error as error:
        if str(error.message) == say("error_unexpected", "en"):
            raise RuntimeError("the page called it a bug") from error.__cause__
        raise SwapError(str(error.message)) from error


def _picture(folder: Path, make: Callable[[], bytes]) -> str:
    (folder / "hostile.png").write_bytes(make())
    return str(folder / "hostile.png")


def page() -> Iterator[Case]:
    yield Case("tab Image, swap", "a photo of a face", lambda f: _swap(_face_file(f), _face_file(f)), must_answer=True)  # fmt: skip
    for name, data in files.PICTURES.items():
        yield Case("tab Image, faces", name, partial(_tab_faces, make=data))
        yield Case("tab Image, swap", name, partial(_tab_swap, make=data))
        yield Case("tab Compare", name, partial(_tab_compare, make=data), must_refuse=True)
        yield Case("tab Live, source", name, partial(_tab_live, make=data), must_refuse=True)
        yield Case("tab Live, camera", name, partial(_tab_camera, make=data))
        yield Case("tab Verify", name, partial(_tab_verify, make=data))
    for name, make in {**files.CLIPS, "ten hours": files.ten_hours}.items():
        sure = name not in ("MP4 corrupt", "MKV corrupt", "AVI corrupt", "MP4 cut")
        yield Case("tab Video, people", name, partial(_tab_people, make=make), must_refuse=name == "ten hours")
        yield Case(
            "tab Video, swap", name, partial(_tab_clip, make=make), must_refuse=sure and name != "PNG in disguise"
        )
        yield Case("tab Verify, clips", name, partial(_tab_verify_clip, make=make), must_refuse=sure and name == "ten hours")  # fmt: skip
    for name, data in files.ZIPS.items():
        yield Case("tab Evaluate, zip", name, partial(_tab_zip, make=data), must_refuse=True)
    for name in ("zip", "text", "JPEG cut", "20,000 x 20,000 claimed"):
        make = files.PICTURES[name]
        yield Case("block list, photo", name, partial(_blocklist, make=make), must_refuse=True)


def _swap(source: str, target: str) -> None:
    nobody: dict[str, Any] = {"more": [], "person_b": None, "person_c": None, "person_d": None}
    handle(
        "image", "swap", source=source, **nobody, target=target, assignment={}, model="student", choices={}, looked=None,
        format="PNG", quality=95, consented=True,
    )  # fmt: skip


def _tab_faces(folder: Path, make: Callable[[], bytes]) -> None:
    handle("faces", "look", target=_picture(folder, make), least=None)


def _tab_swap(folder: Path, make: Callable[[], bytes]) -> None:
    good = str(write_face(folder / "good.png"))
    _swap(good, _picture(folder, make))


def _tab_compare(folder: Path, make: Callable[[], bytes]) -> None:
    good = str(write_face(folder / "good.png"))
    handle("compare", "compare", source=good, target=_picture(folder, make), models=["student"], consented=True)


def _tab_live(folder: Path, make: Callable[[], bytes]) -> None:
    handle("live", "prepare", source=_picture(folder, make), session=None, model="student", choices={}, consented=True)


def _tab_verify(folder: Path, make: Callable[[], bytes]) -> None:
    handle("verify", "check", file=_picture(folder, make))


def _tab_camera(folder: Path, make: Callable[[], bytes]) -> None:
    made = handle(
        "live", "prepare", source=_face_file(folder), session=None, model="student", choices={}, consented=True
    )
    from demo.handlers import live
    from demo.messages import Visit

    live.step(services(), Visit(), picture=make(), session=made["session"])


def _tab_people(folder: Path, make: Callable[[Path], bytes]) -> None:
    (folder / "hostile.mp4").write_bytes(make(folder))
    handle("video", "look", clip=str(folder / "hostile.mp4"))


def _tab_clip(folder: Path, make: Callable[[Path], bytes]) -> None:
    (folder / "hostile.mp4").write_bytes(make(folder))
    good = str(write_face(folder / "good.png"))
    handle(
        "video", "swap", source=good, person_b=None, person_c=None, person_d=None, clip=str(folder / "hostile.mp4"),
        trim=None, found=[], assignment={}, model="student", choices={}, quality="small", size="original", sound=True, deinterlace=False,
        previewed=None, consented=True,
    )  # fmt: skip


def _tab_verify_clip(folder: Path, make: Callable[[Path], bytes]) -> None:
    (folder / "hostile.mp4").write_bytes(make(folder))
    handle("verify", "check", file=str(folder / "hostile.mp4"))


def _tab_zip(folder: Path, make: Callable[[], bytes]) -> None:
    (folder / "hostile.zip").write_bytes(make())
    archive = str(folder / "hostile.zip")
    handle("evaluate", "run", data="zip", archive=archive, pairs=2, models=["student"], consented=True)


def _blocklist(folder: Path, make: Callable[[], bytes]) -> None:
    from demo.settings import Settings
    from demo.work.engine import Engine

    (folder / "listed").mkdir()
    (folder / "listed" / "somebody.png").write_bytes(make())
    engine = Engine(Settings(model="student", blocklist=str(folder / "listed")))
    engine._pipelines["student"] = pipeline()
    engine.prepare("student", [write_face(folder / "good.png")])


# Endpoints for programs -----------------------------------------------------------------------------------------------

FILES: dict[str, Any] = {
    "nothing": None, "text": "a.png", "number": 7, "a host's file": {"path": "/etc/passwd"}, "address": {"path": "http://127.0.0.1:9/x"},
    "file:": {"path": "file:///etc/passwd"}, "../": {"path": "UPLOADS/../../../etc/passwd"}, "NUL": {"path": "a\0b"},
    "very long": {"path": "a" * 100_000}, "no text": {"path": ["a"]}, "the upload folder": {"path": "UPLOADS"},
    "a link out": {"path": "UPLOADS/link.png"},
}  # fmt: skip
VALUES: dict[str, tuple[Any, ...]] = {
    "faces is a word": ("auto", "evil", False), "faces is a list of words": ("auto", ["a", None], False),
    "faces is huge": ("auto", 10**30, False), "faces is an object": ("auto", {"a": 1}, False),
    "model leads out": ("../../weights", "all", False), "model is a list": (["student"], "all", False),
    "model is an address": ("http://127.0.0.1:9/x.safetensors", "all", False),
}  # fmt: skip


def programs() -> Iterator[Case]:
    for name, value in FILES.items():
        for endpoint in (
            "swap_image",
            "swap_video",
            "compare",
            "evaluate_pairs",
            "study_page",
            "study_answers",
            "verify_file",
        ):
            if not (endpoint in ("evaluate_pairs", "study_page") and value is None):
                yield Case(f"endpoint {endpoint}", name, partial(_endpoint, endpoint=endpoint, value=value), must_refuse=True)  # fmt: skip
    for name, values in VALUES.items():
        yield Case("endpoint swap_image", name, partial(_endpoint_values, values=values), must_refuse=True)
    for name, models, pairs in (("models is a number", 5, 2), ("pairs is a word", ["student"], "many"), ("pairs is NaN", ["student"], float("nan")), ("pairs is huge", ["student"], 10**30), ("models lead out", ["../../x.safetensors"], 2)):  # fmt: skip
        yield Case("endpoint evaluate_pairs", name, partial(_endpoint_pairs, models=models, pairs=pairs), must_refuse=True)  # fmt: skip
    for name, body in BODIES.items():
        yield Case("page, whole call", name, partial(_call, body=body), must_refuse=True)


def _endpoint(folder: Path, endpoint: str, value: Any) -> None:
    from gradio.utils import get_upload_folder

    uploads = Path(get_upload_folder())
    uploads.mkdir(parents=True, exist_ok=True)
    link = uploads / "link.png"
    link.unlink(missing_ok=True)
    link.symlink_to("/etc/passwd")
    try:
        if isinstance(value, dict) and isinstance(value["path"], str):
            value = {"path": value["path"].replace("UPLOADS", str(uploads))}
        arguments = {
            "swap_image": (value, value, True, "auto", "all"), "swap_video": (value, value, True, "auto"),
            "compare": (value, value, True, []), "evaluate_pairs": (value, True, [], 2), "verify_file": (value,),
            "study_page": (value, True, [], 2, 2), "study_answers": ([value], value),
        }[endpoint]  # fmt: skip
        call(endpoint, *arguments)
    finally:
        link.unlink(missing_ok=True)


def _uploaded_face() -> dict[str, str]:
    from gradio.utils import get_upload_folder

    path = Path(get_upload_folder()) / "good.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    return {"path": str(write_face(path))}


def _endpoint_values(folder: Path, values: tuple[Any, ...]) -> None:
    good = _uploaded_face()
    call("swap_image", good, good, True, *values)


def _endpoint_pairs(folder: Path, models: Any, pairs: Any) -> None:
    call("evaluate_pairs", None, True, models, pairs)


BODIES: dict[str, Callable[[], bytes]] = {
    "9 MB": lambda: b'{"data": ["' + b"a" * (9 << 20) + b'"]}',
    "200,000 lists deep": lambda: b"[" * 200_000 + b"]" * 200_000,
    "100 lists deep": lambda: b'{"data": ' + b"[" * 100 + b"]" * 100 + b"}",
    "an address of the host's network": lambda: b'{"data": [{"path": "http://169.254.169.254/latest", "meta": {}}]}',
    "an address in capitals": lambda: b'{"data": [{"path": " HTTP://127.0.0.1/"}]}',
    "a file address": lambda: b'{"data": [{"path": "file:///etc/passwd"}]}',
}


def _call(folder: Path, body: Callable[[], bytes]) -> None:
    """Send a call through the gate to an application that must not see it."""
    import asyncio

    from demo.gate import AllowList, Bodies
    from demo.settings import Settings
    from mobilefaceswap_core.errors import OptionError

    data, sent = body(), []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/gradio_api/call/verify", "raw_path": b"/gradio_api/call/verify", "headers": []}  # fmt: skip
    gate = AllowList(Bodies(application, most_file_bytes=1 << 20, most_files=1), Settings())
    asyncio.run(gate(scope, receive, send))
    if sent:
        raise OptionError(f"status {sent[0]['status']}")
