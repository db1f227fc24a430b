#!/bin/sh
# Checks for what no wheel brings: OpenCV's two system libraries, and venv on Debian. Installs them when it may,
# otherwise prints the one line that does.
set -eu
python=${1:-python3}
wanted=""

has_library() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q "$1"; }

"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "WAIL needs Python 3.11 (mediapipe 0.10.21 has no wheel for others); found: $("$python" --version 2>&1)." >&2
    echo "Install it and run: make PYTHON=/path/to/python3.11 demo" >&2
    exit 1
}
"$python" -c 'import ensurepip' 2>/dev/null || wanted="$wanted python3-venv"
has_library 'libGL\.so\.1' || wanted="$wanted libgl1"
has_library 'libglib-2\.0\.so\.0' || wanted="$wanted libglib2.0-0"
[ -z "$wanted" ] && exit 0

line="apt-get update && apt-get install -y --no-install-recommends$wanted"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$wanted" >&2
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $wanted >&2
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    echo "Installing$wanted" >&2
    sudo sh -c "$line" >&2
else
    echo "Missing on this machine:$wanted. Please run: sudo sh -c '$line'" >&2
    exit 1
fi
