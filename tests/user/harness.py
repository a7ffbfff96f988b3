"""Runs one test case twice, natively and under a runner, and compares.

A case is a function that gets a Run: where to work, how to start programs,
how to report what is to be compared. It is called once with a Run whose
prefix is empty (native) and once with the runner's; what the two calls have
reported must be equal. Both calls see the same directory name, emptied in
between, and the same environment.

Each case is executed in a process of its own that adopts orphans
(PR_SET_CHILD_SUBREAPER), so that servers which a case leaves behind, by
failing or on purpose, end with it.
"""

import ctypes
import difflib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import traceback

DATA = pathlib.Path(__file__).resolve().parent / "data"
PR_SET_CHILD_SUBREAPER = 36


class Case:
    def __init__(self, function, name, needs, short, timeout, about):
        self.function = function
        self.name = name
        self.needs = needs  # programs; the case is skipped without them
        self.short = short  # part of --short
        self.timeout = timeout  # seconds for each program under the runner
        self.about = about or function.__doc__.strip().splitlines()[0]

    def missing(self):
        return [name for name in self.needs if shutil.which(name) is None and not os.path.exists(name)]


CASES = {}


def case(name, needs=(), short=False, timeout=120, about=None):
    """Registers a function as a case."""

    def register(function):
        assert name not in CASES, name
        CASES[name] = Case(function, name, needs, short, timeout, about)
        return function

    return register


class Failure(Exception):
    """The case cannot go on; the text says why."""


class Run:
    """One execution of a case, native or under the runner."""

    def __init__(self, directory, prefix, timeout):
        self.dir = pathlib.Path(directory)
        self.prefix = prefix
        self.timeout = timeout
        self.reported = []
        self.notes = []
        self.env = {
            "HOME": str(self.dir),
            "LC_ALL": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "TMPDIR": str(self.dir),
            "TZ": "UTC",
        }

    def report(self, text):
        """Adds to what the two executions must agree in."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "backslashreplace")
        self.reported.append(text)

    def note(self, text):
        """What is shown, but not compared, when the case fails."""
        self.notes.append(text)

    def start(self, *argv, native=False, **options):
        """Starts a program under the runner and returns the Popen."""
        prefix = [] if native else self.prefix
        options.setdefault("stdin", subprocess.DEVNULL)
        env = dict(self.env, **options.pop("env", {}))
        argv = [str(word) for word in argv]
        path = shutil.which(argv[0] if "/" not in argv[0] else self.dir / argv[0], path=env["PATH"])
        if path is None:
            raise Failure(f"{argv[0]}: no such program")
        argv[0] = str(path)  # in full, so that error messages are the same both ways
        return subprocess.Popen(prefix + argv, cwd=self.dir, env=env, start_new_session=True, **options)

    def output(self, *argv, input=None, native=False, status=None, stderr=True, timeout=None, env={}):
        """Runs a program to its end; returns (status, output). A death by
        signal N is status 128 + N. With `status`, any other is a Failure."""
        timeout = timeout or self.timeout
        process = self.start(
            *argv,
            native=native,
            env=env,
            stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if stderr else subprocess.PIPE,
        )
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            try:
                out, err = process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                out, err = b"", b""
            raise Failure(f"{argv[0]}: not finished after {timeout} s; output so far:\n{text_end(out)}")
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        if status is not None and code != status:
            raise Failure(f"{argv[0]}: status {code}, expected {status}; output:\n{text_end(out + (err or b''))}")
        return code, out

    def run(self, *argv, **options):
        """Runs a program and reports its status and output."""
        code, out = self.output(*argv, **options)
        self.report(f"$ {argv[0]}: status {code}\n")
        self.report(out)
        return out

    def script(self, interpreter, name, *args, **options):
        """Runs a script of tests/user/data and reports status and output."""
        shutil.copy(DATA / name, self.dir / name)
        return self.run(*([interpreter] if isinstance(interpreter, str) else interpreter), name, *args, **options)

    def data(self, name):
        """Copies a file of tests/user/data to the case's directory."""
        shutil.copy(DATA / name, self.dir / name)
        return self.dir / name

    def native(self, *argv, **options):
        """Prepares something outside of the emulator; must succeed."""
        return self.output(*argv, native=True, status=0, **options)[1]


def text_end(data, limit=3000):
    text = data.decode("utf-8", "backslashreplace")
    return text if len(text) <= limit else "[...]" + text[-limit:]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=60):
    """Until something listens on the port, or the process has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failure(f"the server ended with status {process.returncode} before it listened")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Failure(f"nothing listens on port {port} after {seconds} s")


def descendants():
    """Process ids below this process, from /proc."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    found, frontier = [], [os.getpid()]
    while frontier:
        frontier = [pid for pid, parent in parents.items() if parent in frontier]
        found += frontier
    return found


def reap_all():
    """Ends and collects every process below this one."""
    for _ in range(100):
        pids = descendants()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.02)


def execute(test, directory, prefix, timeout):
    """One execution; returns (reported text, notes, error or None, seconds)."""
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
    run = Run(directory, prefix, timeout)
    started = time.monotonic()
    error = None
    try:
        test.function(run)
    except Failure as failure:
        error = str(failure)
    except Exception:
        error = traceback.format_exc()
    seconds = time.monotonic() - started
    reap_all()
    return "".join(run.reported), "\n".join(run.notes), error, seconds


def compare(test, prefix, timeout_scale=1.0):
    """Executes a case both ways. Returns a dict: ok, reason, native and
    emulated seconds."""
    base = tempfile.mkdtemp(prefix="mortise-test-")
    try:
        directory = os.path.join(base, test.name)
        timeout = test.timeout * timeout_scale
        wanted, _, error, native = execute(test, directory, [], timeout)
        if error:
            return {"ok": False, "reason": "natively: " + error, "native": native, "emulated": 0}
        got, notes, error, emulated = execute(test, directory, prefix, timeout)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    result = {"ok": False, "reason": "", "native": native, "emulated": emulated}
    if error:
        result["reason"] = error
    elif wanted != got:
        lines = list(
            difflib.unified_diff(wanted.splitlines(), got.splitlines(), "native", "emulated", lineterm="", n=2)
        )
        more = [f"[{len(lines) - 60} more lines]"] if len(lines) > 60 else []
        result["reason"] = "\n".join(line[:300] for line in lines[:60] + more) + ("\n" + notes[-4000:] if notes else "")
    else:
        result["ok"] = True
    return result


def compare_in_child(test, prefix, timeout_scale=1.0):
    """Starts compare() in a child process; returns (pid, file to read the
    JSON result from)."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, os.fdopen(reader)
    try:
        os.close(reader)
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.signal(signal.SIGTERM, lambda *_: (reap_all(), os._exit(1)))
        with os.fdopen(writer, "w") as stream:
            json.dump(compare(test, prefix, timeout_scale), stream)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
