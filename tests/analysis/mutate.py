#!/usr/bin/env python3
"""Breaks the locking of src/ in small ways and counts who notices.

    tests/analysis/mutate.py                       240 mutants, seed 1
    tests/analysis/mutate.py --count N --seed N    others
    tests/analysis/mutate.py --kind sibling        one kind; --file PATTERN: some files
    tests/analysis/mutate.py --list                the mutants, without running anything
    tests/analysis/mutate.py --show 'KIND FILE:LINE'   one of them as a diff, and what is said of it

Each mutant is one change to one file, made in a scratch copy of that file: a
lock or unlock call removed, two adjacent ones swapped, a REQUIRES dropped, a
lock replaced by a sibling, an RCU read section or half of it removed. clang's
thread-safety analysis checks the units that contain the file,
mortise-lockcheck the whole program with the others from its cache. Either
rejects the mutant if it reports what it does not report of the tree as it is.
A change that does not compile at all is no mutant, and is replaced by the
next.

Survivors are listed with the explanations in survivors.txt beside this file.
Exit code 1 if fewer than 95 % are rejected.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import difflib
import fnmatch
import functools
import itertools
import json
import os
import pathlib
import queue
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SRC = ROOT / "src"
CLANG = "clang-19"
SAFETY = ["-Wthread-safety", "-Wthread-safety-beta", "-fexperimental-late-parse-attributes",
          "-Werror=thread-safety", "-Werror=thread-safety-beta"]
WANTED_PERCENT = 95
TIMEOUT = 300

KINDS = ("lock-removed", "unlock-removed", "swapped", "requires-dropped", "sibling", "rcu-removed")

# Lock operations that stand as statements of their own. What takes no
# argument is a lock by itself.
TAKE = (r"(?:mutex_lock|mutex_lock_unwatched|spinlock_lock|rec_mutex_lock|rwlock_read_lock|rwlock_write_lock"
        r"|co_mutex_lock|bql_lock|mmap_lock|region_lock|page_lock|page_lock_pair|locks_before_fork)")
DROP = (r"(?:mutex_unlock|mutex_unlock_unwatched|spinlock_unlock|rec_mutex_unlock|rwlock_read_unlock"
        r"|rwlock_write_unlock|co_mutex_unlock|bql_unlock|mmap_unlock|region_unlock|page_unlock"
        r"|page_unlock_pair|locks_after_fork_parent|locks_after_fork_child)")
RCU = r"(?:rcu_read_lock|rcu_read_unlock)"
STATEMENT = re.compile(rf"^[ \t]+(?P<name>{TAKE}|{DROP}|{RCU})\((?P<args>[^;{{}}]*)\);", re.M)
REQUIRES = re.compile(r"\s*\bREQUIRES(?:_SHARED)?\((?:[^()]|\([^()]*\))*\)")
LOCK_VARIABLE = re.compile(r"^(?:static |extern )?struct (mutex|spinlock|rec_mutex|rwlock) (\w+)\b", re.M)
LOCK_FIELD = re.compile(r"^[ \t]+struct (mutex|spinlock|rec_mutex|rwlock) (\w+)\b[^;]*;", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
# Locks without an object, which stand in for each other.
BARE = ("bql", "mmap", "region")


@dataclasses.dataclass(frozen=True)
class Mutant:
    kind: str
    file: pathlib.Path
    line: int
    function: str
    what: str
    edits: tuple  # of (start, end, replacement), ascending

    @property
    def name(self):
        return f"{self.kind} {self.file.relative_to(ROOT)}:{self.line}"

    def text(self):
        out, at, source = [], 0, self.file.read_text()
        for start, end, replacement in self.edits:
            out += [source[at:start], replacement]
            at = end
        return "".join(out) + source[at:]


def blank_comments(text):
    """The same text, with comments, strings and directives as spaces."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def functions(text):
    """(start, end, name) of function bodies: braces in the first column."""
    found = []
    for match in re.finditer(r"^\{.*?^\}", text, re.M | re.S):
        head = text[:match.start()].rstrip()
        start = max(head.rfind("\n\n"), head.rfind("\n}"), head.rfind(";\n"))
        name = re.search(r"(\w+)\s*\(", head[start + 1:])
        if name:
            found.append((match.start(), match.end(), name.group(1)))
    return found


class Source:
    def __init__(self, path):
        self.path = path
        self.text = blank_comments(path.read_text())
        self.functions = functions(self.text)
        self.calls = [m for m in STATEMENT.finditer(self.text) if self.function_at(m.start())]

    def line(self, at):
        return self.text.count("\n", 0, at) + 1

    def function_at(self, at):
        return next((name for start, end, name in self.functions if start <= at < end), "")

    def body_of(self, at):
        return next(((start, end) for start, end, _ in self.functions if start <= at < end), (at, at))

    def mutant(self, kind, at, what, *edits):
        return Mutant(kind, self.path, self.line(at), self.function_at(at), what, tuple(sorted(edits)))


def call_span(match):
    return match.start("name"), match.end()


def removed_calls(source):
    for match in source.calls:
        name = match["name"]
        kind = ("rcu-removed" if re.fullmatch(RCU, name)
                else "lock-removed" if re.fullmatch(TAKE, name) else "unlock-removed")
        start, end = call_span(match)
        yield source.mutant(kind, start, f"without {name}({match['args']})", (start, end, ";"))


def removed_sections(source):
    """A read section as a whole: its beginning and all of its ends in the function."""
    for start, end, name in source.functions:
        calls = [m for m in source.calls if start <= m.start() < end and re.fullmatch(RCU, m["name"])]
        if len(calls) > 1:
            edits = [(*call_span(m), ";") for m in calls]
            yield source.mutant("rcu-removed", call_span(calls[0])[0], f"{name} without its read section", *edits)


def swapped_calls(source):
    """Two lock operations that follow each other in a function, the code between them left in place.

    Two locks may be dropped in either order: that is no fault."""
    for one, two in itertools.pairwise(source.calls):
        same = (one["name"], one["args"]) == (two["name"], two["args"])
        both_drop = re.fullmatch(DROP, one["name"]) and re.fullmatch(DROP, two["name"])
        if same or both_drop or source.body_of(one.start()) != source.body_of(two.start()):
            continue
        (a, b), (c, d) = call_span(one), call_span(two)
        first, second = source.text[a:b], source.text[c:d]
        yield source.mutant("swapped", a, f"{second} before {first}", (a, b, second), (c, d, first))


def dropped_requires(source):
    for match in REQUIRES.finditer(source.text):
        at = match.start() + len(match.group()) - len(match.group().lstrip())
        if re.search(r"(?<=\n)[ \t]*#", source.text[source.text.rfind("\n", 0, at) + 1:at]):
            continue
        name = declared_name(source.text, at)
        mutant = source.mutant("requires-dropped", at, f"{name} without {match.group().strip()}",
                               (match.start(), match.end(), ""))
        yield dataclasses.replace(mutant, function=name)


def declared_name(text, at):
    head = text[max(0, at - 600):at]
    start = max(head.rfind(";"), head.rfind("}"))
    name = re.search(r"(\w+)\s*\(", head[start + 1:])
    return name.group(1) if name else "?"


def siblings(source, headers):
    """Lock variables and fields that can stand for each other, by type."""
    variables, fields = collections.defaultdict(list), []
    for text in [source.text, *headers]:
        for kind, name in LOCK_VARIABLE.findall(text):
            if name not in variables[kind]:
                variables[kind].append(name)
        for record in re.findall(r"^struct [^\n;]*\{(.*?)^\}", text, re.M | re.S):
            names = LOCK_FIELD.findall(record)
            if len(names) > 1:
                fields.append(names)
    return variables, fields


def sibling_arguments(source, match, variables, fields):
    name, args = match["name"], match["args"].strip()
    bare = name.rpartition("_")[0]
    if not args and bare in BARE:
        return [(other, "") for other in BARE if other != bare]
    if not args.startswith("&"):
        return []
    expression = args[1:]
    out = []
    for kind, names in variables.items():
        if name.startswith(kind):
            out += [(None, "&" + other) for other in names if other != expression]
    for record in fields:
        last = re.search(r"\w+$", expression)
        if "->" in expression and last and last.group() in [field for _, field in record]:
            kind = next(kind for kind, field in record if field == last.group())
            out += [(None, "&" + expression[:last.start()] + field) for other, field in record
                    if field != last.group() and other == kind]
    return out


def sibling_locks(source, headers):
    """Another lock in a whole function: taken and dropped, so that only what it guards tells."""
    variables, fields = siblings(source, headers)
    seen = set()
    for match in source.calls:
        if not re.fullmatch(TAKE, match["name"]):
            continue
        start, end = source.body_of(match.start())
        key = (start, match["name"], match["args"])
        if key in seen:
            continue
        seen.add(key)
        base = match["name"].replace("lock", "")
        same = [m for m in source.calls if start <= m.start() < end and m["args"] == match["args"]
                and m["name"].replace("unlock", "").replace("lock", "") == base]
        for bare, args in sibling_arguments(source, match, variables, fields):
            calls = {m: m["name"] if bare is None else bare + m["name"][m["name"].rfind("_"):] for m in same}
            edits = [(*call_span(m), f"{call}({args});") for m, call in calls.items()]
            what = f"{match['name']}({match['args']}) became {calls[match]}({args})"
            yield source.mutant("sibling", match.start("name"), what, *edits)


def includes_of(path, cache):
    """Headers of src/ that a file includes, directly or not."""
    if path not in cache:
        cache[path] = set()
        for name in INCLUDE.findall(path.read_text()):
            header = SRC / name
            if header.exists():
                cache[path] |= {header} | includes_of(header, cache)
    return cache[path]


def all_mutants(units, patterns):
    includes = {}
    headers = sorted(set().union(*(includes_of(unit, includes) for unit in units)))
    sources = {path: Source(path) for path in sorted({*units, *headers})}
    found = []
    for path, source in sources.items():
        if patterns and not any(fnmatch.fnmatch(str(path.relative_to(ROOT)), p) for p in patterns):
            continue
        # The macros that annotations are made of are not contracts.
        if path.name == "annotations.h":
            continue
        near = [sources[h].text for h in sorted(includes_of(path, includes))]
        found += [*removed_calls(source), *removed_sections(source), *swapped_calls(source),
                  *dropped_requires(source), *sibling_locks(source, near)]
    return found, {path: [u for u in units if path == u or path in includes_of(u, includes)] for path in sources}


def choose(mutants, seed):
    """All mutants in an order in which the kinds take turns."""
    queues = {kind: [m for m in mutants if m.kind == kind] for kind in KINDS}
    generator = random.Random(seed)
    for members in queues.values():
        members.sort(key=lambda m: (str(m.file), m.line, m.what))
        generator.shuffle(members)
    return [m for turn in itertools.zip_longest(*queues.values()) for m in turn if m]


class Database:
    """Compile commands of src/, one per unit."""

    def __init__(self, path):
        self.entries = {}
        for entry in json.loads(path.read_text()):
            file = pathlib.Path(entry["directory"], entry["file"]).resolve()
            if file.suffix == ".c" and SRC in file.parents:
                words = entry.get("arguments") or shlex.split(entry["command"])
                self.entries.setdefault(file, (entry["directory"], words))

    def flags(self, unit):
        """Arguments without compiler, input, output and -Werror."""
        words, out = iter(self.entries[unit][1][1:]), []
        for word in words:
            if word in ("-o", "-MF", "-MT", "-MQ"):
                next(words, None)
            elif word in ("-c", "-MD", "-MMD", "-Werror", str(unit)) or word.startswith("-fsanitize"):
                continue
            else:
                out.append(word)
        return out

    def write(self, folder, scratch=None, mutated=None, dependents=()):
        """The database with `mutated` in place of its original, whose copy is in `scratch`."""
        entries = []
        for unit, (directory, words) in self.entries.items():
            file, more = unit, []
            if unit == mutated:
                file = scratch / unit.relative_to(ROOT)
            elif unit in dependents:
                more = [f"-I{scratch / 'src'}"]
            arguments = [words[0], *more, *(str(file) if w == str(unit) else w for w in words[1:])]
            entries.append({"directory": directory, "file": str(file), "arguments": arguments})
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "compile_commands.json").write_text(json.dumps(entries, indent=1))


@dataclasses.dataclass
class Verdict:
    mutant: Mutant
    compiles: bool
    clang: list = dataclasses.field(default_factory=list)
    lockcheck: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def word(self):
        if self.clang and self.lockcheck:
            return "both"
        return "clang" if self.clang else "lockcheck" if self.lockcheck else "survived"


class Laboratory:
    """A place to check mutants one after the other, with its own cache."""

    def __init__(self, number, args, database, work, dependents):
        self.args, self.database, self.dependents = args, database, dependents
        self.folder = work / f"lab{number}"
        self.baseline = None

    def start(self):
        self.database.write(self.folder)
        code, reports, text = self.run_lockcheck()
        if code not in (0, 1):
            raise RuntimeError(f"{self.args.lockcheck} on the tree as it is: exit code {code}\n{text}")
        self.baseline = collections.Counter(reports)

    def run_lockcheck(self, scratch=None):
        command = [self.args.lockcheck, "-p", str(self.folder), *shlex.split(self.args.options)]
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                             timeout=TIMEOUT, cwd=ROOT)
        text = run.stdout + run.stderr
        if scratch:
            text = text.replace(str(scratch), str(ROOT))
        reports = []
        for line in text.splitlines():
            match = re.match(r"^(.*?):\d+:\d+: (?:error|warning): (.*)$", line)
            if match:
                # Line numbers within sentences may have moved, too.
                reports.append(f"{os.path.basename(match[1])}: {re.sub(r':[0-9]+', ':N', match[2])}")
        return run.returncode, reports, text

    def clang(self, mutant, scratch):
        """Errors of clang for the units that contain the mutant, up to the first that has any; a header's own
        unit comes first."""
        units = sorted(self.dependents[mutant.file], key=lambda u: (u.with_suffix(".h") != mutant.file, u))
        for unit in units:
            file = scratch / unit.relative_to(ROOT) if unit == mutant.file else unit
            command = [CLANG, *SAFETY, "-fsyntax-only", f"-I{scratch / 'src'}", *self.database.flags(unit), str(file)]
            run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                                 timeout=TIMEOUT, cwd=self.database.entries[unit][0])
            if run.returncode:
                return [line for line in run.stderr.splitlines() if ": error: " in line]
        return []

    def check(self, mutant):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="mutant-", dir=self.folder) as work:
            scratch = pathlib.Path(work)
            copy = scratch / mutant.file.relative_to(ROOT)
            copy.parent.mkdir(parents=True)
            copy.write_text(mutant.text())
            verdict = Verdict(mutant, True, clang=self.clang(mutant, scratch))
            if any("[-Werror,-Wthread-safety" not in line for line in verdict.clang):
                return Verdict(mutant, False)
            dependents = [u for u in self.dependents[mutant.file] if u != mutant.file]
            self.database.write(self.folder, scratch, mutant.file, dependents)
            _, reports, _ = self.run_lockcheck(scratch)
            verdict.lockcheck = sorted((collections.Counter(reports) - self.baseline).elements())
            verdict.seconds = time.monotonic() - begin
            return verdict


def explanations():
    """(kind, file, function, what) -> why such a mutant may survive."""
    path, out = HERE / "survivors.txt", {}
    if path.exists():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                match = re.fullmatch(r"(\S+) (\S+) (\w+): (.+?): (.+)", line)
                if not match:
                    sys.exit(f"survivors.txt:{number}: KIND FILE FUNCTION: WHAT: REASON expected")
                out[match.groups()[:4]] = match[5]
    return out


def print_table(verdicts):
    columns = ("clang", "lockcheck", "both", "survived")
    counts = collections.Counter((v.mutant.kind, v.word()) for v in verdicts)
    print(f"{'kind':<18}{'mutants':>9}" + "".join(f"{c:>11}" for c in columns) + f"{'rejected':>11}")
    for kind in [*KINDS, "all"]:
        row = [sum(n for (k, w), n in counts.items() if w == c and kind in (k, "all")) for c in columns]
        if sum(row):
            print(f"{kind:<18}{sum(row):>9}" + "".join(f"{n:>11}" for n in row)
                  + f"{100 * (sum(row) - row[-1]) / sum(row):>10.1f}%")
    print("(clang: by clang alone; lockcheck: by mortise-lockcheck alone)")


def print_survivors(verdicts):
    reasons = explanations()
    survivors = [v.mutant for v in verdicts if v.word() == "survived"]
    if survivors:
        print("\nSurvivors:")
    for m in sorted(survivors, key=lambda m: m.name):
        file = str(m.file.relative_to(ROOT))
        print(f"  {m.name}: {m.function}: {m.what}")
        print(f"      {reasons.get((m.kind, file, m.function, m.what), 'no explanation in survivors.txt')}")


def show(mutant, verdict):
    before = mutant.file.read_text().splitlines(keepends=True)
    after = mutant.text().splitlines(keepends=True)
    sys.stdout.writelines(difflib.unified_diff(before, after, "before", "after"))
    print(f"\ncompiles: {'yes' if verdict.compiles else 'no'}; {verdict.word()}; {verdict.seconds:.1f} s")
    print("\n".join([f"clang: {line}" for line in verdict.clang] + [f"lockcheck: {r}" for r in verdict.lockcheck]))


def run_all(order, count, laboratories, done):
    """Checks mutants of `order` until `count` have compiled, or until it is interrupted. `done` is called with
    what there is after each few."""
    free = queue.Queue()
    for laboratory in laboratories:
        free.put(laboratory)

    def attempt(mutant):
        laboratory = free.get()
        try:
            return laboratory.check(mutant)
        finally:
            free.put(laboratory)

    verdicts, waiting = [], iter(order)
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(laboratories)) as pool:
        while len(verdicts) < count:
            batch = list(itertools.islice(waiting, min(count - len(verdicts), 8 * len(laboratories))))
            if not batch:
                break
            try:
                verdicts += [verdict for verdict in pool.map(attempt, batch) if verdict.compiles]
            except KeyboardInterrupt:
                break
            done(verdicts)
            if sys.stderr.isatty():
                print(f"\r{len(verdicts)}/{count}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r" + " " * 20 + "\r", end="", file=sys.stderr)
    return verdicts


def arguments():
    parser = argparse.ArgumentParser(description="Mutation run over src/'s locking.")
    parser.add_argument("-p", dest="build", metavar="DIR", default=str(ROOT / "build/release"),
                        help="build folder with compile_commands.json")
    parser.add_argument("--lockcheck", metavar="PATH", default=str(ROOT / "build/release/bin/mortise-lockcheck"))
    parser.add_argument("--options", default="", help="more options for mortise-lockcheck, as one word")
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this kind")
    parser.add_argument("--file", action="append", metavar="PATTERN", help="only files like src/aio/*")
    parser.add_argument("--list", action="store_true", help="print the mutants")
    parser.add_argument("--show", metavar="NAME", help="one mutant: its diff and what is said of it")
    parser.add_argument("--json", metavar="FILE", help="write all verdicts there as well")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def write_json(path, verdicts):
    rows = [{"kind": v.mutant.kind, "file": str(v.mutant.file.relative_to(ROOT)), "line": v.mutant.line,
             "function": v.mutant.function, "what": v.mutant.what, "verdict": v.word(), "clang": v.clang,
             "lockcheck": v.lockcheck, "seconds": round(v.seconds, 2)} for v in verdicts]
    pathlib.Path(path).write_text(json.dumps(rows, indent=1) + "\n")


def main():
    args = arguments()
    database = Database(pathlib.Path(args.build) / "compile_commands.json")
    found, dependents = all_mutants(sorted(database.entries), args.file)
    found = [m for m in found if not args.kind or m.kind in args.kind]
    if args.list:
        for mutant in sorted(found, key=lambda m: m.name):
            print(f"{mutant.name}: {mutant.function}: {mutant.what}")
        print(", ".join(f"{sum(m.kind == kind for m in found)} {kind}" for kind in KINDS))
        return 0
    args.lockcheck = os.path.abspath(args.lockcheck)
    if not os.access(args.lockcheck, os.X_OK) or not shutil.which(CLANG):
        sys.exit(f"mutate.py: needs {args.lockcheck} and {CLANG}")
    with tempfile.TemporaryDirectory(prefix="lockcheck-mutants-") as folder:
        jobs = 1 if args.show else max(1, args.jobs)
        laboratories = [Laboratory(n, args, database, pathlib.Path(folder), dependents) for n in range(jobs)]
        for laboratory in laboratories:
            laboratory.start()
        if args.show:
            matching = [m for m in found if m.name == args.show]
            for mutant in matching:
                show(mutant, laboratories[0].check(mutant))
            return 0 if matching else sys.exit(f"mutate.py: no mutant {args.show}; see --list")
        done = functools.partial(write_json, args.json) if args.json else lambda verdicts: None
        verdicts = run_all(choose(found, args.seed), args.count, laboratories, done)
    print_table(verdicts)
    print_survivors(verdicts)
    rejected = sum(v.word() != "survived" for v in verdicts)
    percent = 100 * rejected / max(1, len(verdicts))
    print(f"\n{rejected} of {len(verdicts)} rejected, {percent:.1f} %; {WANTED_PERCENT} % wanted (seed {args.seed})")
    return 0 if verdicts and percent >= WANTED_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
