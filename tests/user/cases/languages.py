"""Scripting languages with a script of ours (Python's own tests: python.py)."""

from harness import case


@case("perl", short=True)
def perl(run):
    """perl: regular expressions, bignums, fork, sockets, timers, ithreads"""
    run.script("perl", "perl.pl")


@case("awk", short=True)
def awk(run):
    """awk: associative arrays, floating-point output, getline from commands"""
    run.script(["awk", "-f"], "matrix.awk")


@case("python-script", short=True)
def python_script(run):
    """python3: decimal, hashes, zlib, threads, processes, sockets, asyncio"""
    run.script("python3", "mixed.py")
