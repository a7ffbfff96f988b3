"""stress-ng's stressors with --verify: a fixed number of operations each."""

import re

from harness import case

STRESSORS = {
    # name: (operations, more options)
    "cpu": (800, []),
    "vecmath": (1500, []),
    "vecwide": (8000, []),
    "vecfp": (400, []),
    "vecshuf": (200, []),
    "fp": (80, []),
    "atomic": (200, []),
    "mutex": (20000, []),
    "futex": (5000, []),
    "signal": (20000, []),
    "sigsegv": (2000, []),
    "sigq": (5000, []),
    "timer": (300, []),
    "pthread": (500, []),
    "mmap": (6, ["--mmap-bytes", "8m"]),
    "mremap": (100, ["--mremap-bytes", "4m"]),
    "fork": (200, []),
    "vfork": (500, []),
    "clone": (200, []),
    "exec": (100, []),
    "vm": (2000, ["--vm-bytes", "8m"]),
    "longjmp": (5000, []),
    "memcpy": (500, []),
    "matrix": (300, []),
    "str": (800, []),
    "qsort": (4, []),
    "far-branch": (10, []),
    "switch": (20000, []),
    "pipe": (100000, []),
    "eventfd": (5000, []),
}

# A second instance of this one may find the operations used up at its start,
# and then fails.
INSTANCES = {"mutex": 1}


def register(name, operations, options):
    @case(f"stress-{name}", needs=["stress-ng"], timeout=300, about=f"stress-ng --{name} with --verify")
    def stress(run):
        code, out = run.output(
            "stress-ng", f"--{name}", INSTANCES.get(name, 2), f"--{name}-ops", operations, *options, "--verify", "--no-rand-seed",
            "--temp-path", run.dir, "--timeout", "240", "--oomable", "--abort",
        )  # fmt: skip
        run.note(out.decode("utf-8", "backslashreplace"))
        run.report(f"status {code}\n")
        run.report("successful\n" if b"successful run completed" in out else "not successful\n")
        run.report(b"\n".join(sorted(re.findall(rb"fail: +\[\d+\] (.*)", out))))


for _name, (_operations, _options) in STRESSORS.items():
    register(_name, _operations, _options)
