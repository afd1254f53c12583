"""Attacks on a public host, each against a real server: what it took before, what it takes now, and the bound it must keep.

Everything goes to 127.0.0.0/8; ``python -m tests.trust host`` runs in a network namespace of its own where one can be made.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from .photos import PORTRAITS
from .visitors import DEFAULTS, Server, served

PASSWORD = "correct horse"  # of the server with a login
SITE = "https://elsewhere.example"
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


@attack("1 run", "16 swaps at once by /run and /api", "8.3 GB, orderly visitors starve", "404, below 100 MB")
def run(host: Host) -> tuple[str, bool]:
    with host.client() as client:
        photo = host.server.upload(client, PHOTO)

    def ask(number: int) -> int:
        path = ("run/swap_image", "api/swap_image", "run/predict", "api/predict/")[number % 4]
        body = {"data": [photo, photo, True, "auto", "all", *DEFAULTS], "fn_index": 36}
        with host.client() as client:
            return client.post(f"{host.url}/gradio_api/{path}", json=body).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(ask, range(16)))
    return f"status {answers}", answers == {404}


def poured(host: Host, path: str, kind: str, megabytes: int, begin: bytes = b"", **headers: str) -> tuple[int, float]:
    """Send a body without a declared length; the status, and how many megabytes the server took."""
    taken = 0

    def body() -> Iterator[bytes]:
        nonlocal taken
        yield begin
        for _ in range(megabytes * 4):
            yield bytes(1 << 18)
            taken += 1 << 18

    with host.client() as client:
        try:
            status = client.post(host.url + path, content=body(), headers={"content-type": kind, **headers}).status_code
        except httpx.HTTPError:  # answered and closed while we still sent
            status = 0
    return status, taken / (1 << 20)


_FORM = "multipart/form-data; boundary=x"
_FIELD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


@attack("3 form field", "one form field of 600 MB on /upload", "600 MB held, before the login", "few MB taken")
def form_field(host: Host) -> tuple[str, bool]:
    status, taken = poured(host, "/gradio_api/upload", _FORM, 600, _FIELD)
    return f"status {status or 'closed'}, {taken:.0f} MB taken", status in (0, 400, 413) and taken < 30


@attack("3 other type", "300 MB declared multipart/x on a call", "300 MB held", "few MB taken")
def other_type(host: Host) -> tuple[str, bool]:
    status, taken = poured(host, "/gradio_api/call/verify", "multipart/x; boundary=x", 300)
    return f"status {status or 'closed'}, {taken:.0f} MB taken", status in (0, 413) and taken < 30


@attack("3 component server", "a form on /component_server", "held without limit", "404")
def component_server(host: Host) -> tuple[str, bool]:
    status, taken = poured(host, "/gradio_api/component_server", _FORM, 100, _FIELD)
    return f"status {status or 'closed'}, {taken:.0f} MB taken", status in (0, 404) and taken < 30


@attack("3 many files", "400 files in one upload", "400 files written", "400, no file left")
def many_files(host: Host) -> tuple[str, bool]:
    before = host.files()
    with host.client() as client:
        files = [("files", (f"{number}.png", b"x")) for number in range(400)]
        status = client.post(f"{host.url}/gradio_api/upload", files=files).status_code
    left = host.files() - before
    return f"status {status}, {left} files left", status == 400 and left == 0


@attack(
    "3 disk",
    "uploads of 4 MB without end by one address, then another's",
    "no quota",
    "507 at 20 MB, the other is served",
)
def disk(host: Host) -> tuple[str, bool]:
    sent, status = 0, 200
    with host.client("127.0.0.9") as client:
        while status == 200 and sent < 200:
            data = secrets.token_bytes(1 << 10) * (4 << 10)
            status = client.post(f"{host.url}/gradio_api/upload", files={"files": ("a.png", data)}).status_code
            sent += 4 if status == 200 else 0
    with host.client("127.0.0.10") as client:
        other = client.post(f"{host.url}/gradio_api/upload", files={"files": ("a.png", b"x")}).status_code
    return f"status {status} after {sent} MB, the other {other}", status == 507 and sent <= 20 and other == 200


@attack("3 before login", "600 MB on /upload without a login", "held", "401, few MB taken", with_login=True)
def before_login(host: Host) -> tuple[str, bool]:
    status, taken = poured(host, "/gradio_api/upload", _FORM, 600, _FIELD)
    return f"status {status or 'closed'}, {taken:.0f} MB taken", status in (0, 401) and taken < 30


@attack(
    "4 recording",
    "a playlist of the host's files to /process_recording",
    "ffmpeg runs on it, files and processes stay",
    "404, no file",
)
def recording(host: Host) -> tuple[str, bool]:
    before = host.files()
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    with host.client() as client:
        answer = client.post(f"{host.url}/gradio_api/process_recording", files={"video": ("a.mp4", playlist)})
    return (
        f"status {answer.status_code}, {host.files() - before} files",
        answer.status_code == 404 and host.files() == before,
    )


@attack(
    "5 brackets",
    "8 MB of brackets as a call, four times at once",
    "the page stands still for 9 s",
    "others wait below 1 s",
)
def brackets(host: Host) -> tuple[str, bool]:
    longest = 0.0
    with ThreadPoolExecutor(8) as pool:
        bodies = [b'{"data": [' + b"[]," * (8 << 20 >> 2) + b"[]]}", b"[" * (8 << 20)]
        small = [b'{"data": [' + b"[]," * 20_000 + b"[]]}", b"[" * 60_000]

        def send(body: bytes) -> int:
            with contextlib.suppress(httpx.HTTPError), host.client() as client:
                return client.post(f"{host.url}/gradio_api/queue/join", content=body).status_code
            return 0

        sent = [pool.submit(send, body) for body in [*bodies, *bodies, *small, *small]]
        with host.client("127.0.0.2") as client:
            while not all(one.done() for one in sent):
                begun = time.monotonic()
                client.get(f"{host.url}/theme.css").raise_for_status()
                longest = max(longest, time.monotonic() - begun)
        answers = {one.result() for one in sent}
    return f"status {sorted(answers)}, others waited {longest:.2f} s", answers <= {0, 400, 413} and longest < 1


@attack(
    "6 fetching",
    "file=http://..., file/http://..., proxy=, a call that names an address",
    "the host fetches it",
    "no connection made",
)
def fetching(host: Host) -> tuple[str, bool]:
    with socket.socket() as listener, host.client() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(1.5)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        paths = [f"{start}{address}" for start in ("file=", "file/", "proxy=")]
        paths += [f"file=HTTP%3A//{address[7:]}", f"file/{address.replace('/', '%2F')}"]
        answers = {client.get(f"{host.url}/gradio_api/{path}").status_code for path in paths}
        body = {"data": [{"path": address, "meta": {"_type": "gradio.FileData"}}]}
        answers.add(client.post(f"{host.url}/gradio_api/call/verify", json=body).status_code)
        try:
            listener.accept()[0].close()
            connected = True
        except TimeoutError:
            connected = False
    return f"status {sorted(answers)}, {'a' if connected else 'no'} connection", answers <= {400, 404} and not connected


class Visit:
    """A visit of the page as its scripts make it: private events, by their numbers.

    Args:
        host: where.
        client: by whom.
    """

    def __init__(self, host: Host, client: httpx.Client, config: dict[str, Any]) -> None:
        self._host, self._client, self.session = host, client, secrets.token_hex(6)
        self._ids = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
        self._config = config

    def number(self, *, clicked: str | None = None, fills: str | None = None) -> int:
        """The first event that a click starts, or that fills a component."""
        for event in self._config["dependencies"]:
            starts = [target[0] for target in event["targets"] if target[1] == "click"]
            if self._ids.get(clicked) in starts or self._ids.get(fills) in event["outputs"]:
                return int(event["id"])
        raise LookupError(f"no event for {clicked or fills}")

    def filled(self, number: int, **values: Any) -> list[Any]:
        """Data of an event: what is given by element id, dashes as underscores, and what the page shows for the rest."""
        given = {self._ids[name.replace("_", "-")]: value for name, value in values.items()}
        shown = {c["id"]: c["props"].get("value") for c in self._config["components"] if c["type"] != "state"}
        inputs = next(event["inputs"] for event in self._config["dependencies"] if event["id"] == number)
        return [given.get(component, shown.get(component)) for component in inputs]

    def send(self, number: int, data: list[Any]) -> dict[str, Any]:
        """Ask for an event and wait for its answer."""
        body = {"data": data, "fn_index": number, "session_hash": self.session, "trigger_id": None, "event_data": None}
        answer = self._client.post(f"{self._host.url}/gradio_api/queue/join", json=body)
        if answer.status_code != 200:
            return {"success": False, "output": {"error": answer.text}}
        url = f"{self._host.url}/gradio_api/queue/data?session_hash={self.session}"
        with self._client.stream("GET", url) as lines:
            for line in lines.iter_lines():
                if line.startswith("data: ") and (message := json.loads(line[6:]))["msg"] == "process_completed":
                    return dict(message)
        return {"success": False, "output": {"error": "no answer"}}


@attack(
    "8 live",
    "12 live sessions, prepared and abandoned by one address",
    "10 MB each, kept for an hour",
    "2 prepared, below 150 MB",
)
def live(host: Host) -> tuple[str, bool]:
    prepared, refused = 0, ""
    with host.client("127.0.0.8") as client:
        config = client.get(f"{host.url}/config").json()
        photo = host.server.upload(client, PHOTO)
        for _ in range(12):
            visit = Visit(host, client, config)
            visit.send(visit.number(clicked="agree-live"), [])
            event = visit.number(fills="live-status")
            done = visit.send(event, visit.filled(event, live_source=photo))
            if done["success"]:
                prepared += 1
            else:
                refused = str(done["output"].get("error"))
    return f"{prepared} prepared, then: {refused[:60]}", 1 <= prepared <= 2 and "address already" in refused


@attack(
    "12 other sites",
    "a call, a login and a page in a frame from another website",
    "answered with its origin and credentials",
    "403, no CORS header, frame-ancestors",
    with_login=True,
)
def other_sites(host: Host) -> tuple[str, bool]:
    with host.client() as client:
        login(host, client)
        page = client.get(host.url)
        own = client.get(f"{host.url}/config", headers={"origin": host.url}).status_code
        foreign = [
            client.get(f"{host.url}/config", headers={"origin": SITE}),
            client.post(f"{host.url}/gradio_api/queue/join", json={"data": []}, headers={"origin": SITE}),
            client.post(f"{host.url}/login", data={"username": "me", "password": PASSWORD}, headers={"origin": "null"}),
            client.get(f"{host.url}/logout", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}),
        ]
        preflight = client.options(
            f"{host.url}/gradio_api/upload", headers={"origin": SITE, "access-control-request-method": "POST"}
        )
    statuses = [answer.status_code for answer in foreign]
    shared = [n for a in [page, preflight, *foreign] for n in a.headers if n.startswith("access-control")]
    framed = "frame-ancestors 'self'" in page.headers["content-security-policy"]
    held = own == 200 and set(statuses) == {403} and preflight.status_code == 404 and not shared and framed
    return f"status {sorted(set(statuses))}, preflight {preflight.status_code}, {len(shared)} CORS headers", held


def login(host: Host, client: httpx.Client) -> None:
    """Log in as the page does; over plain HTTP only the cookie for it is sent back."""
    client.post(f"{host.url}/login", data={"username": "me", "password": PASSWORD}).raise_for_status()


@attack("12 guesses", "passwords guessed for 5 s by 8 at once", "900 a second", "at most 7, then 429", with_login=True)
def guesses(host: Host) -> tuple[str, bool]:
    until, tried = time.monotonic() + 5, {400: 0, 429: 0}
    lock = threading.Lock()

    def guess(_: int) -> None:
        with host.client("127.0.0.7") as client:
            while time.monotonic() < until:
                form = {"username": "me", "password": secrets.token_hex(4)}
                status = client.post(f"{host.url}/login", data=form).status_code
                with lock:
                    tried[status] = tried.get(status, 0) + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(guess, range(8)))
    with host.client() as client:  # the owner, elsewhere, is not locked out
        login(host, client)
        known = client.get(f"{host.url}/config").status_code
    return f"{tried[400]} judged, {tried[429]} refused, owner {known}", tried[400] <= 7 and set(tried) <= {
        400,
        429,
    } and known == 200


@attack(
    "12 open routes",
    "routes of the allow-list without a login",
    "/browser/ and others open",
    "401 all, but the login page and its files",
    with_login=True,
)
def open_routes(host: Host) -> tuple[str, bool]:
    paths = ["browser/", "browser/index.html", "config", "gradio_api/info", "gradio_api/heartbeat/a", "gradio_api/file=/etc/passwd",
             "gradio_api/queue/data?session_hash=a", "gradio_api/upload_progress?upload_id=a"]  # fmt: skip
    with host.client() as client:
        answers = {path: client.get(f"{host.url}/{path}").status_code for path in paths}
        posts = {path: client.post(f"{host.url}/gradio_api/{path}", json={}).status_code
                 for path in ("queue/join", "stream/a", "stream/a/close", "cancel", "reset", "upload", "call/verify")}  # fmt: skip
        page = client.get(host.url).status_code
    wrong = [path for path, status in {**answers, **posts}.items() if status != 401]
    return f"{len(answers) + len(posts)} routes, not 401: {wrong or 'none'}", not wrong and page == 200


@attack(
    "13 queue",
    "21 swaps asked for by one address, then one by another",
    "21 of 21 places taken",
    "5 places and what runs, the other is served",
)
def queue(host: Host) -> tuple[str, bool]:
    with host.client("127.0.0.5") as client:
        photo = host.server.upload(client, PHOTO)
        asked = {"data": [photo, photo, True, "auto", "all", *DEFAULTS]}

        def ask(_: int) -> int:
            return client.post(f"{host.url}/gradio_api/call/swap_image", json=asked).status_code

        with ThreadPoolExecutor(21) as pool:
            answers = list(pool.map(ask, range(21)))
        with host.client("127.0.0.6") as other:
            begun = time.monotonic()
            host.server.swap(other, PHOTO, PHOTO)
            waited = time.monotonic() - begun
    return f"{answers.count(200)} taken, {answers.count(429)} refused, the other {waited:.1f} s", answers.count(
        429
    ) >= 10


@attack(
    "14 forwarded",
    "30 swaps in a minute, each with another X-Forwarded-For",
    "believed from this machine",
    "20 served, the rest refused",
)
def forwarded(host: Host) -> tuple[str, bool]:
    served_ones = refused = 0
    with host.client("127.0.0.4") as client:
        photo = host.server.upload(client, PHOTO)
        for number in range(30):
            client.headers["x-forwarded-for"] = f"203.0.113.{number}"
            try:
                data = [photo, photo, True, "auto", "all", *DEFAULTS]
                host.server.answer(client, "swap_image", host.server.ask(client, "swap_image", data))
                served_ones += 1
            except RuntimeError:
                refused += 1
    return f"{served_ones} served, {refused} refused", served_ones == PER_MINUTE and refused == 30 - PER_MINUTE


PER_MINUTE = 20


@attack(
    "15 folders",
    "other users of the machine: folders, results, links",
    "0755 and guessable, links followed",
    "0700, 0600, links not served",
)
def folders(host: Host) -> tuple[str, bool]:
    with host.client("127.0.0.3") as client:
        host.server.swap(client, PHOTO, PHOTO)
        photo = Path(host.server.upload(client, PHOTO)["path"])
        (photo.parent / "link.png").symlink_to("/etc/passwd")
        link = client.get(f"{host.url}/gradio_api/file={photo.parent / 'link.png'}").status_code
        (photo.parent / "link.png").unlink()
    modes = {stat.S_IMODE(path.lstat().st_mode) for path in host.temporary.rglob("*") if path.is_dir()}
    written = [photo, *host.temporary.rglob("swapped.png")]  # copies of the examples keep the examples' modes
    files = {stat.S_IMODE(path.lstat().st_mode) for path in written}
    shown = f"folders {[oct(m) for m in modes]}, files {[oct(m) for m in files]}, link {link}"
    return shown, modes == {0o700} and files == {0o600} and link == 404


@attack(
    "19 others",
    "/monitoring, deep_link, openapi, vibe, a path of the host in a call",
    "open; the app's folder in an answer",
    "404, no folder named",
)
def others(host: Host) -> tuple[str, bool]:
    paths = ["monitoring", "monitoring/summary", "gradio_api/deep_link?session_hash=a", "gradio_api/openapi.json", "docs",
             "gradio_api/vibe-code/", "gradio_api/queue/status", "gradio_api/app_id", "gradio_api/token", "gradio_api/dev/reload",
             "pwa_icon/9999", "svelte/x.js", "gradio_api/custom_component/a/client/b/c"]  # fmt: skip
    body = {"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}
    with host.client() as client:
        answers = {client.get(f"{host.url}/{path}").status_code for path in paths}
        told = client.post(f"{host.url}/gradio_api/call/verify", json=body).text
    named = str(Path.cwd()) in told or str(host.temporary) in told
    return f"status {answers}, {'a' if named else 'no'} folder named", answers == {404} and not named


@contextlib.contextmanager
def hosts() -> Iterator[tuple[Host, Host]]:
    """A server as a public host would set it, and one with a login; both warmed up."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two, contextlib.ExitStack() as stack:
        made = []
        for place, settings in ((one, {"per_minute": PER_MINUTE}), (two, {"auth": f"me:{PASSWORD}"})):
            (Path(place) / "temporary").mkdir()
            server = stack.enter_context(
                served(Path(place) / "temporary", max_upload_mb=10, visitor_mb=20, disk_mb=200, **settings)
            )
            made.append(Host(server, Path(place) / "temporary"))
        with made[0].client("127.0.0.99") as client:
            made[0].server.swap(client, PHOTO, PHOTO)
        yield made[0], made[1]


def measure() -> list[Row]:
    """Every attack, one after another."""
    rows = []
    with hosts() as (public, private):
        for item, (what, before, bound, with_login, run_attack) in ATTACKS.items():
            host = private if with_login else public
            at_first, peak, stop = host.memory_mb(), [0.0], threading.Event()

            def watch(host: Host = host, peak: list[float] = peak, stop: threading.Event = stop) -> None:
                while not stop.wait(0.02):
                    peak[0] = max(peak[0], host.memory_mb())

            watcher = threading.Thread(target=watch)
            watcher.start()
            begun = time.monotonic()
            try:
                now, held = run_attack(host)
            except (httpx.HTTPError, LookupError, RuntimeError) as error:
                now, held = f"{type(error).__name__}: {error}", False
            seconds = time.monotonic() - begun
            stop.set()
            watcher.join()
            grown = max(0.0, peak[0] - at_first)
            rows.append(Row(item, what, before, now, bound, held and grown < 150, round(seconds, 1), round(grown)))
    return rows


def table(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows as a table shows them."""
    return [asdict(row) | {"held": "yes" if row.held else "NO"} for row in rows]
