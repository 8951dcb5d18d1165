"""Handwritten digits drawn with a pen: the trajectories of trajectories.txt as curves, and as pictures (Pillow)."""

import math
import random
from pathlib import Path

from PIL import Image, ImageDraw

TRAJECTORIES = Path(__file__).with_name("trajectories.txt")


def trajectories():
    """Pairs of a digit and its strokes, each a list of points (x, y)."""
    result = []
    for line in TRAJECTORIES.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        digit, strokes = line.split(":")
        points = [[tuple(map(float, p.split(","))) for p in stroke.split()] for stroke in strokes.split("/")]
        result.append((int(digit), [smooth(stroke) for stroke in points]))
    return result


def smooth(points, steps=12):
    """A Catmull-Rom curve through the points; a point that comes twice in a row ends one curve and begins another."""
    parts, part = [], [points[0]]
    for previous, point in zip(points, points[1:]):
        if point == previous:
            parts.append(part)
            part = []
        part.append(point)
    parts.append(part)
    result = []
    for part in parts:
        padded = [part[0], *part, part[-1]]
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:]):
            for step in range(steps):
                t = step / steps
                result.append(tuple(
                    0.5 * (2 * b[i] + (c[i] - a[i]) * t + (2 * a[i] - 5 * b[i] + 4 * c[i] - d[i]) * t * t
                           + (3 * b[i] - a[i] - 3 * c[i] + d[i]) * t ** 3) for i in (0, 1)))
        result.append(part[-1])
    return result


def placed(strokes, rng, side, height=(0.25, 0.85), slant=0.25, turn=8):
    """The strokes in a square of `side` pixels, of another size, width, slant, rotation and place each time; with the height in pixels."""
    tall = side * rng.uniform(*height)
    wide = tall * rng.uniform(0.8, 1.15)
    lean, angle = rng.uniform(-slant, slant), math.radians(rng.uniform(-turn, turn))
    moved = []
    for stroke in strokes:
        points = []
        for x, y in stroke:
            x, y = (x - 50) / 140 * wide, (y - 70) / 140 * tall
            x -= lean * y
            points.append((x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)))
        moved.append(points)
    xs, ys = zip(*[p for stroke in moved for p in stroke])
    margin = 0.06 * side
    left = rng.uniform(margin - min(xs), max(margin - min(xs), side - margin - max(xs)))
    top = rng.uniform(margin - min(ys), max(margin - min(ys), side - margin - max(ys)))
    return [[(x + left, y + top) for x, y in stroke] for stroke in moved], tall


def picture(strokes, rng, side=None):
    """A gray picture of a digit: any size and place, thin and thick pens, dark on light or light on dark."""
    side = side or rng.choice([64, 120, 200, 280, 400, 640])
    points, tall = placed(strokes, rng, side)
    width = max(2.0, tall * rng.uniform(0.03, 0.13))
    paper, ink = rng.choice([(255, 0), (0, 255), (250, 40), (20, 230), (235, 60)])
    scale = 3
    image = Image.new("L", (side * scale, side * scale), paper)
    draw = ImageDraw.Draw(image)
    radius = width * scale / 2
    for stroke in points:
        line = [(x * scale, y * scale) for x, y in stroke]
        draw.line(line, fill=ink, width=round(2 * radius), joint="curve")
        for x, y in line:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=ink)
    return image.resize((side, side), Image.LANCZOS)


def pictures(each, seed=1):
    """`each` pictures of every trajectory, with their digits."""
    rng = random.Random(seed)
    for digit, strokes in trajectories():
        for _ in range(each):
            yield digit, picture(strokes, rng)
