#!/usr/bin/env python3
"""Time `ebb bench` and the PyTorch yardstick side by side on this machine.

The two programs take turns, pair after pair, so that both see the same minutes of a machine that
may be shared. For every job: the best and the median tokens a second of either side, the ratio of the
bests, and of the pairs' ratios the median and the range. PyTorch runs at its best: before the pairs
every way of PEER_WAYS (sequences a pass, what is compiled) is tried once. Exit status 77 (skipped) where no Python here can import torch.

    tests/bench/side_by_side.py build/ebb [--width 64] [--layers 2] [--threads 1] [--pairs 5]
                                [--python VENV/bin/python]
"""
import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

PEER = Path(__file__).resolve().parent / "peer_torch.py"

PASSES = [["--micro", str(n)] for n in (0, 64, 32, 16)]
PEER_WAYS = {
    "train": [[*p, "--compile", c] for p in PASSES for c in ("none", "train")],
    "sample": [["--compile", c] for c in ("none", "all")],
    "rl": [[*p, "--compile", c] for p in PASSES for c in ("none", "train")],
}


def python_with_torch(wanted):
    """The first interpreter that has torch; distributions install it for their own only."""
    for python in [wanted] if wanted else dict.fromkeys((sys.executable, "/usr/bin/python3",
                                                         "python3")):
        try:
            done = subprocess.run([python, "-c", "import torch"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"side_by_side: error: {' '.join(command)} ended with {done.returncode}: "
                 f"{done.stderr.strip()}")
    return json.loads(done.stdout)


def peer_at_its_best(python, mode, shape):
    """The command of the fastest way, of those that work with this version: two iterations each."""
    best, fastest = None, 0.0
    for way in PEER_WAYS[mode]:
        command = [python, str(PEER), "--mode", mode] + shape + way
        done = subprocess.run(command + ["--iters", "2"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        rate = json.loads(done.stdout)["tokens_per_s"] if done.returncode == 0 else 0.0
        if rate > fastest:
            best, fastest = command, rate
    return best or sys.exit(f"side_by_side: error: PyTorch fails in every way: {done.stderr.strip()}")


def processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def main():
    flags = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    flags.add_argument("ebb", help="the program, as built")
    flags.add_argument("--mode", choices=["train", "sample", "rl"], help="only this job")
    flags.add_argument("--pairs", type=int, default=5, help="turns of each side, at least 3")
    flags.add_argument("--python", help="the interpreter whose torch is meant")
    for name, value in dict(width=64, layers=2, threads=1, batch=256, seq=64, prompt=8, vocab=64,
                            group=8, iters=5).items():
        flags.add_argument("--" + name, type=int, default=value)
    a = flags.parse_args()
    if a.pairs < 3:
        flags.error("--pairs must be at least 3: fewer turns say little on a shared machine")
    python = python_with_torch(a.python)
    if python is None:
        print("side_by_side: skipped: no Python here can import torch")
        return 77

    shape = [word for name in ("width", "layers", "threads", "batch", "seq", "prompt", "vocab",
                               "group", "iters") for word in ("--" + name, str(getattr(a, name)))]
    print(f"{processor()}; width {a.width}, layers {a.layers}, threads {a.threads}, "
          f"batch {a.batch}, seq {a.seq}; {a.pairs} turns of {a.iters} iterations")
    print(f"{'job':<7} {'ebb best':>10} {'median':>10} {'torch best':>11} {'median':>10} "
          f"{'ratio':>7} {'of pairs':>9} {'range':>12}   versions")
    rate = [0.0, 0.0]  # torch's product of matrices, and one core's peak, GFLOP/s
    for mode in [a.mode] if a.mode else ["train", "sample", "rl"]:
        ours, theirs = [], []
        peer_command = peer_at_its_best(python, mode, shape)
        for _ in range(a.pairs):
            ours += run([a.ebb, "bench", "--json", "--mode", mode] + shape)["results"]
            theirs.append(run(peer_command))
        if ours[0]["parameters"] != theirs[0]["parameters"]:
            sys.exit(f"side_by_side: error: the models differ, {ours[0]['parameters']} and "
                     f"{theirs[0]['parameters']} parameters")
        mine = [r["tokens_per_s"] for r in ours]
        peer = [r["tokens_per_s"] for r in theirs]
        ratios = [x / y for x, y in zip(mine, peer)]
        print(f"{mode:<7} {max(mine):>10.0f} {statistics.median(mine):>10.0f} {max(peer):>11.0f} "
              f"{statistics.median(peer):>10.0f} {max(mine) / max(peer):>7.2f} "
              f"{statistics.median(ratios):>9.2f} {min(ratios):>5.2f}-{max(ratios):<6.2f}   "
              f"ebb {ours[0]['isa']}, {theirs[0]['peer']} ({theirs[0]['adamw']} AdamW, "
              f"{theirs[0]['micro']} sequences a pass, compiled: {theirs[0]['compiled']})",
              flush=True)
        rate[0] = max(rate[0], max(r["matmul_gflops"] for r in theirs))
        rate[1] = max(rate[1], max(r["peak_gflops"] for r in ours) / a.threads)
        library = theirs[0]["blas"]
    print(f"torch multiplies matrices with {library}: {rate[0]:.0f} GFLOP/s on 512 x 512; one "
          f"core's measured peak is {rate[1]:.0f} GFLOP/s")
    if rate[0] < 0.25 * rate[1]:
        print("note: that is no tuned library, so the ratios above say little about PyTorch; try "
              "again with OpenBLAS (Debian: libopenblas0-pthread) or a wheel from PyPI")
    return 0


if __name__ == "__main__":
    sys.exit(main())
