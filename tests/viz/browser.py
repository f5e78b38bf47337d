"""Chromium without a window, driven over the DevTools protocol through a pipe.

Needs Python and the Debian package chromium, nothing else: no driver, no port, no network. Mouse,
wheel, touch and keys are events of the browser's input, as people's are, not calls of scripts.

    with Browser() as browser:
        page = browser.page(800, 600)
        page.load("/tmp/graph.html")
        page.click(100, 200)
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time


def chromium():
    """The program, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if shutil.which(name):
            return name
    return None


class Browser:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="glassbox_browser_")
        # Chromium reads commands from file 3 and answers on file 4, each message ended by a NUL.
        commands, ours = os.pipe()
        answers, theirs = os.pipe()
        files = [os.dup2(commands, 30, inheritable=False), os.dup2(theirs, 31, inheritable=False)]

        def place_files():
            os.dup2(30, 3)
            os.dup2(31, 4)

        self.process = subprocess.Popen(
            [chromium(), "--headless=new", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--hide-scrollbars",
             "--user-data-dir=" + self.folder.name, "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place_files, pass_fds=(3, 4), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for file in [commands, theirs, *files]:
            os.close(file)
        self.commands, self.answers = ours, answers
        self.buffer, self.number, self.events = b"", 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        except (OSError, EOFError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder.name, ignore_errors=True)

    def read(self):
        while b"\0" not in self.buffer:
            part = os.read(self.answers, 1 << 20)
            if not part:
                raise EOFError("the browser has ended")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer.get("result", {})
            if "method" in answer:
                self.events.append(answer)

    def page(self, width, height):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, width, height)


KEYS = {"Enter": ("Enter", 13, "\r"), "Tab": ("Tab", 9, None), "Escape": ("Escape", 27, None),
        "Backspace": ("Backspace", 8, None), "Home": ("Home", 36, None), "End": ("End", 35, None),
        "ArrowLeft": ("ArrowLeft", 37, None), "ArrowUp": ("ArrowUp", 38, None),
        "ArrowRight": ("ArrowRight", 39, None), "ArrowDown": ("ArrowDown", 40, None)}


class Page:
    def __init__(self, browser, session, width, height):
        self.browser, self.session = browser, session
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")
        self.resize(width, height)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def resize(self, width, height, phone=False):
        self.width, self.height = width, height
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def colour_scheme(self, name):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": name}])

    def load(self, file, seconds=60):
        self.browser.events.clear()
        self.call("Page.navigate", url=pathlib.Path(file).resolve().as_uri())
        self.until("document.readyState == 'complete' && location.protocol == 'file:'", seconds)

    def run(self, script):
        """The value of a JavaScript expression; waits for a promise."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def until(self, script, seconds=20):
        end = time.monotonic() + seconds
        while not self.run(script):
            if time.monotonic() > end:
                raise TimeoutError("still not true: " + script)
            time.sleep(0.02)

    def frame(self):
        """Until what has been asked for is drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => "
                 "done(true))))")

    def complaints(self):
        """What the page said on the console, threw, or asked the network for."""
        self.run("0")
        found = []
        for event in self.browser.events:
            params = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                found.append(details.get("exception", {}).get("description", details["text"]))
            elif event["method"] == "Runtime.consoleAPICalled":
                found.append("console: " + str([a.get("value") for a in params["args"]]))
            elif event["method"] == "Log.entryAdded":
                text = params["entry"]["text"]
                if "willReadFrequently" not in text:  # the test's own look at the canvas
                    found.append("log: " + text)
            elif event["method"] == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if params.get("type") != "Document":
                    found.append("request: " + url)
        return found

    def move(self, x, y, buttons=0):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, buttons=buttons,
                  button="left" if buttons else "none")

    def press(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left",
                  buttons=1, clickCount=1)

    def release(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left",
                  clickCount=1)

    def click(self, x, y):
        self.move(x, y)
        self.press(x, y)
        self.release(x, y)
        self.frame()

    def wheel(self, x, y, down, shift=False):
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=down,
                  modifiers=8 if shift else 0)
        self.frame()

    def touch(self, *steps):
        """Each step is a list of points; fingers are lifted after the last."""
        for i, points in enumerate(steps):
            self.call("Input.dispatchTouchEvent", type="touchMove" if i else "touchStart",
                      touchPoints=[{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.frame()

    def key(self, key, modifiers=0):
        code, number, text = KEYS.get(key) or (key, ord(key.upper()) if key.isalnum() else 0, key)
        params = {"key": key, "code": code, "windowsVirtualKeyCode": number,
                  "modifiers": modifiers}
        if text and not modifiers & 7:
            params["text"] = text
        self.call("Input.dispatchKeyEvent", type="keyDown", **params)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code,
                  windowsVirtualKeyCode=number, modifiers=modifiers)
        self.frame()

    def type(self, text):
        for letter in text:
            self.key(letter)

    def screenshot(self, file):
        import base64
        data = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(file).write_bytes(base64.b64decode(data))
