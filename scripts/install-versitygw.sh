#!/bin/sh
# Builds versitygw, the real S3 server of the tests, once, into the tools folder of Espalier's cache and prints its path.
# The folder is named by version, so another version never meets a stale binary.
set -eu
version=1.8.0
folder="${XDG_CACHE_HOME:-$HOME/.cache}/espalier/tools/versitygw-$version"
binary="$folder/versitygw"
if [ ! -x "$binary" ]; then
  if ! command -v go >/dev/null 2>&1; then
    echo "versitygw $version is built with Go, which is not installed. Run: apt-get install golang-go   (Go >= 1.24), then: sh scripts/install-versitygw.sh" >&2
    exit 3
  fi
  partial="$folder.part.$$"
  trap 'rm -rf "$partial"' EXIT
  mkdir -p "$partial"
  echo "building versitygw $version (about 4 minutes, once)" >&2
  GOBIN="$partial" go install "github.com/versity/versitygw/cmd/versitygw@v$version" >&2
  mkdir -p "$folder"
  # A rename inside one folder: two installers at once leave one whole binary.
  mv -f "$partial/versitygw" "$binary"
fi
echo "$binary"
