#!/usr/bin/env python3
"""Turn CUDA C++ into C++ for the emulator: launches become calls, dynamic shared memory a pointer.

usage: launch.py kernel.cu kernel.cpp"""
import re
import sys


def closing(text, at):
    """The place of the parenthesis that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced parentheses")


def main(source, target):
    text = open(source).read()
    text = re.sub(r"extern __shared__ (?:__align__\(\d+\) )?float (\w+)\[\];",
                  r"float *\1 = emu_shared();", text)
    pattern = re.compile(r"(\w+(?:<[^<>;]*>)?)\s*<<<")
    while True:
        found = pattern.search(text)
        if not found:
            break
        end = text.index(">>>", found.end())
        opening = text.index("(", end)
        close = closing(text, opening)
        config, arguments = text[found.end():end], text[opening:close + 1]
        text = (text[:found.start()] + f"emu_launch({config}, [=]() {{ {found[1]}{arguments}; }})" +
                text[close + 1:])
    with open(target, "w") as out:
        out.write(f'#line 1 "{source}"\n' + text)


if __name__ == "__main__":
    main(*sys.argv[1:])
