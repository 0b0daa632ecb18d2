"""The editor's page with our extension, as tests look at it: one server and browser a module."""

import io
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from browser import chromium
from PIL import Image

PATIENCE = 150_000
AXE = Path(__file__).parent / "editor" / "node_modules" / "axe-core" / "axe.min.js"
SIZE = {"width": 1440, "height": 900}
VUE, PALETTE = "Comfy.VueNodes.Enabled", "Comfy.ColorPalette"


@contextmanager
def serving(folder, *options):
    """``unclip serve`` in an empty folder; its address."""
    command = [sys.executable, "-m", "unclip_graph.headless", "serve", "--no-browser"]
    process = subprocess.Popen(
        [*command, "--port", "0", *map(str, options)],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield re.search(r"http://\S+", process.stderr.readline()).group(0)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()


@contextmanager
def editors(folder, *options):
    """A server and a browser; a function that opens the editor with settings of its own."""
    with chromium() as browser, serving(folder, *options) as url:

        def opened(**settings):
            context = browser.new_context(viewport=SIZE)
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            told = {VUE: True, PALETTE: "dark", "Comfy.TutorialCompleted": True} | settings
            page.request.post(f"{url}api/settings", data=told)
            return Editor(page, url)

        yield opened


class Editor:
    """A page that shows the editor.

    Attributes:
        wrong: errors of the page, and lines of its console that name the pack.
    """

    def __init__(self, page, url):
        self.page, self.url, self.wrong = page, url, []
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda line: self.wrong.append(line.text) if _names_us(line) else None)
        self.reopen()

    def reopen(self):
        self.page.goto(self.url)
        self.page.wait_for_function("window.app?.extensionManager?.workflow?.activeWorkflow")
        self.page.keyboard.press("Escape")

    def load(self, workflow):
        """Open a workflow (JSON), as a file that was dropped."""
        self.page.evaluate("(graph) => window.app.loadGraphData(graph)", workflow)

    def run(self):
        """Queue the graph, and wait until nothing is left to do."""
        ended = self.page.evaluate(
            """() => new Promise((done) => {
                const ends = ['execution_success', 'execution_error', 'execution_interrupted'];
                for (const end of ends)
                    window.comfyAPI.api.api.addEventListener(end, () => done(end), {once: true});
                window.app.queuePrompt(0);
            })"""
        )
        assert ended == "execution_success"

    def node(self, title):
        """A node in Nodes 2.0."""
        return self.page.locator(
            "[data-node-id]", has=self.page.get_by_text(title, exact=True)
        ).first

    def set(self, title, widget, value):
        self.page.evaluate(
            """([title, name, value]) => {
                const node = window.app.graph._nodes.find((one) => one.title === title);
                node.widgets.find((one) => one.name === name).value = value;
            }""",
            [title, widget, value],
        )

    def value(self, title, widget):
        return self.page.evaluate(
            """([title, name]) => window.app.graph._nodes.find((one) => one.title === title)
                .widgets.find((one) => one.name === name).value""",
            [title, widget],
        )

    def count(self):
        return self.page.evaluate("window.app.graph._nodes.length")

    def command(self, id):
        self.page.evaluate("(id) => window.app.extensionManager.command.execute(id)", id)

    def changed(self):
        """The editor looks at the graph, as it does after a click."""
        self.page.evaluate(
            "window.app.extensionManager.workflow.activeWorkflow.changeTracker.captureCanvasState()"
        )

    def axe(self, selector):
        """No serious violation there, where axe is installed."""
        if not AXE.is_file():
            return
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("(selector) => window.axe.run(selector)", selector)
        grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        assert not grave, [(one["id"], one["nodes"][0]["html"]) for one in grave]

    def close(self):
        self.page.context.close()

    def picture(self):
        """What is on the screen."""
        return Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")

    def pixels(self, colour):
        """How many pixels of the screen have a colour, "#rrggbb", or nearly."""
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        near = (
            count
            for count, pixel in self.picture().getcolors(SIZE["width"] * SIZE["height"])
            if all(abs(a - b) <= 6 for a, b in zip(pixel, wanted, strict=True))
        )
        return sum(near)

    def until(self, check):
        """Wait for something that only Python can see on the screen."""
        for _ in range(100):
            if check():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("it never came on the screen")


def _names_us(line):
    return line.type in ("warning", "error") and "unclip" in line.text.lower()
