#!/usr/bin/env python3
"""Fail where a committed notebook holds outputs, or counts of its last execution.

    stripped.py NOTEBOOK ...
"""
import json, sys
from pathlib import Path

bad = 0
for name in sys.argv[1:]:
    notebook = json.loads(Path(name).read_text(encoding="utf-8"))
    for i, cell in enumerate(notebook["cells"], 1):
        dirty = [word for word in ("outputs", "execution_count", "attachments") if cell.get(word)]
        if cell["metadata"]:
            dirty.append("metadata")
        if dirty:
            print(f"{name}: cell {i} has {', '.join(dirty)}; clear all outputs before it is committed")
            bad += 1
if len(sys.argv) < 2:
    sys.exit(__doc__)
sys.exit(1 if bad else 0)
