#!/usr/bin/env python3
"""Kill a sweep at random moments until it is done, and compare it with one left in peace.

    soak.py EBB [--kills 300] [--seed 1] [--full-disk] [--no-memory] [--keep]

Counts kills, unreadable files, work repeated and differing datasets; exit status 0 only if every
file could be read, every dataset has the bytes of the undisturbed run and no kill cost more work
than run.checkpoint_s and the request in flight.
"""
import argparse, datetime, fcntl, json, os, random, shutil, signal, subprocess, sys, tempfile, time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKPOINT_S = 0.2  # as soak.yaml says
SLACK_S = 2.0       # the longest request and the write itself, on a busy machine


def start(ebb, cwd, *more, limit=None):
    """A sweep in a process group of its own, so that a kill reaches nobody else."""
    def prepare():
        os.setsid()
        if limit:
            import resource
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    log = open(cwd / "stderr", "ab")
    return subprocess.Popen([ebb, "run", HERE / "soak.yaml", "--out", "run", *more], cwd=cwd,
                            stdout=subprocess.DEVNULL, stderr=log, preexec_fn=prepare)


def workers(pid):
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def status(ebb, cwd):
    """What the files say; None before there is an index."""
    if not (cwd / "run" / "run.h5").exists():
        return None
    r = subprocess.run([ebb, "status", "run", "--json"], cwd=cwd, capture_output=True, text=True)
    if r.returncode != 0:
        raise SystemExit(f"soak: ebb status failed after a kill: {r.stderr}")
    return json.loads(r.stdout)


def damaged(state):
    return [t for t in state["trials"] if t["cause"] and t["state"] in ("stale", "done")] if state else []


def is_held(journal):
    """Does a process write this trial? A trial that failed before is nobody's work now."""
    with open(journal, "rb") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def lost_work(cwd, begin, now):
    """Seconds of work that the running trials of an attempt begun at `begin` have not saved."""
    lost, began = [], {}
    for line in (cwd / "run" / "log.jsonl").read_text().splitlines() if (cwd / "run" / "log.jsonl").exists() else []:
        event = json.loads(line)
        if event["event"] == "started":  # to the second
            began[event["trial"]] = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
    for journal in (cwd / "run" / "checkpoints").glob("*.rows"):
        if not is_held(journal):
            continue
        saved = journal.with_suffix(".h5")
        finished = cwd / "run" / "trials" / (journal.stem + ".h5")
        part = finished.with_name(finished.name + ".part")
        if finished.exists() or not part.exists():
            continue
        since = max(begin, began.get(journal.stem, 0))
        lost.append(now - max(since, saved.stat().st_mtime if saved.exists() else 0))
    return lost


def compare(ebb, a, b):
    r = subprocess.run([ebb, "diff", a / "run", b / "run", "--json"], capture_output=True, text=True)
    if r.returncode == 2:
        raise SystemExit(f"soak: ebb diff: {r.stderr}")
    return r.returncode, json.loads(r.stdout)


class Soak:
    def __init__(self, args, root):
        self.ebb, self.root, self.args = str(Path(args.ebb).resolve()), root, args
        self.random = random.Random(args.seed)
        self.kills = {"parent": 0, "worker": 0, "all": 0, "term": 0}
        self.unreadable, self.lost, self.sweeps, self.differing, self.compared = 0, [], 0, 0, 0
        self.phases = {}

    def folder(self, name):
        d = self.root / name
        d.mkdir()
        return d

    def peaceful(self):
        self.whole = self.folder("whole")
        begin = time.monotonic()
        p = start(self.ebb, self.whole)
        if p.wait() != 0:
            raise SystemExit("soak: the undisturbed run failed:\n" + (self.whole / "stderr").read_text())
        self.seconds = time.monotonic() - begin
        self.trials = len(status(self.ebb, self.whole)["trials"])
        print(f"undisturbed: {self.trials} trials in {self.seconds:.1f} s", flush=True)

    def check(self, cwd, name):
        code, d = compare(self.ebb, self.whole, cwd)
        bad = [t for t in d["trials"] if not t["agree"]]
        self.compared += sum(t["compared"] for t in d["trials"])
        self.differing += sum(t["differing"] + t["only_a"] + t["only_b"] for t in d["trials"])
        for t in bad:
            print(f"{name}: {json.dumps(t)}")
        if len(d["trials"]) != self.trials:
            print(f"{name}: {len(d['trials'])} trials where {self.trials} were expected")
        return code == 0 and not bad and len(d["trials"]) == self.trials

    def kill_once(self, cwd):
        """One attempt of the sweep; True when it came to its end."""
        begin = time.time()
        p = start(self.ebb, cwd)
        try:
            return p.wait(self.random.expovariate(1 / self.mean_s)) == 0
        except subprocess.TimeoutExpired:
            pass
        kind = self.random.choices(list(self.kills), (5, 3, 3, 1))[0]
        for f in (cwd / "run").rglob("*") if (cwd / "run").exists() else []:
            if f.suffix in (".half", ".part", ".tmp"):
                self.phases[f.suffix] = self.phases.get(f.suffix, 0) + 1
        now = time.time()
        lost = lost_work(cwd, begin, now)
        victims = workers(p.pid)
        if kind == "parent":
            os.kill(p.pid, signal.SIGKILL)
        elif kind == "worker" and victims:
            os.kill(self.random.choice(victims), signal.SIGKILL)
        elif kind == "term":
            os.kill(p.pid, signal.SIGTERM)
        else:
            kind = "all"
            os.killpg(p.pid, signal.SIGKILL)
        self.kills[kind] += 1
        if kind in ("parent", "all"):
            self.lost += lost
        # a killed worker leaves the sweep running: it says what failed and goes on
        ended = p.wait() == 0
        for pid in victims:  # workers die with their parent, at once
            deadline = time.monotonic() + 10
            while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                if Path(f"/proc/{pid}/stat").read_text().split()[2:3] == ["Z"]:
                    break
                time.sleep(0.005)
            else:
                if Path(f"/proc/{pid}").exists():
                    raise SystemExit(f"soak: worker {pid} outlived its parent")
        for t in damaged(status(self.ebb, cwd)):
            print(f"unreadable: {json.dumps(t)}", flush=True)
            self.unreadable += 1
        return ended

    def storm(self):
        self.mean_s = max(0.1, self.seconds / 40)
        while sum(self.kills.values()) < self.args.kills:
            self.sweeps += 1
            cwd = self.folder(f"killed-{self.sweeps}")
            while sum(self.kills.values()) < self.args.kills:
                if self.kill_once(cwd):
                    break
            p = start(self.ebb, cwd)  # what is left, in peace
            if p.wait() != 0:
                raise SystemExit("soak: resuming failed:\n" + (cwd / "stderr").read_text()[-2000:])
            if self.check(cwd, cwd.name) and not self.args.keep:
                shutil.rmtree(cwd)
        total = sum(self.kills.values())
        print(f"{total} kills {self.kills} over {self.sweeps} sweeps")
        self.lost.sort()
        if self.lost:
            print(f"work repeated by {len(self.lost)} killed trials: median {self.lost[len(self.lost) // 2]:.2f} s, "
                  f"largest {self.lost[-1]:.2f} s (checkpoint_s {CHECKPOINT_S})")

    def full_disk(self):
        """A file system of a few MiB that fills up, then grows."""
        cwd = self.folder("full")
        mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(cwd)]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            print("full disk: skipped, no right to mount a file system")
            return True
        try:
            failures = 0
            for size in (3, 4, 6, 9, 14, 256):
                subprocess.run(["mount", "-o", f"remount,size={size}m", str(cwd)], check=True)
                p = start(self.ebb, cwd)
                code = p.wait()
                failures += code != 0
                if code not in (0, 1, 2):
                    raise SystemExit(f"soak: exit status {code} on a full disk")
            if code != 0:
                raise SystemExit("soak: the sweep failed with room enough:\n" + (cwd / "stderr").read_text()[-2000:])
            print(f"full disk: {failures} of 6 attempts failed as they should, the last had room")
            return self.check(cwd, "full disk") and failures > 0
        finally:
            subprocess.run(["umount", str(cwd)])

    def no_memory(self):
        """Address space that is too small for some trials."""
        cwd = self.folder("memory")
        failures = 0
        for mib in (24, 32, 40, 48, 56, 64, 80, 0):
            p = start(self.ebb, cwd, limit=mib << 20 if mib else None)
            code = p.wait()
            failures += code != 0
            if mib == 0 and code != 0:
                raise SystemExit("soak: resuming after lack of memory failed")
        print(f"no memory: {failures} of 8 attempts failed as they should, the last had room")
        return self.check(cwd, "no memory") and failures > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ebb")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--full-disk", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="ebb-soak-"))
    soak = Soak(args, root)
    good = True
    try:
        soak.peaceful()
        if args.kills:
            soak.storm()
        if args.full_disk:
            good &= soak.full_disk()
        if args.no_memory:
            good &= soak.no_memory()
    finally:
        if not args.keep:
            shutil.rmtree(root, ignore_errors=True)
    late = [s for s in soak.lost if s > CHECKPOINT_S + SLACK_S]
    print(f"{soak.unreadable} unreadable files, {soak.differing} of {soak.compared} datasets differ, "
          f"{len(late)} kills cost too much")
    return 0 if good and not soak.unreadable and not soak.differing and not late else 1


if __name__ == "__main__":
    sys.exit(main())
