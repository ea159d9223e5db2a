#!/usr/bin/env bash
# What a swarm of lights costs, side by side: Twinlight on its embedded broker and on a real Mosquitto, and a
# Python script with paho-mqtt that sends as many messages of the same size, on both. One table, with ratios.
#
#     benches/swarm.sh [PAIRS] [SECONDS]        (100 pairs for 30 s unless said; some three minutes in all)
#
# Needs Mosquitto and Python 3 (.ci/setup test); paho-mqtt goes into an environment of its own below target/.
set -euo pipefail
cd "$(dirname "$0")/.."
pairs=${1:-100}
seconds=${2:-30}
# Each client of the Python script has a socket, and two more to wake its thread.
ulimit -n "$(ulimit -H -n)"

cargo build --release --locked --quiet
environment=target/swarm-venv
if [ ! -x "$environment/bin/python" ]; then
    python3 -m venv "$environment"
fi
"$environment/bin/python" -c 'import paho.mqtt' 2>/dev/null || "$environment/bin/pip" install --quiet 'paho-mqtt==2.2.0'
PATH="$PATH:/usr/sbin" exec "$environment/bin/python" benches/swarm_table.py target/release/twinlight "$pairs" "$seconds"
