"""Prints the licences of all libraries that become part of the program: licences.py TARGET.

Each text is printed once, below the names of those who come with it. Fails where a library brings none and names
none.
"""

import json
import subprocess
import sys
from pathlib import Path

NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")
target = sys.argv[1]


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], check=True, capture_output=True, encoding="utf-8").stdout


tree = cargo("tree", "--locked", "-e", "normal", "--target", target, "--prefix", "none", "-f", "{p}")
inside = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
texts = {}
lines = []
for package in sorted(metadata["packages"], key=lambda package: (package["name"], package["version"])):
    # Without a source it is of this repository.
    if package["source"] is None or (package["name"], f"v{package['version']}") not in inside:
        continue
    name = f"{package['name']} {package['version']}"
    licence = package["license"] or package["license_file"]
    if not licence:
        sys.exit(f"{name} names no licence")
    lines.append(f"{name}: {licence}" + (f", {package['repository']}" if package["repository"] else ""))
    folder = Path(package["manifest_path"]).parent
    # Fonts have theirs in a folder of their own.
    named = [file for file in folder.iterdir() if file.name.upper().startswith(NAMES)]
    for file in sorted([*named, *folder.glob("fonts/*.txt")]):
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace").strip()
            texts.setdefault(text, []).append(name)
if not lines:
    sys.exit("no library was found, which cannot be")
print("Twinlight is made with these libraries:\n")
print("\n".join(lines))
for text, names in texts.items():
    print(f"\n{'=' * 78}\n{', '.join(dict.fromkeys(names))}\n{'-' * 78}\n\n{text}")
