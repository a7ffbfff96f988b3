"""All cases, in the order in which they run: simple programs first."""

from harness import CASES  # noqa: F401

from . import process, shell, languages, python, tools, compilers, servers, runtimes, stress  # noqa: F401, E401
