#!/usr/bin/env python3
"""Runs Debian programs natively and under the emulator and compares.

    tests/user/programs.py                 all cases
    tests/user/programs.py --short         those of scripts/check
    tests/user/programs.py --only NAME...  some; a name may end in *
    tests/user/programs.py --list          the names

A case passes when exit status and output (or what the case reports of them)
are the same both ways. The last line is "N passed, N failed".
"""

import argparse
import fnmatch
import json
import os
import pathlib
import selectors
import shlex
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from cases import CASES  # noqa: E402
from harness import compare_in_child  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(description="Compare programs under the emulator with native runs.")
    parser.add_argument("--short", action="store_true", help="only the cases of scripts/check")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these cases")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--mortise", metavar="PATH", default=str(ROOT / "build/release/bin/mortise"))
    parser.add_argument("--options", default="", help="options for mortise user, as one word")
    parser.add_argument("--runner", help="a whole command to put before each program, in place of mortise")
    parser.add_argument("-j", "--jobs", type=int, default=0, help="cases at the same time")
    parser.add_argument("--timeout-scale", type=float, default=1.0, help="multiplies each case's timeout")
    parser.add_argument("--attempts", type=int, default=1, help="a case may fail that many times, less one")
    return parser.parse_args()


def choose(args):
    if args.only:
        for pattern in args.only:
            if not fnmatch.filter(CASES, pattern):
                sys.exit(f"programs.py: no case {pattern}; see --list")
        return [case for case in CASES.values() if any(fnmatch.fnmatch(case.name, p) for p in args.only)]
    return [case for case in CASES.values() if case.short or not args.short]


class Schedule:
    """Cases that run at the moment, up to a limit."""

    def __init__(self, prefix, jobs, timeout_scale):
        self.prefix, self.jobs, self.timeout_scale = prefix, jobs, timeout_scale
        self.running = {}
        self.selector = selectors.DefaultSelector()

    def start(self, case, attempt):
        pid, stream = compare_in_child(case, self.prefix, self.timeout_scale)
        self.running[stream.fileno()] = (case, attempt, pid, stream)
        self.selector.register(stream, selectors.EVENT_READ)

    def finished(self):
        """Waits for one case; returns (case, attempt, result)."""
        key = self.selector.select()[0][0]
        case, attempt, pid, stream = self.running.pop(key.fd)
        self.selector.unregister(stream)
        text = stream.read()
        stream.close()
        os.waitpid(pid, 0)
        try:
            return case, attempt, json.loads(text)
        except ValueError:
            return case, attempt, {"ok": False, "reason": "the test harness failed", "native": 0, "emulated": 0}

    def stop(self):
        for _, _, pid, _ in self.running.values():
            os.kill(pid, signal.SIGTERM)
        for _, _, pid, _ in self.running.values():
            os.waitpid(pid, 0)


def rerun_command(args, case):
    words = ["tests/user/programs.py", "--only", case.name]
    if args.runner:
        words += ["--runner", args.runner]
    if args.options:
        words += [f"--options={args.options}"]
    return shlex.join(words)


def main():
    args = arguments()
    chosen = choose(args)
    if args.list:
        for case in chosen:
            print(f"{case.name:24} {'short' if case.short else '     '} {case.about}")
        return 0
    if args.runner:
        prefix = shlex.split(args.runner)
    else:
        if not os.access(args.mortise, os.X_OK):
            sys.exit(f"programs.py: {args.mortise} is not there; build the preset release first")
        prefix = [os.path.abspath(args.mortise), "user", *shlex.split(args.options)]

    passed = failed = 0
    waiting = []
    for case in chosen:
        missing = case.missing()
        if missing:
            print(f"skip  {case.name}: not installed: {', '.join(missing)} (scripts/deps --all)", flush=True)
        else:
            waiting.append((case, 1))
    schedule = Schedule(prefix, args.jobs or (os.cpu_count() if args.short else 1), args.timeout_scale)
    started = time.monotonic()
    try:
        while waiting or schedule.running:
            while waiting and len(schedule.running) < schedule.jobs:
                schedule.start(*waiting.pop(0))
            case, attempt, result = schedule.finished()
            times = f"native {result['native']:6.2f} s  emulated {result['emulated']:6.2f} s"
            if result["ok"]:
                passed += 1
                note = f"  (attempt {attempt})" if attempt > 1 else ""
                print(f"ok    {case.name:24} {times}{note}", flush=True)
                continue
            again = attempt < args.attempts
            print(f"{'again' if again else 'FAIL '} {case.name:24} {times}")
            print("      " + result["reason"].rstrip().replace("\n", "\n      "))
            print(f"      rerun: {rerun_command(args, case)}", flush=True)
            if again:
                waiting.append((case, attempt + 1))
            else:
                failed += 1
    finally:
        schedule.stop()
    print(f"total {time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
