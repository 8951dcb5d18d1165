#!/bin/sh
# Type-checks the app (Apps/DigitPad): on a Mac against Apple's own modules, elsewhere against declarations with the same signatures
# (Tests/SystemHeaders/apple-modules). Each wrong call of Tests/SystemHeaders/WrongCalls.swift has to be refused, so that the check is known
# to see them.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
options="-swift-version 6 -warnings-as-errors -parse-as-library -module-cache-path $work/cache -I $work"

# module NAME FILES: what others import of it.
module() {
  name=$1
  shift
  # shellcheck disable=SC2086
  swiftc -emit-module $options -module-name "$name" -emit-module-path "$work/$name.swiftmodule" "$@"
}

if [ "$(uname)" != Darwin ]; then
  for name in CoreGraphics CoreVideo CoreML Accessibility SwiftUI; do
    module "$name" "Tests/SystemHeaders/apple-modules/$name.swift"
  done
fi
module DigitPadLogic Apps/DigitPad/DigitPadLogic/Sources/DigitPadLogic/*.swift
echo "Apps/DigitPad"
# check MODULE FILES: not -typecheck, which leaves out what is found later (uses before initialisation, values that leave their actor).
check() {
  name=$1
  shift
  # shellcheck disable=SC2086
  swiftc -emit-sil -wmo -o /dev/null $options -module-name "$name" "$@"
}
check DigitPad Apps/DigitPad/DigitPad/*.swift

calls=Tests/SystemHeaders/WrongCalls.swift
check Calls $calls
for wrong in $(sed -n 's/ *#if \(WRONG_.*\)/\1/p' $calls); do
  if check Calls -D "$wrong" $calls 2>"$work/errors"; then
    echo "Tools/check_app.sh: $calls was accepted with $wrong" >&2
    exit 1
  fi
  # Not for another reason than the call itself, as a compiler that fails.
  grep -q "$calls:.*error:" "$work/errors" || { cat "$work/errors" >&2; exit 1; }
done
