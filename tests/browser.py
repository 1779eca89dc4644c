"""Chromium without a window, spoken to through a pipe: what a page did, said and asked for."""

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: make browser installs it")
LONGEST = 240  # seconds; a page that takes longer hangs
SNAKEMAKES_OWN = (  # what its report says in the console of every browser: advice, and the captions
    "cdn.tailwindcss.com should not be used in production",
    '<div class="document">',
)
WITHIN = ("data:", "blob:", "chrome")  # what needs no network; the last is the viewer of PDFs
KEYS = {"Tab": 9, "Enter": 13, "ArrowDown": 40}  # those that type nothing -> their codes
SCRIPT = """(async () => {
  const win = window, doc = document, wait = ms => new Promise(done => setTimeout(done, ms));
  async function until(condition) {
    for (let i = 0; i < 1200; i++) { const found = await condition(); if (found) return found; await wait(25); }
    throw new Error("waited in vain for " + condition);
  }
  const ask = (...question) => new Promise(answer => { win.answer = answer; askDriver(JSON.stringify(question)); });
  const press = key => ask("press", key), inside = expression => ask("inside", expression), look = () => ask("look");
  %s
})()"""


def drive(page: Path, script: str, tmp_path: Path):
    """Open a page, run the body of an async function in it, return what it returns.

    The body has `win`, `doc`, `wait`, `until`, and what it can await of the browser: `press` (a key, as on a keyboard),
    `inside` (an expression in the newest frame of the page) and `look` (a screenshot, base64).

    Fails on any error in the page, on any message of its console, and on any request but that for the page.
    """
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(page.as_uri())
        result = browser.evaluate(SCRIPT % script)
    finally:
        browser.close()
    console = [message for message in browser.said if not message.startswith(SNAKEMAKES_OWN)]
    assert not console, console
    assert [url for url in browser.asked if not url.startswith(WITHIN)] == [page.as_uri()]
    return result


class Refused(Exception):
    """The browser did not do what it was told."""


class Browser:
    """One page of a Chromium, which reads commands from its descriptor 3 and writes answers and events to 4."""

    def __init__(self, profile: Path):
        self.said: list[str] = []
        self.asked: list[str] = []
        self.session: dict[str, str] = {}
        self.frames: dict[int, str] = {}  # execution context -> its frame, oldest first
        self.answers: dict[int, dict] = {}
        self.count, self.pending, self.deadline = 0, b"", time.monotonic() + LONGEST
        commands, self.commands = os.pipe()
        self.events, events = os.pipe()
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (commands, events)]
        self.process = subprocess.Popen(
            [
                *("bash", "-c", f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}', "bash"),
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
                *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
                *("--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1400,1000", f"--user-data-dir={profile}"),
            ],
            pass_fds=theirs,
            stderr=subprocess.DEVNULL,
        )
        for end in (commands, events, *theirs):
            os.close(end)

    def open(self, url: str) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = {"sessionId": self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")
        self.call("Runtime.addBinding", name="askDriver")
        self.main = self.call("Page.navigate", url=url)["frameId"]
        while self.evaluate("[location.href, document.readyState].join()") != f"{url},complete":
            time.sleep(0.02)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.commands)
        os.close(self.events)

    def evaluate(self, expression: str, **where):
        """The value of an expression, awaited if it is a promise."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, **where)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def call(self, method: str, **parameters) -> dict:
        self.count += 1
        number = self.count
        message = {"id": number, "method": method, "params": parameters} | self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while number not in self.answers:
            self.handle(self.receive())
        answer = self.answers.pop(number)
        if "error" in answer:
            raise Refused(method, answer["error"])
        return answer["result"]

    def receive(self) -> dict:
        while b"\0" not in self.pending:
            assert select.select([self.events], [], [], self.deadline - time.monotonic())[0], "the page never finished"
            chunk = os.read(self.events, 1 << 20)
            assert chunk, "Chromium ended"
            self.pending += chunk
        message, _, self.pending = self.pending.partition(b"\0")
        return json.loads(message)

    def handle(self, message: dict) -> None:
        if "id" in message:
            self.answers[message["id"]] = message
            return
        told = message["params"]
        match message["method"]:
            case "Runtime.bindingCalled":
                what, *about = json.loads(told["payload"])
                answer = getattr(self, what)(*about)
                self.evaluate(f"answer({json.dumps(answer)})")
            case "Runtime.executionContextCreated":
                self.frames[told["context"]["id"]] = told["context"]["auxData"]["frameId"]
            case "Runtime.executionContextDestroyed":
                self.frames.pop(told["executionContextId"], None)
            case "Page.frameDetached":
                self.frames = {context: frame for context, frame in self.frames.items() if frame != told["frameId"]}
            case "Runtime.consoleAPICalled":
                self.said.append(" ".join(str(part.get("value", part.get("description"))) for part in told["args"]))
            case "Runtime.exceptionThrown":
                self.said.append(str(told["exceptionDetails"]))
            case "Log.entryAdded":
                self.said.append(told["entry"]["text"])
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])

    def press(self, key: str) -> None:
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        event = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, 0)}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def inside(self, expression: str):
        """None while there is no frame, or one that just goes."""
        newest = [context for context, frame in self.frames.items() if frame != self.main]
        try:
            return self.evaluate(expression, contextId=newest[-1]) if newest else None
        except Refused:
            return None

    def look(self) -> str:
        return self.call("Page.captureScreenshot")["data"]
