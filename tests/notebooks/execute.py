#!/usr/bin/python3
"""Execute notebooks headless and keep what they made.

    execute.py OUT NOTEBOOK ...

Each runs in its own folder, as Jupyter would run it. The executed copy goes to OUT/NAME.ipynb, its
pictures to OUT/NAME-1.png, ... Exit status: 0 all ran, 1 a cell failed, 77 a package is missing.
"""
import base64, os, sys
from pathlib import Path

try:
    import h5py, ipykernel, matplotlib, nbclient, nbformat  # noqa: F401
except ImportError as missing:
    print(f"{missing}; make notebooks installs what is missing", file=sys.stderr)
    sys.exit(77)

os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the kernel's debugger would talk to stderr


def pictures(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                yield base64.b64decode(output["data"]["image/png"])


def execute(path, out):
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3",
                                     resources={"metadata": {"path": str(path.parent)}})
    try:
        client.execute()
        failed = None
    except nbclient.exceptions.CellExecutionError as error:
        failed = str(error)
    nbformat.write(notebook, out / path.name)
    n = 0
    for n, picture in enumerate(pictures(notebook), 1):
        (out / f"{path.stem}-{n}.png").write_bytes(picture)
    warnings = [o["text"] for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
    if failed is None and warnings:
        failed = "a cell wrote to stderr:\n" + "".join(warnings)
    if failed is None and n == 0:
        failed = "it drew no picture"
    print(f"{path.name}: {failed or f'{n} pictures in {out}'}")
    return failed is None


if len(sys.argv) < 3:
    sys.exit(__doc__)
folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
# every one is executed, also after a failure
sys.exit(0 if all([execute(Path(name).resolve(), folder) for name in sys.argv[2:]]) else 1)
