"""Uses the page of athanor-serve as a person does: in Chromium, with mouse, finger, pen and keys.

    check_page.py ATHANOR-SERVE MODEL [--pictures FOLDER]

Draws every trajectory of Tools/digits/trajectories.txt and reads the answer; undoes, clears, draws with keys, opens a picture; looks at the
page in light and dark, wide and narrow. Anything that the browser reports as an error fails, violations of the page's security policy among
them. With --pictures each state is kept as a picture.
"""

import argparse
import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).with_name("digits")))
import pen  # noqa: E402

ROOT = Path(__file__).parent.parent
WIDE, NARROW = {"width": 1100, "height": 900}, {"width": 390, "height": 844}


@contextlib.contextmanager
def served(program, model, *options):
    """A running service: its address and its process."""
    process = subprocess.Popen([program, str(model), "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+/", line)
        assert found, f"the service did not start: {line!r}"
        yield found[0], process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0, "the service did not end as it should"


class Page:
    """The page in a browser."""

    def __init__(self, browser, address, scheme, size, pictures):
        touch = size is NARROW
        self.context = browser.new_context(
            color_scheme=scheme, viewport=size, has_touch=touch, is_mobile=touch, device_scale_factor=2 if touch else 1)
        self.page = self.context.new_page()
        self.name, self.pictures = f"{scheme}-{'narrow' if touch else 'wide'}", pictures
        self.errors = []
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector("main section:not([hidden])")
        self.devtools = self.context.new_cdp_session(self.page)

    def close(self):
        assert not self.errors, f"{self.name}: {self.errors}"
        self.context.close()

    def picture(self, state):
        if self.pictures:
            self.page.screenshot(path=self.pictures / f"{state}-{self.name}.png", full_page=True)

    def settle(self):
        """Waits until the newest drawing is answered."""
        self.page.wait_for_timeout(20)
        # Not wait_for_function, whose eval the page's policy refuses.
        until = time.monotonic() + 20
        while not self.page.evaluate("document.body.dataset.settled === document.body.dataset.changes"):
            assert time.monotonic() < until, "the newest drawing is not answered"
            self.page.wait_for_timeout(20)

    def label(self):
        self.settle()
        return self.page.text_content("#label")

    def share(self):
        return self.page.text_content("#sure")

    def box(self):
        self.page.locator("#pad").scroll_into_view_if_needed()
        return self.page.locator("#pad").bounding_box()

    def draw(self, strokes, pointer="mouse"):
        """Draws curves that fill 60 % of the pad."""
        box = self.box()
        xs, ys = [x for s in strokes for x, _ in s], [y for s in strokes for _, y in s]
        scale = 0.6 / max(max(xs) - min(xs), max(ys) - min(ys))
        cx, cy = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
        for stroke in strokes:
            places = [
                (box["x"] + box["width"] * (0.5 + (x - cx) * scale), box["y"] + box["height"] * (0.5 + (y - cy) * scale))
                for x, y in stroke]
            getattr(self, pointer)(places[::2] + places[-1:])

    def mouse(self, places):
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place)
        self.page.mouse.up()

    def finger(self, places):
        def send(kind, points):
            self.devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        send("touchStart", [{"x": places[0][0], "y": places[0][1]}])
        for x, y in places[1:]:
            send("touchMove", [{"x": x, "y": y}])
        send("touchEnd", [])

    def pen(self, places):
        def send(kind, place, buttons):
            self.devtools.send("Input.dispatchMouseEvent", {
                "type": kind, "x": place[0], "y": place[1], "button": "left", "buttons": buttons, "pointerType": "pen",
                "clickCount": 1, "force": 0.5})
        send("mousePressed", places[0], 1)
        for place in places[1:]:
            send("mouseMoved", place, 1)
        send("mouseReleased", places[-1], 0)

    def clear(self):
        self.page.click("#clear")


def check_digits(page, digits):
    """Every trajectory, with the mouse."""
    wrong = []
    for digit, strokes in digits:
        page.draw(strokes)
        if (label := page.label()) != str(digit):
            wrong.append(f"{digit} as {label} ({page.share()})")
        page.clear()
        assert page.label() == "?", "a cleared pad has an answer"
    print(f"ok: {len(digits) - len(wrong)} of {len(digits)} drawn digits are read" + (f", not {', '.join(wrong)}" if wrong else ""))
    assert len(wrong) <= len(digits) * 0.02, "too many digits are misread"


def check_manners(page, digits):
    """Undo, clear, keys, a picture from a file."""
    four = next(strokes for digit, strokes in digits if digit == 4 and len(strokes) == 2)
    page.draw(four)
    assert page.label() == "4"
    page.page.keyboard.press("Control+z")
    first = page.label()
    assert first != "4", "undo left the second stroke"
    page.clear()
    assert page.label() == "?" and page.page.is_disabled("#clear") and page.page.is_enabled("#undo")
    page.page.click("#undo")
    assert page.label() == first, "undo did not bring back what was cleared"
    page.page.keyboard.press("Escape")
    assert page.label() == "?"
    page.page.focus("#pad")
    for key in ["ArrowUp"] * 12 + [" "] + ["ArrowDown"] * 24:
        page.page.keyboard.press(key)
    assert page.label() == "1", f"a line drawn with keys is read as {page.label()}"
    page.picture("keys")
    page.page.keyboard.press("Escape")
    page.page.set_input_files("#draw .file", ROOT / "Examples/digits/3.png")
    assert page.label() == "3", f"a picture of 3 is read as {page.label()}"
    page.picture("opened")
    page.clear()
    print("ok: undo, clear, keys, a picture from a file")


def check_looks(browser, address, digits, pictures):
    """Light and dark, wide and narrow, empty and drawn; finger and pen."""
    five = next(strokes for digit, strokes in digits if digit == 5)
    for scheme in ["light", "dark"]:
        for size in [WIDE, NARROW]:
            page = Page(browser, address, scheme, size, pictures)
            page.picture("empty")
            page.draw(five, "finger" if size is NARROW else "pen")
            assert page.label() == "5", f"{page.name}: 5 is read as {page.label()}"
            assert page.page.locator(".maps canvas").count() > 0, "no responses are shown"
            width = page.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], f"{page.name} is {width} pixels wide"
            page.picture("drawn")
            page.close()
    print("ok: light and dark, wide and narrow; finger and pen")


def check_others(browser, program, models, pictures):
    """Models that read no digits."""
    for name, model, chosen in models:
        with served(program, model) as (address, _):
            page = Page(browser, address, "light", WIDE, pictures)
            if chosen:
                page.page.set_input_files("#drop .file", chosen)
                page.settle()
                assert page.page.text_content("#label") != "?", f"{name}: no answer"
            page.picture(name)
            page.close()
    print("ok: a model of other pictures, a model of numbers")


def check_end(browser, program, model, digits, pictures):
    """The service ends while the page is open."""
    with served(program, model) as (address, process):
        page = Page(browser, address, "light", WIDE, pictures)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        page.draw(digits[0][1])
        page.page.wait_for_selector("#error:not([hidden])")
        assert "does not answer" in page.page.text_content("#error")
        page.picture("ended")
    print("ok: the page says that the service has ended")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    digits = pen.trajectories()
    started = time.monotonic()
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with served(options.program, options.model) as (address, _):
            page = Page(browser, address, "light", WIDE, options.pictures)
            check_digits(page, digits)
            check_manners(page, digits)
            page.close()
            check_looks(browser, address, digits, options.pictures)
        goldens = ROOT / "Tests"
        check_others(browser, options.program, [
            ("picture", goldens / PICTURE_MODEL, ROOT / "Examples/digits/3.png"),
            ("numbers", goldens / NUMBER_MODEL, None),
        ], options.pictures)
        check_end(browser, options.program, options.model, digits, options.pictures)
        browser.close()
    print(f"The page works ({time.monotonic() - started:.0f} s).")


PICTURE_MODEL = "AthanorCoreMLTests/Goldens/classifier.mlmodel"
NUMBER_MODEL = "AthanorCoreMLTests/Goldens/rows.mlmodel"

if __name__ == "__main__":
    main()
