"""A machine under test: the process, its serial console, and waiting for text."""

import os
import pathlib
import re
import select
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BAD = re.compile(r"WARNING: CPU|BUG: |soft lockup|rcu.*stall|Kernel panic|Oops|general protection|"
                 r"segfault|unchecked MSR|invalid opcode|"
                 r"mortise: |lockdep: |Sanitizer: |runtime error: ")


class Failed(Exception):
    """The guest did not do what was expected; the text is the console's end."""


class Machine:
    """`mortise system` with the serial console on pipes. Times are in seconds and
    only end a wait for something that does not come."""

    def __init__(self, binary, *args, log=None):
        self.command = [str(binary), "system", "-nodefaults", "-serial", "stdio", "-monitor", "none",
                        *map(str, args)]
        self.log = log
        self.text = ""
        self.seen = 0
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _read(self, seconds):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not ready:
            return True
        data = os.read(self.process.stdout.fileno(), 65536)
        self.text += data.decode(errors="replace")
        if self.log:
            with open(self.log, "ab") as f:
                f.write(data)
        return bool(data)

    def expect(self, pattern, seconds=120):
        """Waits for the pattern in what the console says from here on; the match."""
        end = time.monotonic() + seconds
        while True:
            match = re.compile(pattern, re.M).search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                tail = self.text[-3000:]
                raise Failed(f"no {pattern!r} in {seconds} s of\n  {' '.join(self.command)}\n{tail}")

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, seconds=60):
        """The exit status, after the rest of the output."""
        end = time.monotonic() + seconds
        while self._read(max(0, end - time.monotonic())):
            if time.monotonic() >= end:
                raise Failed(f"still running after {seconds} s:\n{self.text[-3000:]}")
        return self.process.wait()


def clean(machine):
    """Fails if a kernel has complained on the console, or mortise itself, its lockdep or a
    sanitizer."""
    bad = BAD.search(machine.text)
    if bad:
        at = machine.text.rfind("\n", 0, bad.start()) + 1
        raise Failed("a complaint:\n" + machine.text[at:at + 3000])
