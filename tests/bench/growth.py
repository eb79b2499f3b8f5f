#!/usr/bin/env python3
"""How a step's time grows, one size after the other, next to how its arithmetic grows.

Every size of an axis is timed once a round, round after round, so that all of them see the same
minutes of a machine that may be shared; the fastest of all rounds counts. The last column is what a
unit of arithmetic costs, over that of the axis's first row: 1.00 all the way down is a straight line,
less is a size that uses the core better. Trials are whole sweeps of one, two, ... workers.

    tests/bench/growth.py build/ebb [--rounds 3] [--axis width ...]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

AXES = {
    "width": [64, 96, 128, 192, 256, 384, 512],
    "layers": [1, 2, 4, 8],
    "vocab": [32, 64, 256, 1024, 4096],
    "seq": [16, 32, 64, 128, 256, 512],
    "batch": [32, 64, 128, 256, 512],
    "group": [1, 2, 4, 8, 16],
}
# Smaller than the standard shape where an axis multiplies the work.
SHAPE = {"width": {"batch": 32}, "vocab": {"batch": 64}, "seq": {"batch": 32}, "layers": {"batch": 64}}

TRIALS = [1, 2, 4, 8, 16]
SWEEP = """name: growth
about: how the time of a sweep grows with its trials
task: {name: chain, preset: main}
pretrain: {steps: 100}
train: {steps: 20}
eval: {cadence: 20}
sweep: {algorithm: [grpo]}
"""


def bench(ebb, mode, **shape):
    command = [ebb, "bench", "--json", "--mode", mode, "--iters", "3"]
    for name, value in shape.items():
        command += ["--" + name, str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)["results"][0]


def sweep(ebb, trials):
    """Seconds of a fresh sweep, on as many workers as the machine has cores, bases included."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "growth.yaml"), "w", encoding="utf-8") as f:
            f.write(SWEEP)
        begin = time.monotonic()
        subprocess.run([ebb, "run", "growth.yaml", f"seeds={trials}", "--out", "run"], cwd=folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        return time.monotonic() - begin


def axis_print(ebb, axis, rounds):
    for mode in ("train", "sample") if axis != "group" else ("rl",):
        best = {}
        for _ in range(rounds):
            for value in AXES[axis]:
                row = bench(ebb, mode, **{**SHAPE.get(axis, {}), axis: value})
                if value not in best or row["ms_best"] < best[value]["ms_best"]:
                    best[value] = row
        first = best[AXES[axis][0]]
        unit = first["gflops"]
        for value, row in best.items():
            work = row["ms_best"] * row["gflops"] / 1e3
            print(f"{axis:<7} {value:>6} {mode:<7} {row['ms_best']:>9.1f} {work:>8.3f} "
                  f"{row['gflops']:>8.1f} {unit / row['gflops']:>6.2f}", flush=True)


def trials_print(ebb, rounds):
    best = {}
    for _ in range(rounds):
        for n in TRIALS:
            best[n] = min(best.get(n, 1e9), sweep(ebb, n))
    for n, seconds in best.items():
        print(f"{'trials':<7} {n:>6} {'sweep':<7} {seconds * 1e3:>9.0f} {'':>8} {'':>8} "
              f"{seconds / n / best[TRIALS[0]]:>6.2f}", flush=True)


def main():
    flags = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    flags.add_argument("ebb", help="the program, as built")
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--axis", nargs="*", choices=[*AXES, "trials"], default=[*AXES, "trials"])
    a = flags.parse_args()
    a.ebb = os.path.abspath(a.ebb)
    print(f"{'axis':<7} {'value':>6} {'job':<7} {'ms':>9} {'GFLOP':>8} {'GFLOP/s':>8} {'unit':>6}")
    for axis in a.axis:
        if axis == "trials":
            trials_print(a.ebb, a.rounds)
        else:
            axis_print(a.ebb, axis, a.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
