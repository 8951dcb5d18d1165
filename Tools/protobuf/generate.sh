#!/bin/sh
# Makes the Swift code of the model formats' messages anew. Needs protoc (35.1 was used) and swift-protobuf's plugin (1.39.0):
#   sh Tools/protobuf/generate.sh protoc path/to/protoc-gen-swift
set -e
cd "$(dirname "$0")"
for format in CoreML:coreml ONNX:onnx; do
  $1 --proto_path=. --plugin=protoc-gen-swift="$2" --swift_opt=Visibility=Package --swift_opt=FileNaming=DropPath \
    --swift_out="../../Sources/Athanor${format%:*}/Format" "${format#*:}.proto"
done
