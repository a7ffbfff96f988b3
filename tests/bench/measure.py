"""Runs one benchmark under one runner and says how long it took."""

import dataclasses
import hashlib
import os
import re
import subprocess
import time


@dataclasses.dataclass
class Sample:
    wall: float  # seconds
    cpu: float  # seconds of user and system time, children included
    output: str  # digest


class Failed(Exception):
    pass


def measure(benchmark, prefix, directory, added=()):
    """One measurement, with the arguments `added`; raises Failed if the program does."""
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(directory), "TMPDIR": str(directory)}
    stdin = open(benchmark.stdin or os.devnull, "rb")
    wall = cpu = 0.0
    outputs = b""
    with stdin:
        for _ in range(benchmark.repeat):
            stdin.seek(0)
            with open(os.path.join(directory, "output"), "w+b") as out:
                started = time.perf_counter()
                process = subprocess.Popen(
                    [*prefix, *benchmark.argv, *added],
                    stdin=stdin, stdout=out, stderr=subprocess.PIPE, env=env, cwd=directory,
                )  # fmt: skip
                error = process.stderr.read()
                _, status, usage = os.wait4(process.pid, 0)
                wall += time.perf_counter() - started
                cpu += usage.ru_utime + usage.ru_stime
                process.returncode = os.waitstatus_to_exitcode(status)
                process.stderr.close()
                if process.returncode:
                    raise Failed(f"status {process.returncode}: {error.decode(errors='replace')[-300:]}")
                out.seek(0)
                outputs = out.read()
    wall, cpu = wall / benchmark.repeat, cpu / benchmark.repeat
    if benchmark.rate:
        rates = re.findall(benchmark.rate, outputs.decode() + error.decode(), re.M)
        if not rates:
            raise Failed("no rate in the output")
        wall = cpu = benchmark.units / float(rates[-1])
    return Sample(wall, cpu, hashlib.sha256(outputs).hexdigest() if benchmark.check else "")
