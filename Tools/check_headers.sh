#!/bin/sh
# Type-checks what uses libhdf5 and libzip against declarations of newer versions than this machine may have, and compiles the kernels for
# Apple's systems with stand-ins for their headers (Tests/SystemHeaders). Needs a release build of the package (`make build`).
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=$(swift build -c release --show-bin-path)
# Internals are visible within the package alone, whose name is that of its folder.
package=$(basename "$PWD" | tr '[:upper:]' '[:lower:]' | tr -c 'a-z0-9\n' _)

# check TARGET SHIM HEADERS: the sources of a target, where its shim finds the declarations and not the system's header.
check() {
  echo "$1 against $3"
  mkdir "$work/$2"
  cp "Sources/System/$2"/* "$work/$2"
  set -- "$1" "$2" "$3" -Xcc "-fmodule-map-file=$work/$2/module.modulemap" -Xcc "-I$PWD/Tests/SystemHeaders/$3"
  target=$1 shim=$2
  shift 3
  for other in Sources/System/*; do
    [ "$other" = "Sources/System/$shim" ] || set -- "$@" -Xcc "-fmodule-map-file=$PWD/$other/module.modulemap"
  done
  for map in "$build"/*.build/module.modulemap; do set -- "$@" -Xcc "-fmodule-map-file=$map"; done
  # What the package manager generates for resources.
  resources=$(find "$build/$target.build" -name resource_bundle_accessor.swift)
  # shellcheck disable=SC2046
  swiftc -typecheck -swift-version 6 -warnings-as-errors -package-name "$package" -module-name "$target" -module-cache-path "$work/cache" \
    -I "$build/Modules" "$@" $(find "Sources/$target" -name '*.swift') $resources
}

check AthanorKeras CHDF5 hdf5-1.14
check AthanorArchives CZip libzip-1.11

echo "programs of the main actor"
swiftc -typecheck -swift-version 6 -default-isolation MainActor -warnings-as-errors -module-cache-path "$work/cache" -I "$build/Modules" \
  -Xcc "-fmodule-map-file=$build/AthanorKernels.build/module.modulemap" Examples/*.swift Tests/SystemHeaders/MainActorApp.swift

for target in arm64-apple-macos14 x86_64-apple-macos14 arm64-apple-ios17; do
  echo "kernels for $target"
  find Sources/AthanorKernels -name '*.c' | while read -r file; do
    clang --target="$target" -ffreestanding -nostdlibinc -isystem Tests/SystemHeaders/apple -std=gnu11 -O2 -Wall -Wextra -Werror \
      -ISources/AthanorKernels/include -c "$file" -o "$work/kernel.o"
  done
done

sh Tools/check_app.sh
