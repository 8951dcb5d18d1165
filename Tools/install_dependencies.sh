#!/bin/sh
# Installs the C libraries that Athanor reads files with, by apt or brew, unless they are here.
set -e
if command -v pkg-config >/dev/null 2>&1 && pkg-config --exists hdf5 libzip zlib libpng libturbojpeg; then
  exit 0
fi
if command -v brew >/dev/null 2>&1; then
  brew install pkg-config hdf5 libzip zlib libpng jpeg-turbo
elif command -v apt-get >/dev/null 2>&1; then
  as_root=""
  if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
  $as_root apt-get update -qq
  $as_root apt-get install -y -qq pkg-config libhdf5-dev libzip-dev zlib1g-dev libpng-dev libturbojpeg0-dev python3-venv
else
  echo "Please install pkg-config, libhdf5, libzip, zlib, libpng and libjpeg-turbo (with TurboJPEG), then run this again." >&2
  exit 1
fi
