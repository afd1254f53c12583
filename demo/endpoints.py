"""Named endpoints for programs; with MCP switched on the same functions are tools. Described in ``docs/demo.md``.

Each is a plain function ``(services, visit, ...)``; Gradio sees its other parameters, their kinds and the docstring.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import gradio as gr
from gradio.utils import get_upload_folder
from pydantic import BaseModel

from mobilefaceswap_core.choices import CHOICES, Choice
from mobilefaceswap_core.errors import OptionError, VideoError
from mobilefaceswap_core.faces.numbers import number_of
from mobilefaceswap_core.marking import VerifyReport

from .handlers.evaluate import data_of
from .messages import Visit, spoken_error
from .texts import say
from .ui.context import BACKGROUND, Context
from .work.auditing import log_of
from .work.clips import SwappedClip, Writing, check_clip, plain_report
from .work.evaluate import evaluate, read_run, table_rows
from .work.services import Services
from .work.study import MOST_QUESTIONS, make_study, read_answers
from .work.verify import verify

AUTO = "auto"
NO_NAMES: list[str] = []  # never changed: Gradio reads it as the documented default
NOTHING_CHOSEN: Mapping[str, Any] = MappingProxyType({})
_KINDS: dict[str, Any] = {"parts": list[str], "box": list[float], "number": float | None, "switch": bool,
                          "name": str}  # fmt: skip
OFFERED = sorted(CHOICES, key=lambda choice: choice.name != "badge")  # the label first: it was there before the others


def add(context: Context) -> None:
    """Add the endpoints to the page that is being built."""
    heavy = context.heavy
    offered: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
        ("swap_image", swap_image, heavy),
        ("swap_video", swap_video, heavy),
        ("compare", compare, heavy),
        ("verify", verify_file, heavy),
        ("evaluate", evaluate_pairs, BACKGROUND),
        ("study", study_page, BACKGROUND),
        ("study_score", study_answers, BACKGROUND),
    ]
    for name, function, options in offered:
        gr.api(endpoint(function, context.services), api_name=name, **options)


def endpoint(function: Callable[..., Any], services: Services) -> Callable[..., Any]:
    """A function as Gradio offers it: services and visit filled in, files as plain values, errors in the caller's words."""
    signature = inspect.signature(function, eval_str=True)  # Gradio reads kinds, not their names
    known = list(signature.parameters.values())[2:]
    place = next((place for place, each in enumerate(known) if each.name == "choices"), len(known))
    own, later = known[:place], known[place + 1 :]  # who counts places finds each where it was
    chooses = place < len(known)
    added = [_parameter(choice) for choice in OFFERED] if chooses else []
    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=gr.Request)
    parameters = [*own, *added, *later, request]

    def call(*values: Any) -> Any:
        *given, asked = values
        visit = Visit.of(asked)
        chosen = dict(zip((choice.name for choice in OFFERED), given[len(own) :], strict=False)) if chooses else {}
        more = dict(zip((each.name for each in later), given[len(own) + len(added) :], strict=False))
        more |= {"choices": chosen} if chooses else {}
        try:
            return _plain(function(services, visit, *given[: len(own)], **more))
        except Exception as error:
            raise spoken_error(error, function.__name__, visit.language) from error

    call.__name__, call.__doc__ = function.__name__, _documented(function.__doc__ or "", added)
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # inspect's own protocol
    call.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": signature.return_annotation}
    return call


def _parameter(choice: Choice) -> inspect.Parameter:
    """A choice as a parameter of an endpoint."""
    return inspect.Parameter(
        choice.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=choice.default, annotation=_KINDS[choice.kind]
    )


def _documented(text: str, added: Sequence[inspect.Parameter]) -> str:
    """A docstring with a line for each choice below its other arguments; Gradio and MCP show them."""
    if not added:
        return text
    helps = {choice.name: choice.help for choice in CHOICES}
    lines = "".join(f"        {each.name}: {helps[each.name]}\n" for each in added)
    before, returns, after = text.partition("\n    Returns:")
    return f"{before.rstrip()}\n{lines}{returns}{after}"


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


def served(path: Path) -> gr.FileData:
    """A result as clients download it."""
    return gr.FileData(path=str(path), orig_name=path.name, size=path.stat().st_size)


def admitted(services: Services, visit: Visit, consent: bool) -> None:
    """Let a call pass.

    Raises:
        OptionError: without consent, or too many in the last minute.
    """
    with log_of(services.settings).door("consent"):
        if consent is not True:
            raise OptionError(say("consent_needed", visit.language))
    services.engine.admit(visit.caller)


def swap_image(
    services: Services, visit: Visit, source: gr.FileData, target: gr.FileData, consent: bool, model: str = AUTO,
    faces: Literal["all", "largest"] = "all", choices: Mapping[str, Any] = NOTHING_CHOSEN,
) -> tuple[gr.FileData, dict]:  # fmt: skip
    """Put the source's face on the faces of a target photo.

    Args:
        source: photo of the face to use.
        target: photo to change.
        consent: true only if everyone shown agreed to this use.
        model: "auto", or a name that the page's model list shows.
        faces: "all" faces of the target, or the "largest" one.

    Returns:
        The marked PNG, and what was done: faces found and swapped, those left alone by number from 1, notes on what the
        PNG lacks of the target, seconds, model, device, detector.
    """
    admitted(services, visit, consent)
    done = services.swap_photo(
        [uploaded(source, "source")], uploaded(target, "target"), model=_model(model), faces=faces, choices=choices
    )
    facts = {
        "faces_found": done.faces_found, "faces_swapped": done.faces_swapped,
        "skipped": {str(number_of(index)): reason for index, reason in done.skipped.items()},
        "notes": list(done.notes), "seconds": round(done.seconds, 3), "model": done.model, "device": done.device, "detector": done.detector,
    }  # fmt: skip
    return served(done.path), facts


def swap_video(
    services: Services, visit: Visit, source: gr.FileData, target: gr.FileData, consent: bool, model: str = AUTO,
    choices: Mapping[str, Any] = NOTHING_CHOSEN, quality: str = "best", size: str = "original", sound: bool = True,
    deinterlace: bool = False,
) -> tuple[gr.FileData, dict]:  # fmt: skip
    """Put the source's face on everybody in a clip; its sound is kept.

    Args:
        source: photo of the face to use.
        target: clip to change.
        consent: true only if everyone shown agreed to this use.
        model: "auto", or a name that the page's model list shows.
        quality: "best", "good" or "small".
        size: "original", or pixels of the shorter side: "720" or "480".
        sound: keep the clip's sound.
        deinterlace: make whole pictures of interlaced ones; they stay interlaced otherwise.

    Returns:
        The marked MP4, and its report: frames, frames without a face, faces swapped, speed.
    """
    admitted(services, visit, consent)
    photo, clip = uploaded(source, "source"), uploaded(target, "target")
    if not isinstance(deinterlace, bool) or not isinstance(sound, bool):
        raise OptionError("sound and deinterlace must be true or false.")
    writing = Writing(quality, size, sound, deinterlace)
    writing.encoding(), writing.shorter_px()  # refused before anything is loaded
    check_clip(clip, services.settings, visit.language)
    with _job(services, visit, "api video") as stop:
        for event in services.swap_clip(
            services.engine, [photo], clip, model=_model(model), stop=stop, choices=choices,
            writing=writing,
        ):  # fmt: skip
            if isinstance(event, SwappedClip):
                return served(event.path), plain_report(event.report)
    raise VideoError("The clip ended without a result. Try again.")


def compare(
    services: Services, visit: Visit, source: gr.FileData, target: gr.FileData, consent: bool,
    models: list[str] = NO_NAMES,
) -> list[dict]:  # fmt: skip
    """Swap one pair by several models and measure each result with the evaluation's judges.

    Args:
        source: photo of the face to use.
        target: photo to change; its largest face is swapped.
        consent: true only if everyone shown agreed to this use.
        models: names that the page's model list shows; empty for all.

    Returns:
        One object per model and one for the target without a swap: identity similarity, pose error in degrees,
        expression error, patches of light and stains on the skin, multiply-adds and parameters per frame, milliseconds.
    """
    admitted(services, visit, consent)
    photos = uploaded(source, "source"), uploaded(target, "target")
    chosen = _models(models, services.engine.model_names())
    return [one.measured.to_json() for one in services.compare(services.engine, services.bench, *photos, chosen)]


def evaluate_pairs(
    services: Services, visit: Visit, archive: gr.FileData | None, consent: bool, models: list[str] = NO_NAMES,
    pairs: int = 6,
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
    finished = read_run(_evaluated(services, visit, archive, consent, models, pairs))
    return served(finished.report), table_rows(finished)


def _evaluated(
    services: Services, visit: Visit, archive: gr.FileData | None, consent: bool, models: list[str], pairs: int
) -> Path:
    """The folder of a run that a caller asked for."""
    admitted(services, visit, consent)
    engine = services.engine
    chosen, count = _models(models, engine.model_names()), _count(pairs, "pairs")
    run = engine.new_file("run")
    dataset, root = data_of(engine, uploaded(archive, "archive") if archive else None, run)
    with _job(services, visit, "api evaluate") as stop:
        for _ in evaluate(run, dataset=dataset, root=root, methods=chosen, pairs=count, settings=engine.settings,
                          stop=stop):  # fmt: skip
            pass
    return run


def study_page(
    services: Services, visit: Visit, archive: gr.FileData | None, consent: bool, models: list[str] = NO_NAMES,
    pairs: int = 6, questions: int = 20,
) -> tuple[gr.FileData, gr.FileData]:  # fmt: skip
    """Run an evaluation and make a blind study of it: a page that asks people which of two swaps is better.

    Args:
        archive: zip with folders source/ and target/, or one folder per person; null for the photos that ship.
        consent: true only if everyone shown agreed to this use.
        models: two or more names that the page's model list shows; empty for all.
        pairs: how many to draw.
        questions: at most so many; fewer come where fewer pairs were swapped by two models.

    Returns:
        The page as one HTML file, and its key as JSON. Keep the key: answers cannot be read without it.
    """
    asked = _count(questions, "questions")  # an evaluation takes minutes: what cannot be asked is refused before it
    if not 1 <= asked <= MOST_QUESTIONS:
        raise OptionError(f"questions must be 1 to {MOST_QUESTIONS}; got {asked}.")
    if len(chosen := _models(models, services.engine.model_names())) < 2:
        raise OptionError(f"A study compares two models or more; got {', '.join(chosen)}.")
    run = _evaluated(services, visit, archive, consent, models, pairs)
    with _job(services, visit, "api study") as stop:
        study = make_study(run, services.settings, questions=asked, stop=stop)
    return served(study.page), served(study.key)


def study_answers(services: Services, visit: Visit, answers: list[gr.FileData], key: gr.FileData) -> list[dict]:
    """Read the answers of a blind study.

    Args:
        answers: CSV files as the study's page saves them, one a person.
        key: JSON file that came with the page.

    Returns:
        One object for every two models: answers for each, answers that saw no difference, the share of the first among
        decided answers in percent with its 95 % interval (Clopper and Pearson), and the p-value of a binomial test.
    """
    services.engine.admit(visit.caller)
    if not isinstance(answers, (list, tuple)) or not answers:
        raise OptionError("answers must be a list of uploaded CSV files, one or more.")
    files = [uploaded(file, "answers") for file in answers]
    with _job(services, visit, "api study") as stop:
        found = read_answers(services.engine, files, [uploaded(key, "key")], stop=stop)
    return [preference.to_json() for preference in found]


@contextmanager
def _job(services: Services, visit: Visit, kind: str) -> Iterator[threading.Event]:
    """The stop signal of a job, as long as it runs."""
    stop = services.jobs.begin(visit.session, kind)
    try:
        yield stop
    finally:
        services.jobs.end(visit.session, kind, stop)


def verify_file(services: Services, visit: Visit, file: gr.FileData) -> dict:
    """Tell whether a photo or clip carries this software's marks.

    Args:
        file: photo or clip.

    Returns:
        ``marked``, and what each layer says: metadata, hidden watermark, content credentials.
    """
    services.engine.admit(visit.caller)
    return _without_path(verify(services.engine, uploaded(file, "file")))


def _plain(value: Any) -> Any:
    """Results with files as the plain objects that clients read."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _without_path(report: VerifyReport) -> dict[str, Any]:
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


def _count(number: Any, what: str) -> int:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or number != number // 1:
        raise OptionError(f"{what} must be a whole number.")
    return int(number)
