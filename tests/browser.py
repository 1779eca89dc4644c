"""Chromium without a window, driven by a script of our own: what a page did, said and asked for."""

import json
import re
import shutil
import subprocess
import threading
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: install `chromium` to test the report")
SNAKEMAKES_OWN = (  # what its report says in the console of every browser: advice, and the captions
    '"cdn.tailwindcss.com should not be used in production',
    '"<div class="document">',
)
DRIVER = """<!doctype html><meta charset="utf-8">
<iframe id="page" src="{page}" style="width:1400px;height:1000px"></iframe>
<script>
  const errors = [], frame = document.getElementById("page");
  const wait = ms => new Promise(done => setTimeout(done, ms));
  async function until(condition) {{
    for (let i = 0; i < 200; i++) {{ const found = condition(); if (found) return found; await wait(25); }}
    throw new Error("waited in vain for " + condition);
  }}
  frame.addEventListener("load", async () => {{
    const win = frame.contentWindow, doc = frame.contentDocument;
    win.addEventListener("error", event => errors.push(event.message));
    let result;
    try {{ result = await (async () => {{ {script} }})(); }} catch (error) {{ errors.push(String(error)); }}
    const out = document.createElement("pre");
    out.id = "out";
    out.textContent = JSON.stringify({{ result, errors }});
    document.body.append(out);
  }});
</script>"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and keeps the paths that were asked for."""

    asked: list[str]

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()


def drive(page: Path, script: str, tmp_path: Path):
    """Open a page, run the body of an async function in it (`win`, `doc`, `wait`, `until`), return what it returns.

    Fails on any error in the page, on any message of its console, and on any request but that for the page.
    """
    asked: list[str] = []
    (page.parent / "driver.html").write_text(DRIVER.format(page=page.name, script=script))
    handler = partial(type("Handler", (Quiet,), {"asked": asked}), directory=str(page.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            done = subprocess.run(
                [
                    *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
                    *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
                    *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--virtual-time-budget=60000"),
                    *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"),
                    f"http://127.0.0.1:{server.server_port}/driver.html",
                ],
                capture_output=True,
                text=True,
                timeout=240,
                check=True,
            )
        finally:
            server.shutdown()
    (page.parent / "driver.html").unlink()
    said = re.findall(r"CONSOLE:\d+\] (.*)", done.stderr)
    console = [message for message in said if not message.startswith(SNAKEMAKES_OWN)]
    assert not console, console
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, f"the page never finished: {done.stderr[-2000:]}"
    outcome = json.loads(unescape(found[1]))
    assert outcome["errors"] == [], outcome["errors"]
    assert set(asked) <= {"/driver.html", f"/{page.name}", "/favicon.ico"}, asked
    return outcome.get("result")
