"""Finds pages of the built site that scroll sideways: `python -m tests.tools.pages .cache/site [WIDTH]...`.

It needs a `chromium` on PATH, which opens every page in a frame as wide as a phone (390 px) and as a
laptop (1280 px). What is wider than the frame must scroll inside itself, as tables and code do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

WIDTHS = (390, 1280)
PROBE = """<!doctype html><body><script>
async function measure(pages, widths) {
  const wide = [];
  for (const page of pages) for (const width of widths) {
    const frame = document.createElement("iframe");
    frame.width = width; frame.height = 900; frame.src = "/" + page;
    document.body.append(frame);
    await new Promise(loaded => frame.onload = loaded);
    const scrolls = frame.contentDocument.documentElement.scrollWidth;
    if (scrolls > width) wide.push(`${page} is ${scrolls} px wide in ${width} px`);
    frame.remove();
  }
  await fetch("/answer", {method: "POST", body: JSON.stringify(wide)});
}
measure(PAGES, WIDTHS);</script>"""


class Handler(SimpleHTTPRequestHandler):
    """Serves the site, and the page that measures the others, which must come from the same origin."""

    probe = b""
    answers: Queue[bytes] = Queue()

    def do_GET(self) -> None:
        """See http.server."""
        if self.path != "/measure":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.probe)

    def do_POST(self) -> None:
        """Takes the answer of the page that measures."""
        self.answers.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads a log here."""


def wide_pages(site: Path, widths: tuple[int, ...]) -> list[str]:
    """The pages that are wider than a window, each with the widths."""
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    assert pages, f"no site in {site}"
    probe = PROBE.replace("PAGES", json.dumps(pages)).replace("WIDTHS", json.dumps(widths))
    Handler.probe = probe.encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0")
        window = (f"--user-data-dir={profile}", "--window-size=1400,1000")
        address = f"http://127.0.0.1:{server.server_port}/measure"
        browser = subprocess.Popen(
            ["chromium", *options, *window, address], stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            found: list[str] = json.loads(Handler.answers.get(timeout=120))
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
            server.shutdown()
    return found


if __name__ == "__main__":
    wide = wide_pages(Path(sys.argv[1]), tuple(map(int, sys.argv[2:])) or WIDTHS)
    sys.exit("\n".join(wide) or 0)
