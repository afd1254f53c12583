"""Attacks on a public host by where and as whom one asks: addresses, other sites, guesses, the queue, private events."""

from __future__ import annotations

import json
import secrets
import socket
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from .host import PASSWORD, PER_MINUTE, PHOTO, SITE, Host, attack
from .visitors import DEFAULTS


def login(host: Host, client: httpx.Client) -> None:
    """Log in as the page does; over plain HTTP only the cookie for it is sent back."""
    client.post(f"{host.url}/login", data={"username": "me", "password": PASSWORD}).raise_for_status()


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
                 for path in ("queue/join", "cancel", "reset", "upload", "call/verify")}  # fmt: skip
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
