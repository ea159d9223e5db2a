#!/bin/sh
# Lets Espressif's own esptool, from PyPI, judge the committed image: an eye that has no code in
# common with what made it. Usage: firmware/check-image.sh [folder for a Python environment]
set -eu
image=$(cd "$(dirname "$0")/../assets/firmware" && pwd)
environment=${1:-$(mktemp -d)}
[ -x "$environment/bin/esptool" ] || {
    python3 -m venv "$environment"
    "$environment/bin/pip" --quiet install 'esptool==5.*'
}
for part in bootloader app; do
    said=$("$environment/bin/esptool" --chip esp32 image-info "$image/$part.bin")
    for wanted in 'Flash size: 4MB' 'Flash freq: 40m' 'Flash mode: DIO' 'Chip ID: 0 (ESP32)' \
        'Minimal chip revision: v0.0' 'Checksum: 0x.. (valid)' 'Validation hash: [0-9a-f]* (valid)'; do
        printf '%s\n' "$said" | grep -q "^$wanted" || {
            printf '%s\n' "$said" >&2
            echo "esptool does not say \"$wanted\" of $part.bin" >&2
            exit 1
        }
    done
done
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$image/manifest.toml")
printf '%s\n' "$said" | grep -q "^App version: $version\$" || {
    echo "app.bin does not say version $version" >&2
    exit 1
}
echo "esptool: the image is one that a LoPy4 can start, version $version"
