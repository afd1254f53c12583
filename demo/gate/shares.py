"""What one caller may take of what all share: requests, open connections, visits in memory, places in the queue.

The queue serves addresses in turn, so that whoever asks for much waits for it and not the others.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import refuse
from .callers import caller_of, network_of
from .routes import Body, Door

# Opening the page costs 310 (110 files, the page itself, its first events), a swap 200, a live visitor 10 a second.
BURST_S = 30  # an address may ask for so many seconds' worth at once
_COST_OF_MB = 5  # of an upload
# Calls that are refused for what they bring, and what they cost besides: the page never makes one, attackers make many.
_REFUSED, _COST_OF_REFUSED = frozenset({400, 408, 413, 415, 422}), 200
OPEN_BY_CALLER, OPEN_BY_ALL = 200, 1500
VISITS_BY_CALLER = 40  # a visit's state takes 0.3 MB
_PAUSE_S, _MOST_PAUSING = (
    1.0,
    200,
)  # a caller above the rate waits for its refusal, so that asking on costs the host less


class Requests:
    """Requests of an address: how many are open, and how many a second.

    Args:
        app: what is behind it.
        rate: what an address may ask for in a second, in the doors' costs.
    """

    def __init__(self, app: ASGIApp, *, rate: float) -> None:
        self._app, self._rate, self._burst = app, rate, BURST_S * rate
        self._open: Counter[str] = Counter()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left of the burst; when it was
        self._pausing = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 429."""
        who = caller_of(scope)
        door: Door = scope["mfs.door"]
        if self._open[who] >= OPEN_BY_CALLER or self._open.total() >= OPEN_BY_ALL:
            await refuse(scope, receive, send, 429, "Too many connections are open. Close some.", wait_s=5)
            return
        self._open[who] += 1
        try:
            if self._pay(who, door.cost + _bytes_cost(scope, door)):
                await self._app(scope, receive, self._watching(who, send))
            else:
                await self._pause()
                await refuse(scope, receive, send, 429, "Too many requests. Wait some seconds.", wait_s=5)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

    def _watching(self, who: str, send: Send) -> Send:
        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _REFUSED and who in self._left:
                left, seen = self._left[who]
                self._left[who] = left - _COST_OF_REFUSED, seen
            await send(message)

        return watch

    def _pay(self, who: str, cost: int) -> bool:
        now = time.monotonic()
        left, seen = self._left.pop(who, (self._burst, now))
        left = min(self._burst, left + self._rate * (now - seen))
        is_enough = left >= cost
        self._left[who] = (left - cost if is_enough else left, now)
        while self._left and now - next(iter(self._left.values()))[1] > BURST_S:
            self._left.popitem(last=False)  # whose burst is whole again
        return is_enough

    async def _pause(self) -> None:
        if self._pausing < _MOST_PAUSING:
            self._pausing += 1
            try:
                await asyncio.sleep(_PAUSE_S)
            finally:
                self._pausing -= 1


class Places:
    """Places in the queue, and the state of visits.

    Args:
        app: what is behind it.
        page: Gradio's app, which holds both.
        places: of the queue, for all.
        share: of them, for one address. From the time that half are taken, an address has one.
    """

    def __init__(self, app: ASGIApp, page: Any, *, places: int, share: int) -> None:
        self._app, self._page, self._places, self._share = app, page, places, share
        self._visits: dict[str, OrderedDict[str, None]] = {}
        self._joining: Counter[str] = Counter()  # let through, not in the queue yet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 429 (the caller's places are taken) or 503 (all are)."""
        call = scope.get("mfs.call")
        if call is None:
            await self._app(scope, receive, send)
            return
        who = caller_of(scope)
        if not self._is_limited(scope, call):
            self._remember(who, call.get("session_hash"))
            await self._app(scope, receive, send)
            return
        waiting = Counter(network_of(event.request.client.host) for queue in self._queues() for event in queue.queue)
        waiting += self._joining
        if waiting.total() >= self._places:
            await refuse(scope, receive, send, 503, f"The queue is full: {waiting.total()} wait. Try again later.")
        elif waiting[who] >= (self._share if 2 * waiting.total() < self._places or self._share >= self._places else 1):
            detail = f"{waiting[who]} of your jobs are waiting already. Wait until one is done."
            await refuse(scope, receive, send, 429, detail, wait_s=5)
        else:
            self._remember(who, call.get("session_hash"))
            self._joining[who] += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._joining[who] -= 1
            for queue in self._queues():
                in_turn(queue.queue)

    def _queues(self) -> list[Any]:
        """Gradio's queues in which something can wait: those without a limit start everything at once."""
        queues = self._page.get_blocks()._queue.event_queue_per_concurrency_id.values()
        return [queue for queue in queues if queue.concurrency_limit is not None]

    def _is_limited(self, scope: Scope, call: dict[str, Any]) -> bool:
        """Whether a call wants a place: buttons that only show or hide something do not wait."""
        functions, number = self._page.get_blocks().fns, call.get("fn_index")
        if not scope["path"].endswith("/queue/join") or not isinstance(number, int) or number not in functions:
            return True
        return functions[number].concurrency_limit is not None

    def _remember(self, who: str, visit: object) -> None:
        """Note a visit; above its share an address loses its oldest one's state, as if that page had been closed."""
        if not isinstance(visit, str):
            return
        visits = self._visits.setdefault(who, OrderedDict())
        visits[visit] = None
        visits.move_to_end(visit)
        held = self._page.state_holder.session_data
        while len(visits) > VISITS_BY_CALLER:
            oldest, _ = visits.popitem(last=False)
            held.pop(oldest, None)
            self._page.state_holder.time_last_used.pop(oldest, None)
        if len(self._visits) > 1000:
            for other in [key for key, known in self._visits.items() if not any(one in held for one in known)]:
                if other != who:
                    del self._visits[other]


def _bytes_cost(scope: Scope, door: Door) -> int:
    text = Headers(scope=scope).get("content-length", "") if door.body is Body.FILES else ""
    return _COST_OF_MB * (int(text) >> 20) if text.isascii() and text.isdigit() else 0


def in_turn(waiting: list[Any]) -> None:
    """Order waiting events by turns: everybody's first, then everybody's second."""
    seen: Counter[str] = Counter()
    turns: dict[int, int] = {}
    for event in waiting:
        who = network_of(event.request.client.host)
        turns[id(event)] = seen[who]
        seen[who] += 1
    waiting.sort(key=lambda event: turns[id(event)])
