#!/bin/sh
# Installs the browser that uses the page in tests, unless there is one (Debian; on a Mac Chrome is taken).
set -e
if command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; then exit 0; fi
if [ -d "/Applications/Google Chrome.app" ]; then exit 0; fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "Please install Chromium or Chrome, then run this again." >&2
  exit 1
fi
as_root=""
if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
$as_root apt-get update -qq
$as_root apt-get install -y -qq chromium
