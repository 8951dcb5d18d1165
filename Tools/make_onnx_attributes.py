#!/usr/bin/env python3
"""Lists the attributes of ONNX' operators, for the test that changes each of them.

Usage: python3 Tools/make_onnx_attributes.py Documentation/onnx.md Tests/AthanorONNXTests/Goldens/attributes.json

The operators are those of the page. For each, by the operator sets in which it changed: the largest number of inputs, and the attributes
with their types' numbers. Made with onnx 1.23.2.
"""

import json
import pathlib
import re
import sys

import onnx

names = set(re.findall(r"^\| (\w+) \|", pathlib.Path(sys.argv[1]).read_text(), re.MULTILINE))
operators = {}
for schema in onnx.defs.get_all_schemas_with_history():
    if schema.domain == "" and schema.name in names:
        operators.setdefault(schema.name, {})[str(schema.since_version)] = {
            "inputs": schema.max_input,
            "attributes": {name: onnx.AttributeProto.AttributeType.Value(attribute.type.name) for name, attribute in sorted(schema.attributes.items())},
        }
pathlib.Path(sys.argv[2]).write_text(json.dumps(operators, separators=(",", ":"), sort_keys=True) + "\n")
