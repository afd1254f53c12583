"""Run many pairs: in this process, in several, or on Ray actors; each worker holds the models.

Jobs come in units: one worker does all jobs of a unit, in their order. Results come back in any order; whoever writes them
must not care. At most two jobs per worker are in flight, so that memory does not grow with the number of pairs. Workers share
nothing but files.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Protocol, TypeVar, cast

from mobilefaceswap_core.errors import BackendError, OptionError
from mobilefaceswap_core.runtime.devices import is_cpu
from mobilefaceswap_core.runtime.threads import default_threads

EXECUTORS = ("auto", "serial", "processes", "ray")
_IN_FLIGHT_PER_WORKER = 2
_PATIENCE_S = 1800  # until a worker answers; the first pair waits for its models, others take seconds
# Ray starts a worker again when it has not reported after so many seconds; its default of 60 never ends on a busy machine.
_REGISTER_S = {"RAY_worker_register_timeout_seconds": "600"}
# Images from which a second process, which loads the models again in some four seconds, is worth it.
_WORTH_PROCESSES = 48
# Imported once, in the process that workers branch off from. None of them starts a thread by being imported.
_IMPORTED_ONCE = ("cv2", "torch", "onnxruntime", "skimage.color", "eval.swap", "eval.judge_worker")
_FAREWELL_S = 10.0
Result = TypeVar("Result")
Units = Iterable[Iterable[Any]]  # of jobs
Crew = Callable[[Units], Iterator[list[Any]]]  # the results of each job; may be called again


class Worker(Protocol, Generic[Result]):
    """Holds models; does one job at a time."""

    def run(self, job: Any) -> list[Result]:
        """Results of one job."""
        ...


def chosen_executor(executor: str, *, images: int, device: str, units: int) -> str:
    """What ``auto`` stands for: ``processes`` where they are worth it, else ``serial``; other names stand for themselves.

    Args:
        executor: one of :data:`EXECUTORS`.
        images: swapped ones, of all methods.
        device: torch device; a GPU is not shared.
        units: what can be done side by side (:func:`eval.units.count_units`).
    """
    if executor != "auto":
        return executor
    is_worth = images >= _WORTH_PROCESSES and units > 1 and default_threads() > 1 and is_cpu(device)
    return "processes" if is_worth else "serial"


def run_jobs(
    units: Units,
    make_worker: Callable[..., Worker[Result]],
    arguments: dict[str, Any],
    *,
    executor: str,
    workers: int,
) -> Iterator[list[Result]]:
    """Yield the results of each job; arguments and errors are those of :func:`crew`."""
    with crew(make_worker, arguments, executor=executor, workers=workers) as run:
        yield from run(units)


@contextmanager
def crew(
    make_worker: Callable[..., Worker[Result]], arguments: dict[str, Any], *, executor: str, workers: int
) -> Iterator[Crew]:
    """Workers that live as long as the context. Each is made when it gets its first job.

    Args:
        make_worker: class or function, called once per worker.
        arguments: its keyword arguments.
        executor: ``serial``, ``processes`` or ``ray``.
        workers: processes, or actors of the Ray backend.

    Yields:
        A function of units of jobs, which are anything that can be pickled and are read lazily.

    Raises:
        OptionError: for an unknown executor.
        BackendError: when Ray is not installed, a process ends, or no worker answers for half an hour.
    """
    if executor == "serial":
        yield _in_this_process(make_worker, arguments)
    elif executor == "processes":
        with _in_processes(make_worker, arguments, workers) as run:
            yield run
    elif executor == "ray":
        with _on_ray(make_worker, arguments, workers) as run:
            yield run
    else:
        raise OptionError(f"Unknown executor {executor!r}; choose one of {', '.join(EXECUTORS)}.")


def _in_this_process(make_worker: Callable[..., Worker[Result]], arguments: dict[str, Any]) -> Crew:
    made: list[Worker[Result]] = []

    def run(units: Units) -> Iterator[list[Result]]:
        for job in chain.from_iterable(units):
            if not made:
                made.append(make_worker(**arguments))
            yield made[0].run(job)

    return run


class _Waiting:
    """Units that wait for workers. A worker is given the jobs of one, and then begins the next."""

    def __init__(self, units: Units) -> None:
        self._units = iter(units)
        self._begun: dict[int, Iterator[Any]] = {}

    def next_for(self, worker: int) -> Any:
        """The worker's next job; ``None`` when there is none left for it."""
        while True:
            if (job := next(self._begun.get(worker, iter(())), None)) is not None:
                return job
            if (unit := next(self._units, None)) is None:
                return None
            self._begun[worker] = iter(unit)


@contextmanager
def _in_processes(
    make_worker: Callable[..., Worker[Result]], arguments: dict[str, Any], workers: int
) -> Iterator[Crew]:
    # A fork of this process could hold locks of its threads; a server that has only imported what all need holds none.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(list(_IMPORTED_ONCE))
        atexit.register(_end_server)
    started: dict[Connection, Any] = {}

    def start() -> Connection:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, make_worker, arguments), daemon=True)
        process.start()
        theirs.close()  # so that a process that ends is noticed here, and the end of this one there
        started[ours] = process
        return ours  # type: ignore[no-any-return]

    def run(units: Units) -> Iterator[list[Result]]:
        waiting, places = _Waiting(units), list(started)
        flying = dict.fromkeys(started, 0)
        for place in [*range(max(1, workers))] * _IN_FLIGHT_PER_WORKER:
            if (job := waiting.next_for(place)) is None:
                continue
            if place >= len(places):
                places.append(start())
            connection = places[place]
            _send(connection, started[connection], job)
            flying[connection] = flying.get(connection, 0) + 1
        while any(flying.values()):
            ready = wait([one for one, count in flying.items() if count], timeout=_PATIENCE_S)
            if not ready:
                raise BackendError(f"No process answered within {_PATIENCE_S} seconds. {_GO_ON}")
            for connection in cast(list[Connection], ready):
                yield _answer(connection, started[connection])
                flying[connection] -= 1
                if (job := waiting.next_for(places.index(connection))) is not None:
                    _send(connection, started[connection], job)
                    flying[connection] += 1

    try:
        yield run
    finally:
        for connection in started:
            connection.close()
        for process in started.values():
            process.join(_FAREWELL_S)
            process.kill()


def _end_server() -> None:
    """Wait for the server and, through it, for its workers: whoever asks what this process took is told of theirs too."""
    from multiprocessing import forkserver  # not on every system

    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # multiprocessing offers no other way


_GO_ON = "Go on with --resume, fewer --workers or --executor serial."


def _send(connection: Connection, process: Any, job: Any) -> None:
    try:
        connection.send(job)
    except OSError as gone:
        raise _ended(process) from gone


def _ended(process: Any) -> BackendError:
    process.join(_FAREWELL_S)
    return BackendError(
        f"A process of the evaluation ended with exit code {process.exitcode}; -9 is a machine out of memory. {_GO_ON}"
    )


def _answer(connection: Connection, process: Any) -> Any:
    try:
        results, error = connection.recv()
    except (EOFError, OSError) as gone:
        raise _ended(process) from gone
    if error is not None:
        raise error
    return results


def _serve(connection: Connection, make_worker: Callable[..., Worker[Any]], arguments: dict[str, Any]) -> None:
    """What a process does: one job after another, until whoever started it is gone."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # the keyboard's interrupt reaches all; the one that started this ends it
    made: list[Worker[Any]] = []
    with suppress(EOFError, OSError):
        while True:
            job = connection.recv()
            try:
                if not made:
                    made.append(make_worker(**arguments))
                answer: Any = (made[0].run(job), None)
            except Exception as error:
                error.add_note(traceback.format_exc())  # a traceback does not travel
                answer = (None, error)
            connection.send(answer)


@contextmanager
def _on_ray(make_worker: Callable[..., Worker[Result]], arguments: dict[str, Any], workers: int) -> Iterator[Crew]:
    try:
        import ray
    except ImportError as error:
        raise BackendError(
            "--executor ray needs Ray: pip install ray, or use --executor processes or serial."
        ) from error
    started = not ray.is_initialized()
    if started:
        os.environ.update({key: os.environ.get(key, value) for key, value in _REGISTER_S.items()})
        # A running cluster is joined when RAY_ADDRESS says so; otherwise one is started on this machine.
        ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
    actors = [ray.remote(make_worker).remote(**arguments) for _ in range(max(1, workers))]

    def run(units: Units) -> Iterator[list[Result]]:
        waiting = _Waiting(units)
        flying: dict[Any, int] = {}  # actors by place
        for place in [*range(len(actors))] * _IN_FLIGHT_PER_WORKER:
            if (job := waiting.next_for(place)) is not None:
                flying[actors[place].run.remote(job)] = place
        while flying:
            ready, _ = ray.wait(list(flying), num_returns=1, timeout=_PATIENCE_S)
            if not ready:
                raise BackendError(
                    f"No Ray worker answered within {_PATIENCE_S} seconds. Look at `ray status`: each worker needs a free "
                    f"processor and memory for the models. {_GO_ON}"
                )
            place = flying.pop(ready[0])
            yield ray.get(ready[0])
            if (job := waiting.next_for(place)) is not None:
                flying[actors[place].run.remote(job)] = place

    try:
        yield run
    finally:
        for actor in actors:
            ray.kill(actor)
        if started:
            ray.shutdown()
