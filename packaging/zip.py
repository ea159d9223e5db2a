"""Packs a folder into a zip whose bytes depend on the files alone: zip.py PARENT FOLDER ZIP LEVEL."""

import os
import sys
import time
import zipfile
from pathlib import Path

parent, folder, target = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
# A zip's clock begins in 1980.
when = time.gmtime(max(int(os.environ["SOURCE_DATE_EPOCH"]), 315532800))[:6]
with zipfile.ZipFile(target, "w") as archive:
    for file in sorted((parent / folder).rglob("*")):
        if file.is_file():
            entry = zipfile.ZipInfo(file.relative_to(parent).as_posix(), when)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if file.suffix == ".exe" else 0o644) << 16
            archive.writestr(entry, file.read_bytes(), compresslevel=int(sys.argv[4]))
