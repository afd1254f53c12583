"""Run many pairs: in this process, or on Ray actors that hold the models.

Results come back in any order; whoever writes them must not care. At most two pairs per worker are in flight, so that
memory does not grow with the number of pairs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from mobilefaceswap_core.errors import BackendError, OptionError

EXECUTORS = ("serial", "ray")
_IN_FLIGHT_PER_WORKER = 2
_PATIENCE_S = 1800  # until a worker answers; the first pair waits for its models, others take seconds
# Ray starts a worker again when it has not reported after so many seconds; its default of 60 never ends on a busy machine.
_REGISTER_S = {"RAY_worker_register_timeout_seconds": "600"}
Result = TypeVar("Result")


class Worker(Protocol, Generic[Result]):
    """Holds models; does one job at a time."""

    def run(self, job: Any) -> list[Result]:
        """Results of one job."""
        ...


def run_jobs(
    jobs: Iterable[Any],
    make_worker: Callable[..., Worker[Result]],
    arguments: dict[str, Any],
    *,
    executor: str,
    workers: int,
) -> Iterator[list[Result]]:
    """Yield the results of each job.

    Args:
        jobs: anything that can be pickled; read lazily.
        make_worker: class or function, called once per worker.
        arguments: its keyword arguments.
        executor: ``serial`` or ``ray``.
        workers: actors of the Ray backend.

    Raises:
        OptionError: for an unknown executor.
        BackendError: when Ray is not installed, or no worker answers for half an hour.
    """
    if executor == "serial":
        worker = make_worker(**arguments)
        for job in jobs:
            yield worker.run(job)
    elif executor == "ray":
        yield from _run_on_ray(iter(jobs), make_worker, arguments, workers)
    else:
        raise OptionError(f"Unknown executor {executor!r}; choose one of {', '.join(EXECUTORS)}.")


def _run_on_ray(
    jobs: Iterator[Any], make_worker: Callable[..., Worker[Result]], arguments: dict[str, Any], workers: int
) -> Iterator[list[Result]]:
    try:
        import ray
    except ImportError as error:
        raise BackendError("--executor ray needs Ray: pip install ray, or use --executor serial.") from error
    started = not ray.is_initialized()
    if started:
        os.environ.update({key: os.environ.get(key, value) for key, value in _REGISTER_S.items()})
        # A running cluster is joined when RAY_ADDRESS says so; otherwise one is started on this machine.
        ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
    actors = [ray.remote(make_worker).remote(**arguments) for _ in range(max(1, workers))]
    flying: dict[Any, Any] = {}
    try:
        for actor in [a for _ in range(_IN_FLIGHT_PER_WORKER) for a in actors]:
            if (job := next(jobs, None)) is not None:
                flying[actor.run.remote(job)] = actor
        while flying:
            ready, _ = ray.wait(list(flying), num_returns=1, timeout=_PATIENCE_S)
            if not ready:
                raise BackendError(
                    f"No Ray worker answered within {_PATIENCE_S} seconds. Look at `ray status`: each worker needs a free "
                    "processor and memory for the models. Go on with --resume, fewer --workers or --executor serial."
                )
            actor = flying.pop(ready[0])
            yield ray.get(ready[0])
            if (job := next(jobs, None)) is not None:
                flying[actor.run.remote(job)] = actor
    finally:
        for actor in actors:
            ray.kill(actor)
        if started:
            ray.shutdown()
