"""Named endpoints for programs; with MCP switched on the same functions are tools. Described in ``docs/demo.md``.

Annotations are evaluated here, unlike elsewhere: Gradio reads the kinds of results from them.
"""

from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.utils import get_upload_folder

from mobilefaceswap_core.errors import OptionError, VideoError
from mobilefaceswap_core.marking import VerifyReport

from .auditing import log_of
from .clips import SwappedClip, check_clip, plain_report, swap_clip
from .comparing import Bench, compare
from .evaluating import evaluate, read_run, table_rows, unpack
from .messages import caller, language, plain_words, visitor
from .tabs.context import HEAVY, Context
from .tabs.evaluate import CONCURRENCY
from .texts import say
from .verifying import verify
from .zerogpu import on_gpu

AUTO = "auto"
NO_NAMES: list[str] = []  # never changed: Gradio reads it as the documented default


def uploaded(file: Any, what: str) -> Path:
    """The path of a file that a caller uploaded.

    A caller writes the path himself, so anything but a file in Gradio's upload folder is refused.

    Raises:
        OptionError: no file, or a path outside of the upload folder.
    """
    path = file.get("path") if isinstance(file, dict) else getattr(file, "path", None)
    if not isinstance(path, str) or not path:
        raise OptionError(f"{what} is missing. Upload a file and pass it, as gradio_client's handle_file does.")
    try:
        found = Path(path).resolve()
        there = found.is_relative_to(Path(get_upload_folder()).resolve()) and found.is_file()
    except (OSError, RuntimeError, ValueError):  # a name too long, links in a circle, a NUL in the name
        there = False
    if not there:
        raise OptionError(f"{what} is not an uploaded file. Upload it first, as gradio_client's handle_file does.")
    return found


def served(path: Path) -> dict[str, Any]:
    """A result as clients download it."""
    return gr.FileData(path=str(path), orig_name=path.name, size=path.stat().st_size).model_dump()


def add(context: Context) -> None:
    """Add the endpoints to the page that is being built."""
    engine, settings = context.engine, context.settings
    bench = Bench()
    swap_photo, swap_frames = on_gpu(engine.swap_photo), on_gpu(swap_clip, seconds=4 * settings.max_video_seconds)
    measure = on_gpu(compare)

    def admitted(consent: bool, request: gr.Request) -> None:
        with log_of(settings).door("consent"):
            if consent is not True:
                raise OptionError(say("consent_needed", language(request)))
        engine.admit(caller(request))

    @plain_words
    def swap_image(
        source: gr.FileData, target: gr.FileData, consent: bool, model: str = AUTO,
        faces: Literal["all", "largest"] = "all", badge: bool = False, request: gr.Request = None,
    ) -> tuple[gr.FileData, dict]:  # fmt: skip
        """Put the source's face on the faces of a target photo.

        Args:
            source: photo of the face to use.
            target: photo to change.
            consent: true only if everyone shown agreed to this use.
            model: "auto", or a name that the page's model list shows.
            faces: "all" faces of the target, or the "largest" one.
            badge: draw a visible label on the result.

        Returns:
            The marked PNG, and what was done: faces found and swapped, seconds, model, device, detector.
        """
        admitted(consent, request)
        done = swap_photo(
            [uploaded(source, "source")], uploaded(target, "target"), model=_model(model), faces=faces, badge=badge
        )
        facts = {
            "faces_found": done.faces_found, "faces_swapped": done.faces_swapped,
            "skipped": {str(number + 1): reason for number, reason in done.skipped.items()},
            "seconds": round(done.seconds, 3), "model": done.model, "device": done.device, "detector": done.detector,
        }  # fmt: skip
        return served(done.path), facts

    @plain_words
    def swap_video(
        source: gr.FileData, target: gr.FileData, consent: bool, model: str = AUTO, request: gr.Request = None
    ) -> tuple[gr.FileData, dict]:
        """Put the source's face on everybody in a clip; its sound is kept.

        Args:
            source: photo of the face to use.
            target: clip to change.
            consent: true only if everyone shown agreed to this use.
            model: "auto", or a name that the page's model list shows.

        Returns:
            The marked MP4, and its report: frames, frames without a face, faces swapped, speed.
        """
        admitted(consent, request)
        photo, clip = uploaded(source, "source"), uploaded(target, "target")
        check_clip(clip, settings, language(request))
        who = visitor(request)
        stop = context.jobs.begin(who, "api video")
        try:
            for event in swap_frames(engine, [photo], clip, model=_model(model), stop=stop):
                if isinstance(event, SwappedClip):
                    return served(event.path), plain_report(event.report)
        finally:
            context.jobs.end(who, "api video", stop)
        raise VideoError("The clip ended without a result. Try again.")

    @plain_words
    def compare_methods(
        source: gr.FileData,
        target: gr.FileData,
        consent: bool,
        models: list[str] = NO_NAMES,
        request: gr.Request = None,
    ) -> list[dict]:
        """Swap one pair by several models and measure each result with the evaluation's judges.

        Args:
            source: photo of the face to use.
            target: photo to change; its largest face is swapped.
            consent: true only if everyone shown agreed to this use.
            models: names that the page's model list shows; empty for all.

        Returns:
            One object per model and one for the target without a swap: identity similarity, pose error in degrees,
            expression error, multiply-adds and parameters per frame, milliseconds.
        """
        admitted(consent, request)
        photos = uploaded(source, "source"), uploaded(target, "target")
        chosen = _models(models, engine.model_names())
        return [one.measured.to_json() for one in measure(engine, bench, *photos, chosen)]

    @plain_words
    def evaluate_pairs(
        archive: gr.FileData | None, consent: bool, models: list[str] = NO_NAMES, pairs: int = 6,
        request: gr.Request = None,
    ) -> tuple[gr.FileData, list[dict]]:  # fmt: skip
        """Run an evaluation over many pairs.

        Args:
            archive: zip with folders source/ and target/, or one folder per person; null for the photos that ship.
            consent: true only if everyone shown agreed to this use.
            models: names that the page's model list shows; empty for all.
            pairs: how many to draw.

        Returns:
            The report as one HTML file, and the rows of its table.
        """
        admitted(consent, request)
        chosen, count = _models(models, engine.model_names()), _count(pairs)
        run = engine.new_file("run")
        root = run.with_name("photos") if archive else None
        dataset = (
            unpack(uploaded(archive, "archive"), root, settings, check=engine.check_photo)
            if root is not None
            else "builtin"
        )
        who = visitor(request)
        stop = context.jobs.begin(who, "api evaluate")
        try:
            for _ in evaluate(run, dataset=dataset, root=root, methods=chosen, pairs=count,
                              settings=settings, stop=stop):  # fmt: skip
                pass
        finally:
            context.jobs.end(who, "api evaluate", stop)
        finished = read_run(run)
        return served(finished.report), table_rows(finished)

    @plain_words
    def verify_marks(file: gr.FileData, request: gr.Request) -> dict:
        """Tell whether a photo or clip carries this software's marks.

        Args:
            file: photo or clip.

        Returns:
            ``marked``, and what each layer says: metadata, hidden watermark, content credentials.
        """
        engine.admit(caller(request))
        report = verify(engine, uploaded(file, "file"))
        return _plain(report)

    heavy: dict[str, Any] = {"concurrency_id": HEAVY, "concurrency_limit": settings.concurrency}
    gr.api(swap_image, api_name="swap_image", **heavy)
    gr.api(swap_video, api_name="swap_video", **heavy)
    gr.api(compare_methods, api_name="compare", **heavy)
    gr.api(verify_marks, api_name="verify", **heavy)
    gr.api(evaluate_pairs, api_name="evaluate", concurrency_id=CONCURRENCY, concurrency_limit=1)


def _plain(report: VerifyReport) -> dict[str, Any]:
    """The report without its path: clients take every object with a path for a file to fetch."""
    return {key: value for key, value in report.to_json().items() if key != "path"}


def _model(name: Any) -> str | None:
    if not isinstance(name, str):
        raise OptionError("model must be a name that the page's model list shows, or auto.")
    return None if name in ("", AUTO) else name


def _models(names: Any, known: list[str]) -> list[str]:
    """The models asked for, all if none is named. A caller may send anything, whatever the description says."""
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise OptionError("models must be a list of names that the page's model list shows, or empty for all.")
    if unknown := [name for name in names if name not in known]:
        raise OptionError(f"The model {unknown[0][:80]!r} is not available here; choose {', '.join(known)}.")
    return list(names) or known


def _count(pairs: Any) -> int:
    if isinstance(pairs, bool) or not isinstance(pairs, (int, float)) or pairs != pairs // 1:
        raise OptionError("pairs must be a whole number.")
    return int(pairs)
