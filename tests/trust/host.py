"""Attacks on a public host, each against a real server: what it took before, what it takes now, and the bound it must keep.

Everything goes to 127.0.0.0/8; ``python -m tests.trust host`` runs in a network namespace of its own where one can be made.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from .photos import PORTRAITS
from .visitors import Server

PASSWORD = "correct horse"  # of the server with a login
SITE = "https://elsewhere.example"
PER_MINUTE = 20  # swaps of one address
PHOTO = sorted(PORTRAITS.glob("*.webp"))[0]


@dataclass(frozen=True, slots=True)
class Row:
    """One attack.

    Attributes:
        item: short name.
        attack: what was sent.
        before: what the audit of revision 669be53 measured.
        now: what was measured now.
        bound: that ``now`` must keep.
        held: whether it did.
        seconds: the attack took.
        memory_mb: the server's resident memory grew by at most so much meanwhile.
    """

    item: str
    attack: str
    before: str
    now: str
    bound: str
    held: bool
    seconds: float
    memory_mb: float


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A server under attack.

    Attributes:
        server: where.
        temporary: its temporary folder.
    """

    server: Server
    temporary: Path

    @property
    def url(self) -> str:
        return self.server.url

    def client(self, address: str = "127.0.0.1") -> httpx.Client:
        """A caller at an address of this machine."""
        return httpx.Client(timeout=120, transport=httpx.HTTPTransport(local_address=address))

    def memory_mb(self) -> float:
        """Resident memory of the server."""
        with open(f"/proc/{self.server.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def files(self) -> int:
        """Files in the server's folders."""
        return sum(1 for path in self.temporary.rglob("*") if path.is_file())


Attack = Callable[[Host], tuple[str, bool]]
ATTACKS: dict[str, tuple[str, str, str, bool, Attack]] = {}


def attack(item: str, what: str, before: str, bound: str, *, with_login: bool = False) -> Callable[[Attack], Attack]:
    """Register an attack; it returns what was measured and whether the bound was kept."""

    def register(run: Attack) -> Attack:
        ATTACKS[item] = (what, before, bound, with_login, run)
        return run

    return register
