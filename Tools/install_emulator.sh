#!/bin/sh
# Installs what running programs for 64-bit ARM needs here (Debian), unless it is here.
set -e
if command -v qemu-aarch64 >/dev/null 2>&1 && [ -d /usr/aarch64-linux-gnu/include ]; then exit 0; fi
as_root=""
if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
$as_root apt-get update -qq
$as_root apt-get install -y -qq qemu-user gcc-aarch64-linux-gnu
