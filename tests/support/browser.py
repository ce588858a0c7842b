"""Opens a report page in headless Chromium and tries it out: browser.py PAGE FOLDER; screenshots go into the folder.

Says what does not work, a line each, and ends with 1 then. Chromium is spoken to over its DevTools protocol.
"""

import base64
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import websocket

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


class Browser:
    """One tab, and what it complained about."""

    def __init__(self, profile):
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"]
        command += [f"--user-data-dir={profile}", "--remote-debugging-port=0", "--remote-allow-origins=*", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.complaints = []
        self.number = 0
        port = self.port(pathlib.Path(profile, "DevToolsActivePort"))
        self.socket = websocket.create_connection(f"ws://127.0.0.1:{port[0]}{port[1]}", timeout=60)
        target = self.ask("Target.getTargets")["targetInfos"]
        page = next(info["targetId"] for info in target if info["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.ask(f"{domain}.enable")

    @staticmethod
    def port(file):
        for _ in range(300):
            if file.exists() and len(file.read_text().splitlines()) == 2:
                return file.read_text().splitlines()
            time.sleep(0.1)
        raise TimeoutError("chromium does not start")

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if hasattr(self, "session"):
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            self.note(answer)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def note(self, event):
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(f"exception: {parameters['exceptionDetails']}")
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"log: {parameters['entry']['text']}")
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(f"console: {parameters['args']}")
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog: {parameters['message']}")
            self.ask("Page.handleJavaScriptDialog", accept=True)
        elif method == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith(("file:", "about:")):
            self.complaints.append(f"request: {parameters['request']['url']}")

    def run(self, script):
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            self.complaints.append(f"exception: {result['exceptionDetails']}")
        return result["result"].get("value")

    def look(self, page, size, colours):
        width, height = SIZES[size]
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=size == "phone")
        self.ask("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": colours},
            # Otherwise the page may still be on its way when something is clicked.
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ])
        self.ask("Page.navigate", url=page)
        for _ in range(200):
            if self.run("document.readyState") == "complete" and self.run("location.protocol") == "file:":
                break
            time.sleep(0.05)
        # A resize observer draws once more.
        time.sleep(0.2)

    def shoot(self, file):
        high = self.run("document.documentElement.scrollHeight")
        wide = self.run("innerWidth")
        clip = {"x": 0, "y": 0, "width": wide, "height": min(high, 12000), "scale": 1}
        picture = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        pathlib.Path(file).write_bytes(base64.b64decode(picture["data"]))

    def point(self, selector):
        spot = self.run(f"(() => {{ const at = document.querySelector({json.dumps(selector)}); at.scrollIntoView({{ block: 'center', behavior: 'instant' }});"
                        " const box = at.getBoundingClientRect(); return [box.x + 12, box.y + 12]; })()")
        # Scrolling tells of itself a frame later, and hides what was told.
        time.sleep(0.1)
        return {"x": spot[0], "y": spot[1]}

    def click(self, selector):
        at = self.point(selector)
        for kind in ["mousePressed", "mouseReleased"]:
            self.ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def hover(self, selector):
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", **self.point(selector))

    def press(self, key):
        codes = {"Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowDown": 40}
        text = {"Enter": "\r"}.get(key)
        parameters = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **parameters, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def end(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        # Its children may outlive it for a moment, and still write to the profile.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


CRUMBS = "[...document.querySelectorAll('#crumbs button')].map((crumb) => crumb.textContent)"


def treemap(browser, expect):
    """A click and the keyboard go in and out."""
    start = browser.run(CRUMBS)
    expect(len(start) == 1, f"the treemap starts at {start}")
    first = browser.run("document.querySelector('.field .label').firstChild.textContent")
    browser.hover(".field")
    told = browser.run("document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent")
    expect("% of the image" in told, f"the tooltip says {told!r}")
    browser.click(".field")
    inside = browser.run(CRUMBS)
    expect(inside == [*start, first], f"a click on {first} leads to {inside}")
    expect(browser.run("document.querySelectorAll('.field').length") > 0, "nothing is inside")
    browser.run("document.querySelector('.field').focus()")
    browser.press("Enter")
    deeper = browser.run(CRUMBS)
    expect(len(deeper) == 3, f"Enter leads to {deeper}")
    browser.press("Escape")
    expect(browser.run(CRUMBS) == inside, "Escape leads out")
    browser.click("#crumbs button")
    expect(browser.run(CRUMBS) == start, "a breadcrumb leads back")
    browser.run("document.querySelector('.field').focus()")
    fields = browser.run("document.querySelectorAll('.field').length")
    browser.press("ArrowRight")
    moved = browser.run("document.activeElement.dataset.index")
    expect(fields == 1 or moved not in ("0", None), f"an arrow leads to {moved}")


def graph(browser, expect):
    """A chosen unit shows what it waits for."""
    if browser.run("data.units.length") < 2:
        return
    last = browser.run("data.units[data.units.length - 1].name")
    browser.run("units.choose(null)")
    browser.click(".unit:last-of-type rect")
    expect(browser.run("document.querySelectorAll('.unit.self').length") == 1, "a click chooses a unit")
    expect(browser.run("document.querySelectorAll('.unit.before, .unit.behind').length") > 0, "what it waits for is shown")
    expect(browser.run("document.getElementById('unit-told').textContent") != "", f"{last} is told about")
    browser.run("document.querySelector('.unit').focus()")
    browser.press("Escape")
    expect(browser.run("document.querySelectorAll('.unit.self').length") == 0, "Escape shows all alike")
    browser.press("Enter")
    expect(browser.run("document.querySelectorAll('.unit.self').length") == 1, "Enter chooses a unit")


def contrast(browser, expect):
    """Text stands out from what is behind it, as WCAG asks of small text."""
    script = """(() => {
      const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
      const light = (colour) => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
        const [r, g, b] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const behind = (node) => {
        for (let at = node; at; at = at.parentElement) {
          const colour = getComputedStyle(at).backgroundColor;
          if (colour !== 'rgba(0, 0, 0, 0)') return colour;
        }
        return 'white';
      };
      const faults = [];
      for (const node of document.querySelectorAll('h1, h2, .lead, dt, dd, #figures li, .label, .inner, td, th, summary, a, #crumbs button, .what')) {
        const [one, other] = [light(getComputedStyle(node).color), light(behind(node))];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (ratio < 4.5) faults.push(`${node.tagName} ${node.className} ${node.textContent.slice(0, 20)}: ${ratio.toFixed(2)}`);
      }
      return faults.slice(0, 5);
    })()"""
    faults = browser.run(script)
    expect(faults == [], f"too little contrast: {faults}")


def survey(page, folder, prefix, look_at, first=None):
    """Opens a page in every size and both colours, and ends with 1 where something does not work, which it says, a line each."""
    faults = []
    where = "at first"

    def expect(holds, what):
        if not holds:
            faults.append(f"{where}: {what}")

    # As root, whose home may be anywhere.
    os.environ.setdefault("HOME", tempfile.gettempdir())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            if first is not None:
                first(browser, expect)
            for size in SIZES:
                for colours in ["light", "dark"]:
                    where = f"{size}-{colours}"
                    # Another address each time, so that nothing is remembered of where the page stood.
                    browser.look(f"{page}?{where}", size, colours)
                    browser.shoot(folder / f"{prefix}{where}.png")
                    wide = browser.run("document.documentElement.scrollWidth - innerWidth")
                    expect(wide <= 0, f"the page is {wide} pixels too wide")
                    expect(browser.run("window.bad === undefined"), "a name was run")
                    contrast(browser, expect)
                    look_at(browser, size, expect)
            faults.extend(browser.complaints)
        finally:
            browser.end()
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


def main():
    page, folder = pathlib.Path(sys.argv[1]).absolute().as_uri(), pathlib.Path(sys.argv[2])

    def look_at(browser, _size, expect):
        treemap(browser, expect)
        graph(browser, expect)

    survey(page, folder, "", look_at)


if __name__ == "__main__":
    main()
