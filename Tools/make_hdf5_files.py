#!/usr/bin/env python3
"""Makes small HDF5 files in the forms that h5py writes, with what h5py reads from them, for Tests/AthanorKerasTests.

Usage:
    python3 Tools/make_hdf5_files.py Tests/AthanorKerasTests/Goldens

Made with Python 3.11.7, h5py 3.16.0 (HDF5 2.0.0) and NumPy 2.4.6. It writes hdf5.zip, an archive of

- earliest.h5, order.h5, v108.h5, latest.h5: the same groups, attributes and arrays with each bound of h5py's libver, and with track_order;
- refused-*.h5: one array each, of a form that is not read;
- expected.json: the attributes and arrays of the first by their paths.
"""

import io
import json
import pathlib
import sys
import zipfile

import h5py
import numpy as np

TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


def fill(file: h5py.File, *, chunks: bool) -> None:
    many = file.create_group("many")
    for number in range(40):
        many.create_group(f"group {number}").attrs["name"] = f"name {number}"
    file.attrs["variable"] = "ä" * 50
    file.attrs["long"] = "0123456789" * 500
    file.attrs["empty"] = ""
    file.attrs["fixed"] = np.bytes_(b"abc")
    file.attrs["fixed list"] = np.array([b"kernel:0", b"bias"])
    file.attrs["variable list"] = np.array(["kernel:0", "", "ä"], dtype=object)
    file.attrs["no texts"] = np.array([], dtype="f8")
    file.attrs["null"] = h5py.Empty("S1")
    file.attrs["a number, which is left out"] = 3.5
    for number in range(20):
        file["many"].attrs[f"attribute {number}"] = f"text {number}"
    types = file.create_group("types")
    for order in "<>":
        for name in TYPES:
            values = [0, 1, 100, 3 if name[0] == "u" else -3]
            types.create_dataset(("big " if order == ">" else "") + name, data=np.array(values).astype(order + name))
    types.create_dataset("number", data=np.float32(3))
    types.create_dataset("integer", data=np.int64(-7))
    arrays = file.create_group("arrays")
    arrays.create_dataset("none", data=np.zeros((0, 3), "f4"))
    arrays.create_dataset("never written", shape=(3, 2), dtype="f4")
    arrays.create_dataset("never written, filled", shape=(3, 2), dtype=">f8", fillvalue=2.5)
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    compact = h5py.h5d.create(arrays.id, b"compact", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4,)), creation)
    compact.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, 2, 3, 4], "f4"))
    # Keras keeps bfloat16 as two bytes without a type.
    arrays.create_dataset("bfloat16", data=(np.array([1.5, -2, 0, 300], "f4").view("u4") >> 16).astype("u2").view("V2"))
    if chunks:
        arrays.create_dataset("chunks", data=np.arange(35, dtype="f4").reshape(5, 7), chunks=(2, 3))
        arrays.create_dataset("chunks of 3 axes", data=np.arange(78, dtype="i4").reshape(2, 3, 13), chunks=(1, 2, 7))
        arrays.create_dataset("many chunks", data=np.arange(140, dtype="i1"), chunks=(1,))
        arrays.create_dataset("may grow", data=np.arange(12, dtype="f4").reshape(3, 4), maxshape=(None, 4), chunks=(8, 4))
        arrays.create_dataset("gzip", data=np.arange(35, dtype="f4").reshape(5, 7), chunks=(2, 3), compression="gzip")
        arrays.create_dataset("shuffled", data=np.arange(35, dtype="f8"), chunks=(10,), shuffle=True)
        arrays.create_dataset(
            "gzip, shuffled, checked", data=np.arange(300, dtype="i4").reshape(3, 100), chunks=(2, 64), compression="gzip", shuffle=True,
            fletcher32=True,
        )
        sparse = arrays.create_dataset("some chunks", shape=(7, 7), chunks=(3, 3), dtype="f4", fillvalue=1.5)
        sparse[4, 4] = 9
    links = file.create_group("links")
    links["soft"] = h5py.SoftLink("/types")
    links["external"] = h5py.ExternalLink("other.h5", "/")
    links["hard"] = file["types"]["f4"]


def contents(group: h5py.Group, path: str, result: dict) -> None:
    """Collects texts, and arrays with their type and shape, by their paths."""
    result["groups"].append(path)
    for name, value in group.attrs.items():
        if isinstance(value, h5py.Empty):
            result["attributes"][path + name] = ""
        elif isinstance(value, (bytes, str)):
            result["attributes"][path + name] = value.decode() if isinstance(value, bytes) else value
        elif isinstance(value, np.ndarray):
            result["attributes"][path + name] = [text.decode() if isinstance(text, bytes) else text for text in value]
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            contents(item, f"{path}{name}/", result)
        else:
            values = item[()]
            if values.dtype.kind == "V":
                # bfloat16, the upper half of a 32-bit number.
                values = (values.view("u2").astype("u4") << 16).view("f4")
            result["arrays"][path + name] = {
                "integers": bool(values.dtype.kind in "iu"),
                "shape": list(item.shape),
                "values": np.asarray(values, "f8").ravel().tolist(),
            }


def main() -> None:
    forms = {"earliest": {}, "order": {"track_order": True}, "v108": {"libver": ("v108", "v108")}, "latest": {"libver": "latest"}}
    files: dict[str, bytes] = {}
    expected = {}
    for name, options in forms.items():
        memory = io.BytesIO()
        with h5py.File(memory, "w", **options) as file:
            fill(file, chunks=name != "latest")
            expected[name] = {"groups": [], "attributes": {}, "arrays": {}}
            contents(file, "/", expected[name])
        files[f"{name}.h5"] = memory.getvalue()

    def refused(name: str, /, libver: str = "earliest", **options) -> None:
        memory = io.BytesIO()
        with h5py.File(memory, "w", libver=libver) as file:
            file.create_dataset("x", **options)
        files[f"refused-{name}.h5"] = memory.getvalue()

    numbers = np.arange(100, dtype="f4")
    refused("lzf", data=numbers, compression="lzf")
    refused("chunks", libver="latest", data=numbers, chunks=(10,))
    refused("texts", data=["a", "b"])
    refused("flags", data=np.array([True, False]))
    refused("large", data=np.array([1 << 40]))
    refused("external", shape=(4,), dtype="f4", external=[("other.bin", 0, 16)])
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file["type"] = np.dtype("f4")
        file.create_dataset("x", data=numbers, dtype=file["type"])
    files["refused-named.h5"] = memory.getvalue()
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver="latest") as file:
        layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
        layout[:] = h5py.VirtualSource("other.h5", "x", shape=(4,))
        file.create_virtual_dataset("x", layout)
    files["refused-virtual.h5"] = memory.getvalue()
    files["expected.json"] = json.dumps(expected, separators=(",", ":"), ensure_ascii=False).encode()
    with zipfile.ZipFile(pathlib.Path(sys.argv[1]) / "hdf5.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
