"""A headless Chromium that opens files: driven through the DevTools protocol over a pair of pipes.

Nothing but the browser itself is needed; where there is none, tests that want one are skipped.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Event = tuple[str, dict[str, Any]]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def browser() -> str | None:
    """The command of a Chromium, None where there is none; CHROMIUM in the environment names it."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, [named] if named else NAMES)), None)


class Page:
    """One tab: its events are kept, in the order in which they came."""

    def __init__(self, chromium: Chromium, session: str, events: list[Event]) -> None:
        self._chromium, self._session, self.events = chromium, session, events
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        return self._chromium.call(method, parameters, self._session)

    def open(self, path: Path, width: int = 1280, height: int = 900) -> None:
        """Load a file and wait until it has loaded and two frames are drawn."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.events.clear()
        self.send("Page.navigate", url=path.absolute().as_uri())
        self.loaded()
        self.settle()

    def loaded(self) -> None:
        """Wait until the page has loaded."""
        self._chromium.wait(lambda: "Page.loadEventFired" in dict(self.events))

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        frames = "new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(1))))"
        self.run(frames)

    def run(self, script: str) -> Any:
        """Return what an expression of JavaScript, or a promise, comes to."""
        found = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            raise AssertionError(found["exceptionDetails"]["exception"].get("description"))
        return found["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression holds."""
        end = time.monotonic() + PATIENCE
        while not self.run(script):
            if time.monotonic() > end:
                raise AssertionError(f"it never holds: {script}")
            self.settle()

    def texts(self, selector: str) -> list[str]:
        """Return the text of every element that `selector` finds."""
        return self.run(
            f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)"
        )

    def click(self, selector: str) -> None:
        """Scroll to an element and click in its middle."""
        self.drag(*[self.middle(selector)] * 2)

    def middle(self, selector: str) -> tuple[float, float]:
        """Return the middle of an element that is scrolled into view."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        frame = self.run(f"{element}.getBoundingClientRect().toJSON()")
        return frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse button at one place and release it at another."""
        for kind, (x, y), down in (
            ("mouseMoved", start, 0),
            ("mousePressed", start, 1),
            ("mouseMoved", end, 1),
            ("mouseReleased", end, 0),
        ):
            button = "none" if kind == "mouseMoved" and not down else "left"
            self.send(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button=button,
                buttons=down,
                clickCount=int(kind != "mouseMoved"),
            )
        self.settle()

    def point(self, position: tuple[float, float]) -> None:
        """Move the mouse to a place."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=position[0], y=position[1])
        self.settle()

    def press(self, key: str) -> None:
        """Press Tab, Enter or Space."""
        text = {"Enter": "\r", "Space": " "}.get(key, "")
        code = {"Tab": 9, "Enter": 13, "Space": 32}[key]
        names = {"key": text or key, "code": key, "windowsVirtualKeyCode": code}
        if key == "Enter":
            names["key"] = "Enter"
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **names)
        self.send("Input.dispatchKeyEvent", type="keyUp", **names)
        self.settle()

    def type(self, selector: str, text: str) -> None:
        """Put `text` in the place of what an input holds."""
        self.run(f"document.querySelector({json.dumps(selector)}).select()")
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        if text:
            self.send("Input.insertText", text=text)
        else:
            self.run("document.execCommand('delete')")
        self.settle()

    def choose(self, selector: str, option: str) -> None:
        """Choose the option of a select element with this text."""
        self.run(
            f"""(() => {{
              const select = document.querySelector({json.dumps(selector)});
              const found = [...select.options].find((o) => o.text === {json.dumps(option)});
              select.value = found.value;
              select.dispatchEvent(new Event("change"));
            }})()"""
        )
        self.settle()

    @property
    def requests(self) -> list[str]:
        """Every address that was asked for since the page was opened."""
        return [
            e["request"]["url"] for name, e in self.events if name == "Network.requestWillBeSent"
        ]

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the browser, such as what the content policy forbade."""
        found = [e["entry"]["text"] for name, e in self.events if name == "Log.entryAdded"]
        thrown = [
            e["exceptionDetails"] for name, e in self.events if name == "Runtime.exceptionThrown"
        ]
        return found + [str(e.get("exception", e).get("description", e)) for e in thrown]

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a picture of what is in view, or of the whole page."""
        found = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def close(self) -> None:
        """Close the tab."""
        self.send("Page.close")


class Chromium:
    """The browser process and the pipes to it."""

    def __init__(self, command: str, profile: Path) -> None:
        from_us, to_us = os.pipe(), os.pipe()
        # the browser reads from file descriptor 3 and writes to 4
        redirected = f'exec "$0" "$@" 3<&{from_us[0]} 4>&{to_us[1]}'
        self._process = subprocess.Popen(
            ["bash", "-c", redirected, command, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(from_us[0], to_us[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us[0])
        os.close(to_us[1])
        self._out, self._in = from_us[1], to_us[0]
        self._buffer = b""
        self._calls = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._events: dict[str, list[Event]] = {}
        self.call("Browser.getVersion", {})

    @contextmanager
    def page(self) -> Iterator[Page]:
        """Give a new tab."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = {"targetId": target, "flatten": True}
        session = self.call("Target.attachToTarget", attached)["sessionId"]
        events = self._events[session] = []
        page = Page(self, session, events)
        try:
            yield page
        finally:
            page.close()

    def call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> Any:
        """Call a method and return its result; raises AssertionError with the browser's words."""
        self._calls += 1
        number = self._calls
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        self.wait(lambda: number in self._answers)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def wait(self, until: Any) -> None:
        """Take in what the browser says until something holds."""
        end = time.monotonic() + PATIENCE
        while not until():
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise AssertionError("the browser does not answer")
            received = os.read(self._in, 1 << 20)
            if not received:
                raise AssertionError("the browser has ended")
            self._buffer += received
            *messages, self._buffer = self._buffer.split(b"\0")
            for message in messages:
                self._take(json.loads(message))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
        elif message.get("sessionId") in self._events:
            events = self._events[message["sessionId"]]
            events.append((message["method"], message.get("params", {})))

    def close(self) -> None:
        """End the browser."""
        try:
            self.call("Browser.close", {})
        finally:
            os.close(self._out)
            os.close(self._in)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextmanager
def chromium(command: str) -> Iterator[Chromium]:
    """Give a browser with a fresh profile, and end it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        found = Chromium(command, Path(profile))
        try:
            yield found
        finally:
            found.close()
