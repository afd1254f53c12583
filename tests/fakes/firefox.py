"""Firefox without a driver: its own protocol for tests, Marionette, over a socket of this machine."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FIREFOX = os.environ.get("MOBILEFACESWAP_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
PATIENCE_S = 90  # two busy cores
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # how WebDriver spells an element
# A camera that software makes up, lent without a question; nothing is asked of other hosts.
_PREFERENCES = {
    "media.navigator.streams.fake": True, "media.navigator.permission.disabled": True,
    "datareporting.policy.dataSubmissionEnabled": False, "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False, "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False, "services.settings.server": "data:,none",
    "extensions.systemAddon.update.enabled": False,
}  # fmt: skip


class Firefox:
    """One window."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rwb")
        self._numbers = itertools.count(1)
        self._read()  # who speaks
        self.ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"timeouts": {"script": 1000 * PATIENCE_S}}}})

    def ask(self, command: str, given: dict[str, Any]) -> Any:
        """What a command answers; an error of the browser is an ``AssertionError``."""
        message = json.dumps([0, next(self._numbers), command, given]).encode()
        self._stream.write(b"%d:%s" % (len(message), message))
        self._stream.flush()
        _, _, error, result = self._read()
        assert error is None, f"{command}: {error}"
        return result

    def _read(self) -> Any:
        length = b""
        while (digit := self._stream.read(1)) != b":":
            if not digit:
                raise ConnectionError("Firefox ended")
            length += digit
        return json.loads(self._stream.read(int(length)))

    def goto(self, address: str) -> None:
        self.ask("WebDriver:Navigate", {"url": address})

    def evaluate(self, code: str, *given: Any) -> Any:
        """What an async function of JavaScript answers."""
        script = f"({code})(...Array.from(arguments).slice(0, -1)).then(arguments[arguments.length - 1], (e) => {{ throw e; }})"
        return self.ask("WebDriver:ExecuteAsyncScript", {"script": script, "args": list(given)})["value"]

    def wait_for(self, expression: str) -> Any:
        """The value of an expression once it is true."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if value := self.evaluate(f"async () => {expression}"):
                return value
            time.sleep(0.1)
        raise AssertionError(f"never true: {expression}")

    def click(self, selector: str) -> None:
        self.ask("WebDriver:ElementClick", {"id": self._element(selector)})

    def give_file(self, selector: str, path: Path) -> None:
        self.ask("WebDriver:ElementSendKeys", {"id": self._element(selector), "text": str(path)})

    def _element(self, selector: str) -> str:
        return self.ask("WebDriver:FindElement", {"using": "css selector", "value": selector})["value"][_ELEMENT]


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """Headless Firefox with a new profile in an empty folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    written = _PREFERENCES | {"marionette.port": port}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in written.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [str(FIREFOX), "--marionette", "--headless", "--no-remote", "--width", "412", "--height", "915",
               "--profile", str(profile)]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with _connected(port, process) as connection:
            yield Firefox(connection)
    finally:
        process.terminate()
        process.wait(20)


def _connected(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            connection.settimeout(PATIENCE_S)
            return connection
        except OSError:
            time.sleep(0.2)
    raise ConnectionError(f"Firefox opened no port (exit status {process.poll()})")
