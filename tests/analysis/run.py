#!/usr/bin/env python3
"""Runs mortise-lockcheck over small faulty programs and their repaired twins.

    tests/analysis/run.py                      all cases
    tests/analysis/run.py order 'rcu/*'        a group, or cases by pattern
    tests/analysis/run.py --list               the names
    tests/analysis/run.py --lockcheck PATH     another binary than build/release/bin/mortise-lockcheck

A case is cases/GROUP/NAME.c, or a directory cases/GROUP/NAME of several files.
With -DFAULTY it has the fault, without it is the repaired twin. Comments say
what the checker has to find in the faulty one:

    /* expect: CHECK */        exactly one finding of this check on this line
    /* expect-any: CHECK */    one finding, on one of the lines marked so; it leads
                               through all the others in its notes (a cycle has no first edge)
    /* expect-note: CHECK */   a line that the finding's notes lead through
    /* needs: PACKAGE */       compiled with the flags of this pkg-config package
    /* options: OPTION */      given to the checker

CHECK may be followed by @LABEL where a case has several findings of a kind.
Nothing else may be reported; each finding has a note as its witness, if its
check has one. The repaired twin gives no error, no warning and exit code 0.
Both compile without warnings with gcc and clang.
"""

import argparse
import concurrent.futures
import dataclasses
import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CASES = HERE / "cases"
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-pthread", "-Wall", "-Wextra"]
INCLUDES = [f"-I{ROOT}/analysis/include", f"-I{HERE}/include"]
COMPILERS = ["gcc", "clang-19"]
TIMEOUT = 240

EXPECTATION = re.compile(r"/\* (expect|expect-any|expect-note): ([^*]*?) \*/")
NEEDS = re.compile(r"/\* needs: ([^*]*?) \*/")
OPTIONS = re.compile(r"/\* options: ([^*]*?) \*/")
MESSAGE = re.compile(r"^(.*?):(\d+):(?:\d+:)? (error|warning|note): (.*?)(?: \[([a-z-]+)\])?$")

# What these say is all there is: nothing leads to it.
WITHOUT_WITNESS = {"annotation", "suppression", "unused-order", "unresolved-call", "input"}


@dataclasses.dataclass
class Expectation:
    """One finding: on the line `exact`, or on one of the lines `any`."""

    check: str
    exact: tuple = None
    any: set = dataclasses.field(default_factory=set)
    notes: set = dataclasses.field(default_factory=set)

    def lines(self):
        return {self.exact} if self.exact else self.any

    def __str__(self):
        return f"{self.check} at {' or '.join(place_text(place) for place in sorted(self.lines()))}"


@dataclasses.dataclass
class Finding:
    check: str
    severity: str
    place: tuple
    text: str
    notes: list = dataclasses.field(default_factory=list)

    def places(self):
        return {self.place} | {place for place, _ in self.notes}

    def __str__(self):
        lines = [f"{place_text(self.place)}: {self.severity}: {self.text} [{self.check}]"]
        lines += [f"    {place_text(place)}: note: {text}" for place, text in self.notes]
        return "\n".join(lines)


def place_text(place):
    return f"{place[0]}:{place[1]}"


class Case:
    def __init__(self, path):
        self.path = path
        self.name = f"{path.parent.name}/{path.stem}"
        self.group = path.parent.name
        self.base = path.parent if path.is_file() else path
        files = [path] if path.is_file() else sorted(path.rglob("*.[ch]"))
        self.sources = [file for file in files if file.suffix == ".c"]
        self.texts = {file: file.read_text() for file in files}
        self.options = [word for text in self.texts.values() for group in OPTIONS.findall(text)
                        for word in group.split()]
        self.needs = sorted({word for text in self.texts.values() for group in NEEDS.findall(text)
                             for word in group.split()})

    def expectations(self):
        """The findings that the comments ask for."""
        single, labelled = [], {}
        notes = []
        for file, text in self.texts.items():
            for number, line in enumerate(text.splitlines(), 1):
                for kind, words in EXPECTATION.findall(line):
                    place = (str(file.relative_to(self.base)), number)
                    for key in (" ".join(word.split()) for word in words.split(",")):
                        check = key.split(" ")[0]
                        if kind == "expect-note":
                            notes.append((key, place))
                        elif kind == "expect-any":
                            labelled.setdefault(key, Expectation(check)).any.add(place)
                        else:
                            single.append((key, Expectation(check, exact=place)))
        for key, place in notes:
            wanted = [expectation for other, expectation in single if other == key]
            wanted += [labelled[key]] if key in labelled else []
            if len(wanted) != 1:
                raise ValueError(f"{place_text(place)}: expect-note: {key} belongs to {len(wanted)} findings")
            wanted[0].notes.add(place)
        return [expectation for _, expectation in single] + list(labelled.values())


def package_flags(packages):
    if not packages:
        return []
    command = ["pkg-config", "--cflags", *packages]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise FileNotFoundError(" ".join(packages))
    return answer.stdout.split()


def compile_problems(case, flags):
    """Warnings of the compilers, for both twins."""
    problems = []
    for compiler in COMPILERS:
        if not shutil.which(compiler):
            continue
        for define in ([], ["-DFAULTY"]):
            command = [compiler, *FLAGS, *INCLUDES, *flags, *define, "-Werror", "-fsyntax-only",
                       *map(str, case.sources)]
            run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
            if run.returncode:
                problems.append(f"{compiler} {' '.join(define)}:\n{run.stderr.rstrip()}")
    return problems


def write_database(case, flags, define, folder):
    folder.mkdir(parents=True, exist_ok=True)
    entries = [{"directory": str(folder), "file": str(source),
                "arguments": ["cc", *FLAGS, *INCLUDES, *flags, *define, "-c", str(source), "-o",
                              f"{number}.o"]}
               for number, source in enumerate(case.sources)]
    (folder / "compile_commands.json").write_text(json.dumps(entries, indent=1) + "\n")


def parse_findings(output, folder, base):
    """Findings with places relative to the case's folder."""
    findings = []
    for line in output.splitlines():
        match = MESSAGE.match(line)
        if not match:
            continue
        file, number, severity, text, check = match.groups()
        place = (os.path.relpath(os.path.realpath(os.path.join(folder, file)), base), int(number))
        if severity == "note" and not check:
            if findings:
                findings[-1].notes.append((place, text))
        else:
            findings.append(Finding(check or "?", severity, place, text))
    return findings


def run_lockcheck(args, folder, options):
    # A case is a project of its own: not with the configuration of this one.
    command = [args.lockcheck, "-p", ".", "--config=/dev/null", *options]
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                             timeout=TIMEOUT, cwd=folder)
    except subprocess.TimeoutExpired:
        return None, "", f"did not end within {TIMEOUT} s"
    return run.returncode, run.stdout, run.stderr


def compare(expectations, findings):
    """What is missing, what is too much, and what has no witness."""
    problems, left = [], list(findings)
    for wanted in sorted(expectations, key=lambda e: e.exact is None):
        match = next((f for f in left if f.check == wanted.check and f.place in wanted.lines()), None)
        if not match:
            problems.append(f"expected, but not reported: {wanted}")
            continue
        left.remove(match)
        for place in sorted((wanted.notes | wanted.lines()) - match.places()):
            problems.append(f"no note at {place_text(place)} for {wanted}")
        if not match.notes and match.check not in WITHOUT_WITNESS:
            problems.append(f"no witness: {wanted}")
    problems += [f"reported, but not expected: {finding}" for finding in left]
    return problems


def check_twin(case, args, flags, faulty, folder):
    write_database(case, flags, ["-DFAULTY"] if faulty else [], folder)
    code, out, err = run_lockcheck(args, folder, case.options)
    findings = [f for f in parse_findings(out + "\n" + err, folder, case.base) if f.severity != "note"]
    problems = compare(case.expectations() if faulty else [], findings)
    wanted = 1 if faulty else 0
    if code != wanted:
        text = "no end" if code is None else f"exit code {code}"
        problems.append(f"{text} instead of exit code {wanted}\n{err.rstrip()}".rstrip())
    if problems:
        return [f"the {'faulty' if faulty else 'repaired'} twin:"] + problems
    return []


def check_case(case, args, work):
    if not case.sources:
        return ["no source files"]
    flags = package_flags(case.needs)
    problems = [] if args.no_compile else compile_problems(case, flags)
    if args.compile_only:
        return problems
    if not any(expectation for expectation in case.expectations()):
        problems.append("the case expects nothing of its faulty twin")
    for faulty in (True, False):
        folder = work / case.name / ("faulty" if faulty else "fixed")
        problems += check_twin(case, args, flags, faulty, folder)
    return problems


def find_cases(patterns):
    cases = [Case(path) for group in sorted(CASES.iterdir()) if group.is_dir()
             for path in sorted(group.iterdir()) if path.is_dir() or path.suffix == ".c"]
    for pattern in patterns:
        if not any(matches(case, [pattern]) for case in cases):
            sys.exit(f"run.py: no case {pattern}; see --list")
    return [case for case in cases if not patterns or matches(case, patterns)]


def matches(case, patterns):
    return any(pattern == case.group or fnmatch.fnmatch(case.name, pattern) for pattern in patterns)


def arguments():
    parser = argparse.ArgumentParser(description="Seeded faults for mortise-lockcheck, and their repaired twins.")
    parser.add_argument("patterns", nargs="*", metavar="CASE", help="a group, or GROUP/NAME with wildcards")
    parser.add_argument("--lockcheck", metavar="PATH", default=str(ROOT / "build/release/bin/mortise-lockcheck"))
    parser.add_argument("--work", metavar="DIR", help="where compile_commands.json files go (kept)")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--no-compile", action="store_true", help="do not run the compilers")
    parser.add_argument("--compile-only", action="store_true", help="run only the compilers")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def run_all(cases, args, work):
    counts = {"passed": 0, "failed": 0, "skipped": 0}

    def attempt(case):
        try:
            return case, check_case(case, args, work), None
        except FileNotFoundError as missing:
            return case, [], str(missing)
        except (ValueError, subprocess.TimeoutExpired) as problem:
            return case, [str(problem)], None

    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, args.jobs)) as pool:
        for case, problems, missing in pool.map(attempt, cases):
            if missing:
                counts["skipped"] += 1
                print(f"skip {case.name}: needs {missing}")
            elif problems:
                counts["failed"] += 1
                print(f"FAIL {case.name}")
                print("\n".join("  " + line for problem in problems for line in problem.splitlines()))
                print(f"  again: tests/analysis/run.py --lockcheck {args.lockcheck} {case.name}")
            else:
                counts["passed"] += 1
    print(", ".join(f"{number} {word}" for word, number in counts.items()))
    return 1 if counts["failed"] else 0


def main():
    args = arguments()
    cases = find_cases(args.patterns)
    if args.list:
        print("\n".join(case.name for case in cases))
        return 0
    args.lockcheck = os.path.abspath(args.lockcheck)
    if not args.compile_only and not os.access(args.lockcheck, os.X_OK):
        sys.exit(f"run.py: no executable {args.lockcheck}")
    if args.work:
        return run_all(cases, args, pathlib.Path(args.work).resolve())
    with tempfile.TemporaryDirectory(prefix="lockcheck-") as folder:
        return run_all(cases, args, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
