#!/usr/bin/env python3
"""Draws the icons of Apps/DigitPad: a 3 of Tools/digits as the network sees it, 28 x 28 pixels. `make app-icon` runs it; needs Pillow.

Each size is drawn for itself, so that small icons stay sharp. The pictures of the Mac have the round corners and the margin that macOS
expects in the files; iOS cuts its own."""

import json
import sys
from pathlib import Path

from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parent / "digits"))
import pen

CATALOGUE = Path(__file__).parent.parent / "Apps/DigitPad/DigitPad/Assets.xcassets"
PAPER, INK = (24, 28, 68), (255, 206, 84)
CELLS = 28


def shades():
    """The digit in 28 x 28 shades of gray, 20 high and in the middle."""
    strokes = next(strokes for digit, strokes in pen.trajectories() if digit == 3)
    scale = 16
    image = Image.new("L", (CELLS * scale, CELLS * scale), 0)
    draw = ImageDraw.Draw(image)
    xs, ys = zip(*[point for stroke in strokes for point in stroke])
    unit = 18 * scale / (max(ys) - min(ys))
    centre = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    radius = 1.4 * scale
    for stroke in strokes:
        line = [tuple((place - middle) * unit + CELLS * scale / 2 for place, middle in zip(point, centre)) for point in stroke]
        draw.line(line, fill=255, width=round(2 * radius), joint="curve")
        for x, y in line:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    return image.resize((CELLS, CELLS), Image.BOX)


def icon(side):
    """The icon for iOS: full squares with a narrow gap between them, blended by their shade."""
    fine = max(side, 448)
    digit, image = shades(), Image.new("RGB", (fine, fine), PAPER)
    draw = ImageDraw.Draw(image)
    edges = [round(place * fine / CELLS) for place in range(CELLS + 1)]
    gap = 2 if fine > 500 else 0
    for y in range(CELLS):
        for x in range(CELLS):
            shade = round(digit.getpixel((x, y)) / 32) / 8
            color = tuple(round(paper + (ink - paper) * shade) for paper, ink in zip(PAPER, INK))
            draw.rectangle([edges[x], edges[y], edges[x + 1] - 1 - gap, edges[y + 1] - 1 - gap], fill=color)
    return image if fine == side else image.resize((side, side), Image.LANCZOS)


def mac_icon(side):
    """The same within the rounded square of macOS: 824 of 1024 pixels, corners of 185."""
    inner, scale = round(side * 824 / 1024), 4
    mask = Image.new("L", (inner * scale, inner * scale), 0)
    last = inner * scale - 1
    ImageDraw.Draw(mask).rounded_rectangle([0, 0, last, last], radius=inner * scale * 185 // 824, fill=255)
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    place = (side - inner) // 2
    image.paste(icon(inner), (place, place), mask.resize((inner, inner), Image.LANCZOS))
    return image


def contents(folder, more):
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**more, "info": {"author": "xcode", "version": 1}}, indent=2)
    (folder / "Contents.json").write_text(text + "\n")


def main():
    icons = CATALOGUE / "AppIcon.appiconset"
    images = [{"filename": "ios-1024.png", "idiom": "universal", "platform": "ios", "size": "1024x1024"}]
    for points in (16, 32, 128, 256, 512):
        for scale in (1, 2):
            images.append({"filename": f"mac-{points * scale}.png", "idiom": "mac", "scale": f"{scale}x", "size": f"{points}x{points}"})
    contents(CATALOGUE, {})
    contents(icons, {"images": images})
    icon(1024).quantize(32).save(icons / "ios-1024.png", optimize=True)
    for side in (16, 32, 64, 256, 512, 1024, 128):
        mac_icon(side).quantize(64, method=Image.Quantize.FASTOCTREE).save(icons / f"mac-{side}.png", optimize=True)

    def color(red, green, blue):
        components = {name: f"{value / 255:.3f}" for name, value in zip(("red", "green", "blue"), (red, green, blue))}
        return {"color-space": "srgb", "components": {"alpha": "1.000", **components}}

    dark = [{"appearance": "luminosity", "value": "dark"}]
    contents(CATALOGUE / "AccentColor.colorset", {"colors": [
        {"color": color(64, 74, 178), "idiom": "universal"},
        {"appearances": dark, "color": color(*INK), "idiom": "universal"}]})


if __name__ == "__main__":
    main()
