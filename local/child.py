"""Becomes the program that a specification names, and asks the kernel to end it when its parent ends.

Run as `python -I -S child.py SPEC [NUMBER]`. SPEC is JSON: `argv`, `env` (the whole environment), `cwd`, `nice`;
`{n}` in argv and env stands for NUMBER. supervisord's own configuration would need three kinds of quoting for that.
"""

import json
import os
import signal
import sys


def _end_with_parent() -> None:
    """SIGTERM to this process when its parent ends, however that happens. Linux only; elsewhere nothing."""
    import ctypes

    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        return
    parent = os.getppid()
    pr_set_pdeathsig = 1
    prctl(pr_set_pdeathsig, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The parent process ended before this one began.")


def main() -> None:
    """Replaces this process."""
    _end_with_parent()
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    number = sys.argv[2] if len(sys.argv) > 2 else "0"
    argv = [text.replace("{n}", number) for text in spec["argv"]]
    environment = {name: value.replace("{n}", number) for name, value in spec["env"].items()}
    os.chdir(spec["cwd"])
    if spec.get("nice"):
        os.nice(spec["nice"])
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        sys.exit(f"{argv[0]} cannot be started: {error.strerror}.")


if __name__ == "__main__":
    main()
