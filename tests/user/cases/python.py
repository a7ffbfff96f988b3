"""Python's own test modules: every test has the same outcome both ways."""

from harness import case

MODULES = {
    # name: (short, timeout)
    "test_math": (True, 120),
    "test_struct": (True, 60),
    "test_json": (False, 120),
    "test_re": (True, 120),
    "test_thread": (True, 120),
    "test_threading": (False, 600),
    "test_signal": (False, 300),
    "test_subprocess": (False, 600),
    "test_ctypes": (True, 120),
    "test_float": (False, 120),
    "test_decimal": (False, 300),
    "test_mmap": (False, 120),
    "test_posix": (False, 300),
    "test_faulthandler": (False, 300),
    "test_fork1": (False, 120),
    "test_select": (False, 120),
    "test_zlib": (False, 120),
    "test_hashlib": (False, 300),
    "test_asyncio": (False, 900),
}


def register(module, short, timeout):
    @case(f"python-{module}", needs=["/usr/lib/python3.11/test/test_math.py"], short=short, timeout=timeout, about=f"python3's own {module}")
    def python_module(run):
        run.data("outcomes.py")
        out = run.output("python3", "outcomes.py", module, status=0)[1].decode("utf-8", "backslashreplace")
        details, _, outcomes = out.partition("==== outcomes\n")
        run.note(details)
        run.report(outcomes)


for module, (short, timeout) in MODULES.items():
    register(module, short, timeout)
