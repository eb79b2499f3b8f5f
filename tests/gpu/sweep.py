#!/usr/bin/env python3
"""A sweep on a GPU, or on its emulation, against the same sweep on the CPU.

    sweep.py EBB [--steps 2] [--quick] [--large]

The module is that of $EBB_CUDA_MODULE, else the one beside the program. Checks that every dataset
has the bytes of the CPU's run, for every preset, and after a worker and the server were killed; that
run.device=cuda without a module is refused before anything is written, and that auto goes on
without. Exit status 77 where there is no device.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SWEEP = """name: small
about: Does a GPU give the bytes of the CPU?
task: {{name: chain}}
model: {{width: {width}, heads: 2, ffn: {ffn}, layers: {layers}}}
pretrain: {{steps: 40, batch: 16, warmup: 10}}
train: {{steps: {steps}, prompts: {prompts}, group: 2, minibatches: 2}}
eval: {{cadence: 1, questions: {questions}, samples: 2}}
ib: {{probe: 1}}
algorithms:
  loss_kl: {{from: grpo, kl.place: loss, kl.estimator: full, ref.every: 1, ref.mix: 0.5}}
  stale: {{from: grpo, sample.mismatch: stale, sample.stale: 1, tis.kind: token-trunc}}
sweep: {{algorithm: [grpo, gipo, loss_kl, stale, ppo]}}
seeds: 1
"""
SMALL = dict(width=8, ffn=16, layers=1, prompts=2, questions=2)
LARGE = dict(width=64, ffn=128, layers=2, prompts=16, questions=64)


def fail(text):
    sys.exit(f"sweep: error: {text}")


class Sweep:
    def __init__(self, ebb, folder):
        self.ebb, self.folder = ebb, folder

    def start(self, out, device, *more, **environment):
        return subprocess.Popen([self.ebb, "run", "small.yaml", "--out", out, f"run.device={device}",
                                 "run.checkpoint_s=0", *more], cwd=self.folder, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                env={**os.environ, **environment})

    def run(self, out, device, *more, **environment):
        p = self.start(out, device, *more, **environment)
        said = p.communicate()[1]
        return p.returncode, said

    def differing(self, a, b):
        done = subprocess.run([self.ebb, "diff", a, b, "--json"], cwd=self.folder, text=True,
                              capture_output=True)
        if done.returncode == 2:
            fail(f"ebb diff: {done.stderr}")
        trials = json.loads(done.stdout)["trials"]
        return len(trials), [t for t in trials if not t["agree"]]


def children(pid):
    """By their parent's number, which every kernel tells."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue  # it has ended
        if int(after[1]) == pid and after[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def expect_equal(sweep, out, what):
    n, bad = sweep.differing("cpu", out)
    if n == 0 or bad:
        fail(f"{what}: {len(bad)} of {n} trials differ from the CPU's: {bad[:1]}")
    print(f"{what}: {n} trials with the bytes of the CPU's", flush=True)


def kill_one(sweep, out, whom):
    """Kill a child once the first state is saved: the server is the first one, workers follow it."""
    p = sweep.start(out, "cuda")
    until = time.monotonic() + 120
    while p.poll() is None and time.monotonic() < until:
        if any((sweep.folder / out).glob("checkpoints/*.h5")) and len(children(p.pid)) > 1:
            break
        time.sleep(0.01)
    victims = children(p.pid) if p.poll() is None else []
    if victims:
        os.kill(min(victims) if whom == "server" else max(victims), signal.SIGKILL)
    said = p.communicate()[1]
    if not victims:
        fail(f"nobody to kill: {said}")
    if p.returncode == 0:
        fail(f"killing the {whom} went unnoticed: {said}")
    code, said = sweep.run(out, "cuda")
    if code != 0:
        fail(f"after the {whom} was killed: {said}")
    expect_equal(sweep, out, f"{whom} killed")


def fast(sweep):
    """bf16 is another experiment: it has ids of its own, and nobody computes it again."""
    code, said = sweep.run("bf16", "cuda", "run.precision=bf16", "algorithm=grpo")
    if "no algorithm" in said or "cuBLASLt" in said:
        print(f"bf16 skipped: {said.strip()}")
        return
    if code != 0:
        fail(f"bf16: exit status {code}: {said}")
    if {f.name for f in (sweep.folder / "bf16" / "trials").iterdir()} & {
            f.name for f in (sweep.folder / "gpu" / "trials").iterdir()}:
        fail("bf16: a trial has the id of an exact one")
    done = subprocess.run([sweep.ebb, "verify", "bf16"], cwd=sweep.folder, text=True,
                          capture_output=True)
    if done.returncode == 0 or "run.precision" not in done.stdout + done.stderr:
        fail(f"bf16: ebb verify: {done.returncode}: {done.stdout}{done.stderr}")
    print("bf16: trained, told apart, not computed again", flush=True)


def little_memory(sweep):
    """Less and less memory (of an emulated device): fewer seats, then layers computed twice, then
    nothing fits, which names what to lower."""
    for kib, left in ((67000, True), (66300, True), (65700, False)):
        out = f"memory-{kib}"
        code, said = sweep.run(out, "cuda", EMU_MEMORY=str(kib))
        if left and code != 0:
            fail(f"{kib} KiB of device memory: {said}")
        if left:
            expect_equal(sweep, out, f"{kib} KiB of device memory")
        elif code == 0 or "lower model.width" not in said:
            fail(f"{kib} KiB of device memory: exit status {code}: {said}")


def every_preset(sweep):
    """Whatever an algorithm asks of its policy, a GPU answers with the CPU's bytes."""
    listed = subprocess.run([sweep.ebb, "algorithms", "--json"], text=True, capture_output=True,
                            check=True)
    names = [a["name"] for a in json.loads(listed.stdout)["algorithms"]]
    text = (sweep.folder / "small.yaml").read_text()
    text = re.sub(r"(?m)^sweep: .*$", f"sweep: {{algorithm: [{', '.join(names)}]}}", text)
    text = text.replace("name: small", "name: presets").replace("group: 2", "group: 4")
    (sweep.folder / "small.yaml").write_text(text)
    for device in ("cpu", "cuda"):
        code, said = sweep.run(f"every-{device}", device, "--jobs", "4")
        if code != 0:
            fail(f"every preset on {device}: {said}")
    n, bad = sweep.differing("every-cpu", "every-cuda")
    if n < len(names) or bad:
        fail(f"every preset: {len(bad)} of {n} trials differ from the CPU's: {bad[:1]}")
    print(f"every preset: {n} trials with the bytes of the CPU's", flush=True)


def main():
    flags = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    flags.add_argument("ebb")
    flags.add_argument("--steps", type=int, default=2)
    flags.add_argument("--quick", action="store_true", help="no fast mode, nobody killed")
    flags.add_argument("--large", action="store_true", help="the default model: for a real GPU")
    a = flags.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ebb-gpu-"))
    sweep = Sweep(str(Path(a.ebb).resolve()), folder)
    try:
        (folder / "small.yaml").write_text(SWEEP.format(steps=a.steps,
                                                        **(LARGE if a.large else SMALL)))
        code, said = sweep.run("none", "cuda", EBB_CUDA_MODULE="/nowhere/ebb_cuda.so")
        if code != 2 or "run.device=cuda" not in said or (folder / "none").exists():
            fail(f"without a module: exit status {code}: {said}")
        code, said = sweep.run("cpu", "auto", "--jobs", "2", EBB_CUDA_MODULE="/nowhere/ebb_cuda.so")
        if code != 0 or "on the CPU: no GPU module" not in said:
            fail(f"auto without a module: exit status {code}: {said}")
        code, said = sweep.run("gpu", "cuda")
        if code == 2 and "run.device=cuda" in said:
            print(f"skipped: {said.strip()}")
            return 77
        if code != 0:
            fail(f"exit status {code}: {said}")
        expect_equal(sweep, "gpu", next(line for line in said.splitlines() if "on the GPU" in line))
        if not a.quick:
            fast(sweep)
            kill_one(sweep, "worker", "worker")
            kill_one(sweep, "server", "server")
            if "emulated" in said:
                little_memory(sweep)
            every_preset(sweep)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
