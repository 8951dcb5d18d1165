#!/usr/bin/env python3
"""Renders the letters A to J from the fonts of this machine: OUTPUT/train/A/FONT.png ... and OUTPUT/val/A/FONT.png.

Each font family is in one of both parts, so that the network is validated on fonts that it has not seen. Fonts are those of Debian's
packages (apt install fonts-dejavu-core fonts-lato ...; fc-list names them); icons, symbols and fonts without Latin letters are left out.
Pillow 12.

    python3 Tools/letters.py OUTPUT
"""

import pathlib
import random
import subprocess
import sys

from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEFGHIJ"
# These draw Greek letters or signs in the places of Latin ones, whatever they say of themselves.
NOT_LATIN = ("Symbol", "Emoji", "Dingbats", "Math", "Icons", "Alfa-beta", "Ellhnikh", "API ", "IPA ", "D050000L")
SIDE = 32


def families():
    """One regular and one bold file of each family that has Latin letters."""
    listing = subprocess.run(
        ["fc-list", ":lang=en", "--format", "%{family[0]}\t%{style[0]}\t%{file}\n"], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in sorted(listing.splitlines()):
        # A style may hold a line break; such a font is left out.
        family, style, file = (line.split("\t") + [""] * 3)[:3]
        if not file.endswith((".ttf", ".otf")) or any(word in family for word in NOT_LATIN):
            continue
        styles = found.setdefault(family, {})
        if style in ("Regular", "Book", "Roman", "Bold", "Italic", "Oblique"):
            styles.setdefault(style, file)
    return {family: styles for family, styles in found.items() if styles}


def render(file, letter):
    """The letter, black on white, filling the picture but for a margin; None where the font has no such shape."""
    font = ImageFont.truetype(file, 96)
    mask = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(mask).text((64, 48), letter, font=font, fill=0)
    box = Image.eval(mask, lambda value: 255 - value).getbbox()
    if box is None:
        return None
    glyph = mask.crop(box)
    scale = 24 / max(glyph.size)
    glyph = glyph.resize([max(1, round(side * scale)) for side in glyph.size], Image.Resampling.LANCZOS)
    picture = Image.new("L", (SIDE, SIDE), 255)
    picture.paste(glyph, [(SIDE - side) // 2 for side in glyph.size])
    return picture


def main():
    output = pathlib.Path(sys.argv[1])
    found = families()
    usable, seen = {}, set()
    for family, styles in sorted(found.items()):
        pictures = {(style, letter): render(file, letter) for style, file in styles.items() for letter in LETTERS}
        # A font that draws the same box for all letters has none of them.
        if None not in pictures.values() and all(
                len({pictures[style, letter].tobytes() for letter in LETTERS}) == len(LETTERS) for style in styles):
            # Families that share a letter's pixels are one font under two names.
            shapes = {picture.tobytes() for picture in pictures.values()}
            if not shapes & seen:
                usable[family] = pictures
            seen |= shapes
    names = sorted(usable)
    random.Random(1).shuffle(names)
    kept = names[: max(1, len(names) // 4)]
    for family, pictures in usable.items():
        part = "val" if family in kept else "train"
        for (style, letter), picture in pictures.items():
            folder = output / part / letter
            folder.mkdir(parents=True, exist_ok=True)
            picture.save(folder / f"{family} {style}.png".replace("/", "-"))
    count = sum(len(pictures) for pictures in usable.values())
    print(f"{output}: {count} pictures of {len(usable)} font families, {len(kept)} of them for validation")


if __name__ == "__main__":
    main()
