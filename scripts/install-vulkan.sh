#!/usr/bin/env bash
# A Vulkan device in software (SwiftShader) for the WebGPU test, taken out of Debian's chromium-common package without
# installing it, into the tools folder of Espalier's cache; prints that folder.
set -euo pipefail
folder="${XDG_CACHE_HOME:-$HOME/.cache}/espalier/tools/vulkan-swiftshader"
if [ ! -f "$folder/vk_swiftshader_icd.json" ]; then
  for tool in apt-get dpkg-deb; do
    command -v "$tool" > /dev/null || { echo "the WebGPU test needs $tool: run it on Debian or Ubuntu" >&2; exit 1; }
  done
  work="$(mktemp -d)"
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  # Package lists may be missing (fresh image) or stale: fetch them only then.
  apt-get download chromium-common > /dev/null 2>&1 || { apt-get update > /dev/null && apt-get download chromium-common > /dev/null; }
  dpkg-deb --extract chromium-common_*.deb extracted
  mkdir -p staged
  find extracted -name 'libvk_swiftshader.so' -o -name 'libvulkan.so.1' -o -name 'vk_swiftshader_icd.json' | xargs -I{} cp {} staged/
  for file in libvk_swiftshader.so libvulkan.so.1 vk_swiftshader_icd.json; do
    [ -f "staged/$file" ] || { echo "chromium-common holds no $file any more" >&2; exit 1; }
  done
  mkdir -p "$(dirname "$folder")"
  rm -rf "$folder"
  mv staged "$folder"
fi
echo "$folder"
