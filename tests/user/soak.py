#!/usr/bin/env python3
"""Runs multi-threaded programs in turn under a small translation cache, so
that it is flushed all the time, and compares each result with native.

    tests/user/soak.py --minutes 10 [--mortise PATH] [--options '-tb-size 2']

Fails on a wrong result, on a program that does not end, and on memory that
grows: the largest resident size of each program's later runs is compared with
that of its first runs. One long-lived process, too, reports its size while it
works. The last line is "N passed, N failed".
"""

import argparse
import os
import pathlib
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

DATA = pathlib.Path(__file__).resolve().parent / "data"
ROOT = pathlib.Path(__file__).resolve().parents[2]
GROWTH = 1.5  # later runs may need that much more than the first ones ...
SLACK = 64 << 10  # ... and this many KiB

LONG_LIVED = """
import hashlib, sys, threading, time, json, re
end = time.monotonic() + float(sys.argv[1])
def work(seed):
    n = seed
    while time.monotonic() < end:
        for i in range(3000):
            n = (n * 6364136223846793005 + 1442695040888963407) % 2**64
        json.loads(json.dumps({"n": n, "l": list(range(50))}))
        re.sub(r"(\\d)(\\d)", r"\\2\\1", str(n)); hashlib.sha256(str(n).encode()).digest()
threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
[t.start() for t in threads]
while time.monotonic() < end:
    time.sleep(1)
    short = [threading.Thread(target=lambda: sum(range(1000))) for _ in range(20)]
    [t.start() for t in short]; [t.join() for t in short]
[t.join() for t in threads]
print("done")
"""


def programs(work):
    """[(name, argv)]: what is run; all multi-threaded or of many processes."""
    shutil.copy(DATA / "mixed.c", work)
    shutil.copy(DATA / "mixed.cc", work)
    shutil.copy(DATA / "mixed.py", work)
    shutil.copy(DATA / "compute.mjs", work)
    shutil.copy(DATA / "Mixed.java", work)
    (work / "text").write_bytes((DATA / "mixed.c").read_bytes() * 200)
    subprocess.run(["gcc", "-O2", "-pthread", "mixed.c", "-o", "mixed", "-lm"], cwd=work, check=True)
    subprocess.run(["g++", "-std=c++20", "-O2", "-pthread", "mixed.cc", "-o", "mixed2"], cwd=work, check=True)
    chosen = [
        ("c", ["./mixed"]),
        ("c++", ["./mixed2"]),
        ("python3", ["/usr/bin/python3", "mixed.py"]),
        ("xz", ["/usr/bin/xz", "-T4", "--block-size=200000", "-1", "-c", "text"]),
        ("zstd", ["/usr/bin/zstd", "-T4", "-q", "-3", "-c", "text"]),
        ("shell", ["/bin/sh", "-c", "for i in $(seq 30); do echo $i | sed s/1/x/ & done | sort; wait"]),
    ]
    if shutil.which("node"):
        chosen.append(("node", [shutil.which("node"), "compute.mjs"]))
    if shutil.which("javac"):
        subprocess.run(["javac", "Mixed.java"], cwd=work, check=True)
        chosen.append(("java", [shutil.which("java"), "-Xmx128m", "Mixed"]))
    if shutil.which("stress-ng"):
        for name, operations in [("pthread", 200), ("mutex", 5000), ("futex", 2000), ("signal", 5000), ("atomic", 100)]:
            argv = ["/usr/bin/stress-ng", f"--{name}", "1", f"--{name}-ops", str(operations), "--verify", "--quiet"]
            chosen.append((f"stress-{name}", [*argv, "--temp-path", str(work)]))
    return chosen


def run(argv, work, timeout):
    """Returns (status, output, largest resident KiB of it and its children);
    the status is None if it had to be killed. In a process of its own, since
    the kernel adds up what a process's children needed."""
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(work), "PYTHONDONTWRITEBYTECODE": "1"}
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        process = subprocess.Popen(
            argv, cwd=work, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            output, _ = process.communicate(timeout=timeout)
            status = str(process.returncode)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            status = "killed"
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        with os.fdopen(writer, "wb") as stream:
            stream.write(f"{status} {peak}\n".encode() + output)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        head, _, output = stream.read().partition(b"\n")
    os.waitpid(pid, 0)
    status, peak = head.decode().split()
    return (None if status == "killed" else int(status)), output, int(peak)


def resident(pid):
    """Resident KiB of the process now; 0 if it is gone."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--mortise", default=str(ROOT / "build/release/bin/mortise"))
    parser.add_argument("--options", default="-tb-size 2")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one program")
    args = parser.parse_args()
    prefix = [os.path.abspath(args.mortise), "user", *shlex.split(args.options)]
    passed = failed = 0
    peaks, sizes = {}, []
    with tempfile.TemporaryDirectory(prefix="mortise-soak-") as directory:
        work = pathlib.Path(directory)
        chosen = programs(work)
        wanted = {name: run(argv, work, args.timeout)[:2] for name, argv in chosen}
        end = time.monotonic() + args.minutes * 60
        long_lived = subprocess.Popen(
            [*prefix, "/usr/bin/python3", "-c", LONG_LIVED, str(args.minutes * 60)],
            stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            while time.monotonic() < end:
                for name, argv in chosen:
                    if time.monotonic() >= end:
                        break
                    started = time.monotonic()
                    status, output, peak = run(prefix + argv, work, args.timeout)
                    seconds = time.monotonic() - started
                    peaks.setdefault(name, []).append(peak)
                    sizes.append(resident(long_lived.pid))
                    if (status, output) == wanted[name]:
                        passed += 1
                        verdict = "ok   "
                    else:
                        failed += 1
                        verdict = "FAIL "
                    print(f"{verdict} {name:16} {seconds:6.1f} s  peak {peak // 1024:5} MiB", flush=True)
                    if verdict == "FAIL ":
                        ending = "did not end" if status is None else f"status {status}, natively {wanted[name][0]}"
                        print(f"      {ending}; rerun: {shlex.join(prefix + argv)}")
            output, _ = long_lived.communicate(timeout=args.timeout)
            good = output == b"done\n" and long_lived.returncode == 0
        except subprocess.TimeoutExpired:
            good = False
        finally:
            if long_lived.poll() is None:
                os.killpg(long_lived.pid, signal.SIGKILL)
    checks = [("the long-lived process ended well", good)]
    for name, values in [*peaks.items(), ("long-lived", [s for s in sizes if s])]:
        if len(values) >= 4:
            half = len(values) // 2
            first, last = max(values[:half]), max(values[half:])
            fine = last <= first * GROWTH + SLACK
            checks.append((f"memory of {name}: at first {first // 1024} MiB, later {last // 1024} MiB", fine))
    for text, fine in checks:
        passed, failed = passed + fine, failed + (not fine)
        print(f"{'ok   ' if fine else 'FAIL '} {text}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
