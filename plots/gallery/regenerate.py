#!/usr/bin/env python3
"""Run the default-size experiments, draw the gallery and write the tables of their pages anew.

    regenerate.py EBB [--runs DIR] [NAME ...]          (make results)

Finished trials in DIR (data/runs) are kept, so a second call only draws. In docs/results*.md a table
stands between "<!-- claims NAME -->" or "<!-- compare NAME METRIC -->" and "<!-- end -->"; what
surrounds the tables is written by hand.
"""
import argparse, re, shutil, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {
    "quickstart": ["accuracy", "clip"],
    "entropy-collapse": ["entropy", "accuracy-difference", "accuracy-final", "reward-vs-entropy",
                         "entropy-by-position", "entropy-heat", "logit-histogram", "time-to-collapse"],
    "entropy-coefficient": ["entropy", "entropy-final", "accuracy-final"],
    "exploration": ["accuracy", "accuracy-final", "entropy-heat"],
    "gipo-decay": ["accuracy-final"],
    "annealing": ["accuracy", "accuracy-difference", "task/shortcut_frac"],
    "covariance": ["cov_group"],
    "cov-control": ["entropy-final"],
    "clip-random": ["entropy"],
    "clip-true": [],
    "degenerate": ["degenerate_frac"],
    "gspo": [],
    "kl-estimators": [],
    "kl-coefficient": ["entropy-final"],
    "eps-low": [],
    "information-reward": ["accuracy-final"],
    "law": [],
    "law-size": [],
    "group-size": ["accuracy-final"],
    "ppo": ["critic/explained_variance"],
    "empo": ["accuracy"],
    "one-shot-em": ["accuracy"],
    "preferences": ["accuracy-final", "preference/chosen_drift"],
    "tree": ["accuracy-difference"],
    "continued/em-order": ["accuracy"],
    "continued/empo-later": ["accuracy"],
}
PAGES = ["results.md", "results-algorithms.md"]


def ebb(exe, *words, **more):
    return subprocess.run([exe, *words], check=True, text=True, cwd=ROOT, **more)


def tables(exe, text, runs):
    """Replace what stands between the marks."""
    def fill(mark):
        kind, name, *metric = mark[1].split()
        if name not in runs:
            return mark[0]
        words = [kind, str(runs[name]), "--markdown"] + (["--metric", metric[0]] if metric else [])
        out = ebb(exe, *words, stdout=subprocess.PIPE).stdout
        return f"<!-- {mark[1]} -->\n{out.strip()}\n<!-- end -->"
    return re.sub(r"<!-- ((?:claims|compare) [^>]*?) -->\n.*?<!-- end -->", fill, text, flags=re.S)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ebb")
    parser.add_argument("--runs", default=Path("data/runs"), type=Path,
                        help="below the root of the project (data/runs)")
    parser.add_argument("name", nargs="*")
    args = parser.parse_args()
    exe = str(Path(args.ebb).resolve())
    unknown = set(args.name) - set(PICTURES)
    if unknown:
        sys.exit(f"regenerate.py: no pictures of {', '.join(sorted(unknown))}; known: {', '.join(PICTURES)}")
    gallery, runs = ROOT / "plots" / "gallery", {}
    for name in args.name or PICTURES:
        stem = Path(name).name
        runs[stem] = args.runs / stem
        ebb(exe, "run", f"experiments/{name}.yaml", "--out", str(runs[stem]))
        if not PICTURES[name]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            ebb(exe, "plot", str(runs[stem]), *PICTURES[name], "--out", folder,
                stdout=subprocess.DEVNULL)
            for picture in Path(folder).glob("*.png"):
                shutil.copy(picture, gallery / f"{stem}-{picture.name}")
    for page in (ROOT / "docs" / name for name in PAGES):
        page.write_text(tables(exe, page.read_text(), runs))


if __name__ == "__main__":
    main()
