#!/bin/sh
# Lets Espressif's own esptool, from PyPI, use the emulator as it would a LoPy4: an eye that has no code in
# common with it. Usage: firmware/emulator/esptool.sh [folder for a Python environment]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
emulator=""
trap '[ -z "$emulator" ] || kill "$emulator"; rm -rf "$folder"' EXIT
environment=${1:-$folder/environment}
[ -x "$environment/bin/esptool" ] || {
    python3 -m venv "$environment"
    "$environment/bin/pip" --quiet install 'esptool==5.*'
}
(cd "$root" && cargo build --quiet --locked -p board_emulator)

fail() {
    cat "$folder/said" >&2
    echo "esptool and the emulator: $1" >&2
    exit 1
}

# Runs esptool.
tool() {
    timeout 120 "$environment/bin/esptool" --port "$port" --before no-reset "$@" >"$folder/said" 2>&1 ||
        fail "esptool $* failed"
}
# Wants each of the arguments in what it said.
wants() {
    for wanted; do
        grep -q -- "$wanted" "$folder/said" || fail "esptool does not say \"$wanted\""
    done
}
# The flash's bytes from $1, as many as file $2 has.
holds() {
    tail -c "+$(($1 + 1))" "$flash" | head -c "$(wc -c <"$2")" | cmp -s - "$2" || fail "$1 does not hold $2"
}

# A flash of 8 MB with something in every byte, so that what is erased or written by mistake shows.
flash="$folder/flash"
head -c 8388608 /dev/urandom >"$flash"
cp "$flash" "$folder/before"
mkfifo "$folder/hand"
exec 3<>"$folder/hand"
"${CARGO_TARGET_DIR:-$root/target}/debug/lopy4-emulator" --flash "$flash" --mb 8 <"$folder/hand" >"$folder/port" &
emulator=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -s "$folder/port" ] && break
    sleep 0.2
done
port=$(cat "$folder/port")
[ -c "$port" ] || { echo "the emulator names no port" >&2; exit 1; }

image="$root/assets/firmware"
head -c 300 /dev/urandom >"$folder/record"
for stub in "" --no-stub; do
    tool --after no-reset $stub chip-id
    wants 'ESP32-D0WDQ6 (revision v1.0)' '24:0a:c4:12:34:56' 'Crystal frequency: *40MHz'
    tool --after no-reset $stub flash-id
    wants 'Manufacturer: c8' 'Device: 4017' 'Detected flash size: 8MB'
done

# Writing, by both loaders, at two speeds; the second time over what is there. A ROM keeps the speed that it
# was told until it is reset.
for way in "--baud 921600" "--no-stub --baud 460800"; do
    # shellcheck disable=SC2086
    tool --after no-reset $way write-flash --flash-size keep 0x1000 "$image/bootloader.bin" \
        0x8000 "$image/partition-table.bin" 0xF000 "$folder/record" 0x10000 "$image/app.bin"
    wants 'Hash of data verified'
    holds 0x1000 "$image/bootloader.bin"
    holds 0x8000 "$image/partition-table.bin"
    holds 0xF000 "$folder/record"
    holds 0x10000 "$image/app.bin"
    echo download >&3
    # shellcheck disable=SC2086
    tool --after no-reset $way verify-flash 0x1000 "$image/bootloader.bin" 0x10000 "$image/app.bin"
    wants 'Verification successful'
    echo download >&3
done
tail -c +2097153 "$flash" >"$folder/upper"
tail -c +2097153 "$folder/before" | cmp -s - "$folder/upper" || fail "something above 2 MB was touched"

# Reading, in a stream and in pieces.
tool --after no-reset --baud 921600 read-flash 0 0x800000 "$folder/copy"
cmp -s "$folder/copy" "$flash" || fail "what was read is not what is there"
tool --after no-reset --no-stub read-flash 0x3FF000 0x1000 "$folder/copy"
holds 0x3FF000 "$folder/copy"

# Erasing, and what a file of another content is told.
tool --after no-reset erase-region 0x200000 0x3000
head -c 12288 /dev/zero | tr '\0' '\377' >"$folder/blank"
holds 0x200000 "$folder/blank"
timeout 120 "$environment/bin/esptool" --port "$port" --before no-reset --after no-reset \
    verify-flash 0x10000 "$folder/record" >"$folder/said" 2>&1 && fail "a wrong file was verified"
wants 'Verification failed'

echo "esptool: the emulator is an ESP32 with 8 MB, with and without stub; what it writes is there, and no more"
