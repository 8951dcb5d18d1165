"""Makes Tests/AthanorDatasetsTests/Goldens/pictures.json: small picture files, and the pixels that Pillow reads of them.

    pip install pillow==13.0.0
    python Tools/make_picture_goldens.py Tests/AthanorDatasetsTests/Goldens/pictures.json
"""

import base64
import io
import json
import struct
import sys
import zlib

from PIL import Image, ImageOps

SIZE = (17, 11)


def drawing():
    """A picture without any symmetry."""
    picture = Image.new("RGB", SIZE)
    width, height = SIZE
    picture.putdata([(x * 15, y * 23, (x * y * 7) % 256) for y in range(height) for x in range(width)])
    return picture


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth, kind, rows, *chunks, interlaced=False):
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def exif(number, order, field="HH"):
    """EXIF data that give an orientation in either order of bytes, as a short or (I) a long number."""
    kind = {"HH": 3, "I": 4}[field]
    entry = struct.pack(order + "HHI" + field, 274, kind, 1, *([number, 0] if field == "HH" else [number]))
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "IH", 8, 1) + entry + struct.pack(order + "I", 0)


def oriented(number, order, field="HH"):
    return encoded(drawing(), "JPEG", quality=90, exif=b"Exif\0\0" + exif(number, order, field))


def cmyk():
    width, height = SIZE
    picture = Image.new("CMYK", SIZE)
    picture.putdata([(x * 15, y * 23, 255 - x * 15, (x + y) * 5) for y in range(height) for x in range(width)])
    return encoded(picture, "JPEG", quality=95)


def ycck():
    """The same with the mark that its first three channels are YCC: other colours, but a file of this kind."""
    file = bytearray(cmyk())
    adobe = file.index(b"Adobe")
    file[adobe + 11] = 2
    return bytes(file)


def cases():
    """Names, files, and how far a number may be from Pillow's."""
    gray = [bytes((0, 60, 128, 200, 255)), bytes((5, 66, 129, 201, 250))]
    gamma = chunk(b"gAMA", struct.pack(">I", 100_000))
    result = [(f"orientation-{n}", oriented(n, "<" if n % 2 else ">"), 1) for n in range(1, 9)]
    result += [(f"orientation-long-{n}", oriented(n, "<" if n % 2 else ">", "I"), 1) for n in (3, 6)]
    turned = [("png-orientation-6", exif(6, ">")), ("png-orientation-long-5", exif(5, "<", "I"))]
    result += [(name, png(5, 2, 8, 0, gray, chunk(b"eXIf", content)), 0) for name, content in turned]
    whole = encoded(drawing(), "JPEG", quality=90)
    result += [
        ("extraneous", whole[:-2] + b"\0\1\2" * 5 + whole[-2:], 1),
        ("cmyk", cmyk(), 2),
        ("ycck", ycck(), 2),
        ("progressive", encoded(drawing(), "JPEG", quality=90, progressive=True), 1),
        ("gamma-1.0", png(5, 2, 8, 0, gray, gamma), 0),
        ("gamma-1.0-colour", png(2, 1, 8, 2, [bytes((128, 64, 32, 200, 100, 50))], gamma), 0),
        ("srgb", png(5, 2, 8, 0, gray, chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 45_455))), 0),
        ("gray-alpha-opaque", png(2, 1, 8, 4, [bytes((40, 255, 90, 255))], gamma), 0),
        # Interlaced: one pixel a pass at the most.
        ("interlaced", png(1, 1, 8, 2, [bytes((9, 128, 255))], gamma, interlaced=True), 0),
        ("palette", encoded(drawing().quantize(16), "PNG"), 0),
        ("16-bit", png(4, 1, 16, 2, [struct.pack(">12H", *range(0, 65_000, 5_450)[:12])], gamma), 1),
        ("16-bit-gray", png(4, 1, 16, 0, [struct.pack(">4H", 0, 12_345, 45_678, 65_535)]), 1),
    ]
    profile = png(5, 2, 8, 0, gray, chunk(b"iCCP", b"none\0\0" + zlib.compress(b"no profile" * 20)))
    result.append(("damaged-profile", profile, 0))
    return result


def pixels(file):
    """What Pillow reads, upright, in RGB."""
    picture = Image.open(io.BytesIO(file))
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda value: value / 256).convert("L")
    return ImageOps.exif_transpose(picture).convert("RGB")


def main():
    goldens = []
    for name, file, tolerance in cases():
        picture = pixels(file)
        goldens.append({
            "name": name, "file": base64.b64encode(file).decode(), "height": picture.height, "width": picture.width,
            "pixels": base64.b64encode(picture.tobytes()).decode(), "tolerance": tolerance,
        })
    with open(sys.argv[1], "w") as file:
        json.dump(goldens, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
