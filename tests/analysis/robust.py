#!/usr/bin/env python3
"""Hostile and oversized input for mortise-lockcheck: what it says and how it ends.

    tests/analysis/robust.py                     all trials
    tests/analysis/robust.py --only NAME...      some; a name may end in *
    tests/analysis/robust.py --list              the names
    tests/analysis/robust.py --lockcheck PATH    another binary than build/release/bin/mortise-lockcheck

Each trial writes a build folder, runs the checker on it and looks at the exit
code, at words that its message must have, at its memory and at how long it
takes (only to end what hangs). Never may it die of a signal. 2 is the exit
code for input that it could not use, 1 for findings, 0 for none.
"""

import argparse
import fnmatch
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_KB = 2 * 1024 * 1024
TIMEOUT = 300
HEADER = "#include <pthread.h>\n"

TRIALS = {}


def trial(codes, *words, name=None, arguments=("-p", "."), memory_kb=LIMIT_KB):
    """Registers a function that fills a folder. `codes` are the exit codes
    that are right, `words` has to be in the output."""

    def register(fill):
        key = name or fill.__name__
        TRIALS[key] = (fill, codes, words, arguments, memory_kb)
        return fill

    return register


def write_database(folder, files, **more):
    entries = [{"directory": str(folder), "file": file, "arguments": ["cc", "-std=c11", "-c", file], **more}
               for file in files]
    (folder / "compile_commands.json").write_text(json.dumps(entries))


def write_program(folder, text, file="main.c"):
    (folder / file).write_text(text)
    write_database(folder, [file])


CLEAN = HEADER + """
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
void tick(void);
void tick(void)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
}
"""


# The database.


@trial({2}, "compile_commands.json")
def database_missing(folder):
    (folder / "main.c").write_text(CLEAN)


@trial({2}, "absent", arguments=("-p", "absent"))
def folder_missing(_):
    pass


@trial({2}, "compile_commands.json")
def database_is_a_folder(folder):
    (folder / "compile_commands.json").mkdir()


@trial({2}, "compile_commands.json")
def database_without_entries(folder):
    (folder / "compile_commands.json").write_text("[]")


def malformed(name, text):
    @trial({2}, "compile_commands.json", name=f"malformed/{name}")
    def fill(folder):
        (folder / "main.c").write_text(CLEAN)
        data = text if isinstance(text, bytes) else text.encode()
        (folder / "compile_commands.json").write_bytes(data.replace(b"@", str(folder).encode()))


ENTRY = '"directory": "@", "file": "main.c"'
for _name, _text in {
    "empty": "",
    "spaces": "  \n\t ",
    "brace": "{",
    "bracket": "[",
    "object": "{}",
    "number": "17",
    "string": '"compile_commands"',
    "null": "null",
    "entries_are_numbers": "[1, 2, 3]",
    "entries_are_lists": "[[], []]",
    "entry_is_null": "[null]",
    "entry_is_empty": "[{}]",
    "no_file": '[{"directory": "@", "command": "cc -c main.c"}]',
    "no_command": "[{" + ENTRY + "}]",
    "file_is_a_number": '[{"directory": "@", "file": 3, "command": "cc -c main.c"}]',
    "file_is_null": '[{"directory": "@", "file": null, "command": "cc -c main.c"}]',
    "directory_is_a_list": '[{"directory": ["@"], "file": "main.c", "command": "cc -c main.c"}]',
    "command_is_a_list": "[{" + ENTRY + ', "command": ["cc", "-c", "main.c"]}]',
    "command_is_empty": "[{" + ENTRY + ', "command": ""}]',
    "command_without_end_of_quote": "[{" + ENTRY + ', "command": "cc -DX=\\"y -c main.c"}]',
    "arguments_is_a_string": "[{" + ENTRY + ', "arguments": "cc -c main.c"}]',
    "arguments_is_empty": "[{" + ENTRY + ', "arguments": []}]',
    "arguments_are_numbers": "[{" + ENTRY + ', "arguments": [1, 2]}]',
    "truncated": "[{" + ENTRY + ', "arguments": ["cc", "-c", "mai',
    "trailing_text": "[{" + ENTRY + ', "command": "cc -c main.c"}] and more',
    "not_utf8": b'[{"directory": "@", "file": "\xff\xfe.c", "command": "cc -c \xff\xfe.c"}]',
    "zero_bytes": b"[\0\0\0\0]",
    "binary": bytes(range(256)) * 64,
    "deep_lists": "[" * 200000 + "]" * 200000,
    "deep_objects": '{"a":' * 200000 + "1" + "}" * 200000,
}.items():
    malformed(_name, _text)


@trial({2}, "gone.c")
def source_missing(folder):
    write_database(folder, ["gone.c"])


@trial({2}, "gone.c")
def one_source_of_two_missing(folder):
    (folder / "main.c").write_text(CLEAN)
    write_database(folder, ["main.c", "gone.c"])


@trial({2}, "main.c")
def source_is_a_folder(folder):
    (folder / "main.c").mkdir()
    write_database(folder, ["main.c"])


@trial({2}, "nowhere")
def working_folder_missing(folder):
    (folder / "main.c").write_text(CLEAN)
    write_database(folder, ["main.c"], directory=str(folder / "nowhere"))


@trial({0})
def same_entry_twice(folder):
    (folder / "main.c").write_text(CLEAN)
    write_database(folder, ["main.c", "main.c"])


@trial({0})
def unknown_keys_and_both_forms(folder):
    (folder / "main.c").write_text(CLEAN)
    write_database(folder, ["main.c"], command="cc -c main.c", output="main.o", extra={"a": [1]})


@trial({0})
def names_with_spaces_and_quotes(folder):
    deep = folder / "a b" / "it's \"quoted\""
    deep.mkdir(parents=True)
    (deep / "main file.c").write_text(CLEAN)
    command = "cc '-DNAME=\"x y\"' -std=c11 -c \"main file.c\""
    (folder / "compile_commands.json").write_text(
        json.dumps([{"directory": str(deep), "file": "main file.c", "command": command}]))


@trial({0}, name="flags_of_gcc_only")
def flags_of_gcc(folder):
    (folder / "main.c").write_text(CLEAN)
    arguments = ["gcc", "-std=gnu11", "-fno-tree-vectorize", "-Wduplicated-cond", "-mno-such-thing=3",
                 "-fconserve-stack", "-Werror", "-MD", "-MF", "main.d", "-o", "main.o", "-c", "main.c"]
    (folder / "compile_commands.json").write_text(
        json.dumps([{"directory": str(folder), "file": "main.c", "arguments": arguments}]))


# The command line.


@trial({2}, "other.c", arguments=("-p", ".", "other.c"))
def file_not_in_database(folder):
    (folder / "other.c").write_text(CLEAN)
    write_program(folder, CLEAN)


@trial({2}, "no-such-option", arguments=("-p", ".", "--no-such-option"))
def option_unknown(folder):
    write_program(folder, CLEAN)


@trial({2}, arguments=("-p",))
def option_without_value(folder):
    write_program(folder, CLEAN)


@trial({0}, "-p", arguments=("--help",))
def option_help(_):
    pass


# The code.


@trial({2}, "main.c:3")
def code_with_errors(folder):
    write_program(folder, HEADER + "void f(void);\nvoid f(void) { undeclared_thing(; }\n")


@trial({2}, "no_such_header.h")
def header_missing(folder):
    write_program(folder, '#include "no_such_header.h"\n' + CLEAN)


@trial({2}, "main.c")
def header_includes_itself(folder):
    (folder / "self.h").write_text('#include "self.h"\n')
    write_program(folder, '#include "self.h"\n' + CLEAN)


@trial({0, 2})
def source_empty(folder):
    write_program(folder, "")


@trial({2}, "main.c")
def source_is_garbage(folder):
    (folder / "main.c").write_bytes(bytes(range(256)) * 512)
    write_database(folder, ["main.c"])


@trial({0}, "main.cpp")
def cxx_among_c(folder):
    (folder / "main.c").write_text(CLEAN)
    (folder / "main.cpp").write_text("template <typename T> class box { T inside; };\n")
    write_database(folder, ["main.c", "main.cpp"])


@trial({2}, "C++")
def cxx_only(folder):
    (folder / "main.cpp").write_text("class box { int inside; };\n")
    write_database(folder, ["main.cpp"])


@trial({1, 2}, "annotation")
def annotations_that_make_no_sense(folder):
    lines = [HEADER]
    for number, text in enumerate([
            "lockcheck:", "lockcheck::", "lockcheck:nonsense", "lockcheck:requires:", "lockcheck:requires:((((",
            "lockcheck:requires:a,,b", "lockcheck:requires:&&&&x->", "lockcheck:guarded_by:x->y[",
            "lockcheck:requires:" + "(" * 20000, "lockcheck:requires:" + "a->" * 20000 + "b",
            "lockcheck:acquire:p[" * 500, "lockcheck:try_acquire:", "lockcheck:suppress:", "lockcheck:keyed:"]):
        lines.append(f'__attribute__((annotate("{text}"))) void f{number}(int *p);')
        lines.append(f"void f{number}(int *p) {{ *p = {number}; }}")
    write_program(folder, "\n".join(lines) + "\n")


# Size.


@trial({0})
def hundred_thousand_functions(folder):
    lines = [HEADER, "struct box { pthread_mutex_t lock; int value; };"]
    for number in range(100000):
        callee = f"f{number - 1}(b);" if number % 10 else ""
        lines.append(f"static void f{number}(struct box *b) {{ {callee} pthread_mutex_lock(&b->lock); b->value++;"
                     f" pthread_mutex_unlock(&b->lock); }}")
    lines.append("void all(struct box *b);\nvoid all(struct box *b) {")
    lines += [f"f{number}(b);" for number in range(100000)]
    lines.append("}")
    write_program(folder, "\n".join(lines) + "\n")


@trial({0})
def hundred_thousand_statements(folder):
    body = "    pthread_mutex_lock(&lock); n++; pthread_mutex_unlock(&lock);\n" * 33000
    text = HEADER + "static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;\nvoid f(int n);\nvoid f(int n)\n{\n"
    write_program(folder, text + body + "}\n")


@trial({1}, "lock-order")
def chain_of_ten_thousand_calls(folder):
    lines = [HEADER, "struct pair { pthread_mutex_t a; pthread_mutex_t b; };",
             "static void f0(struct pair *p) { pthread_mutex_lock(&p->b); pthread_mutex_unlock(&p->b); }"]
    lines += [f"static void f{n}(struct pair *p) {{ f{n - 1}(p); }}" for n in range(1, 10000)]
    lines.append("void one(struct pair *p); void two(struct pair *p);")
    lines.append("void one(struct pair *p) { pthread_mutex_lock(&p->a); f9999(p); pthread_mutex_unlock(&p->a); }")
    lines.append("void two(struct pair *p) { pthread_mutex_lock(&p->b); pthread_mutex_lock(&p->a);"
                 " pthread_mutex_unlock(&p->a); pthread_mutex_unlock(&p->b); }")
    write_program(folder, "\n".join(lines) + "\n")


@trial({1}, "self-deadlock")
def ring_of_calls(folder):
    count = 2000
    lines = [HEADER, "static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;"]
    lines += [f"void f{n}(int depth);" for n in range(count)]
    for n in range(count):
        work = "pthread_mutex_lock(&lock); pthread_mutex_unlock(&lock);" if n == count // 2 else ""
        lines.append(f"void f{n}(int depth) {{ {work} if (depth > 0) f{(n + 1) % count}(depth - 1); }}")
    lines.append("void start(void);\nvoid start(void) { pthread_mutex_lock(&lock); f0(9);"
                 " pthread_mutex_unlock(&lock); }")
    write_program(folder, "\n".join(lines) + "\n")


@trial({0})
def everybody_calls_everybody(folder):
    count = 120
    lines = [HEADER, "static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;"]
    lines += [f"void f{n}(int depth);" for n in range(count)]
    for n in range(count):
        calls = " ".join(f"if (depth == {m}) f{m}(depth - 1);" for m in range(count))
        lines.append(f"void f{n}(int depth) {{ pthread_mutex_lock(&lock); pthread_mutex_unlock(&lock); {calls} }}")
    write_program(folder, "\n".join(lines) + "\n")


@trial({0})
def branches_in_a_row(folder):
    lines = [HEADER, "struct box { pthread_mutex_t lock[400]; int value; };",
             "void f(struct box *b, const int *flags);", "void f(struct box *b, const int *flags) {"]
    for n in range(400):
        lines.append(f"if (flags[{n}]) {{ pthread_mutex_lock(&b->lock[{n}]); b->value++;"
                     f" pthread_mutex_unlock(&b->lock[{n}]); }}")
        lines.append(f"if (flags[{n}] == 2) b->value--;")
    lines.append("}")
    write_program(folder, "\n".join(lines) + "\n")


@trial({0, 1})
def locks_held_on_flags(folder):
    """2^40 states, if nothing joins them."""
    lines = [HEADER, "struct box { pthread_mutex_t lock[40]; };", "void f(struct box *b, const int *flags);",
             "void f(struct box *b, const int *flags) {"]
    lines += [f"int flag{n} = flags[{n}];" for n in range(40)]
    lines += [f"if (flag{n}) pthread_mutex_lock(&b->lock[{n}]);" for n in range(40)]
    lines += [f"if (flag{n}) pthread_mutex_unlock(&b->lock[{n}]);" for n in reversed(range(40))]
    lines.append("}")
    write_program(folder, "\n".join(lines) + "\n")


@trial({0})
def table_of_ten_thousand_functions(folder):
    count = 10000
    lines = [HEADER, "static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;"]
    lines += [f"static int f{n}(int x) {{ return x + {n}; }}" for n in range(count)]
    lines.append("static int (*const table[])(int) = {" + ", ".join(f"f{n}" for n in range(count)) + "};")
    lines.append("int call(unsigned n);\nint call(unsigned n) {\nint result; pthread_mutex_lock(&lock);")
    lines.append(f"result = table[n % {count}](1); pthread_mutex_unlock(&lock); return result; }}")
    write_program(folder, "\n".join(lines) + "\n")


@trial({0, 2})
def parentheses(folder):
    write_program(folder, "int f(int a);\nint f(int a) { return " + "(" * 20000 + "a" + ")" * 20000 + "; }\n")


@trial({0, 2})
def sum_of_many(folder):
    write_program(folder, "int f(int a);\nint f(int a) { return " + " + ".join(["a"] * 20000) + "; }\n")


@trial({0, 2})
def conditions_in_a_row(folder):
    text = " || ".join(f"a == {n}" for n in range(5000))
    write_program(folder, "int f(int a);\nint f(int a) { return " + text + "; }\n")


@trial({0, 2})
def commas_and_questions(folder):
    text = "".join(f"a == {n} ? {n} : " for n in range(3000))
    write_program(folder, "int f(int a);\nint f(int a) { return " + text + "0; }\n")


@trial({0, 2})
def ladder_of_else_if(folder):
    text = "".join(f"if (a == {n}) return {n};\nelse " for n in range(10000))
    write_program(folder, "int f(int a);\nint f(int a) { " + text + "return 0; }\n")


@trial({0, 2})
def nested_blocks(folder):
    write_program(folder, "void f(int a);\nvoid f(int a) { " + "if (a) {" * 5000 + "a++;" + "}" * 5000 + "}\n")


@trial({0, 2})
def pointers_to_pointers(folder):
    write_program(folder, f"int f(int {'*' * 3000}p);\nint f(int {'*' * 3000}p) {{ return p != 0; }}\n")


@trial({0, 2})
def nested_initialiser(folder):
    write_program(folder, "int table[2][2] = " + "{" * 5000 + "1" + "}" * 5000 + ";\n")


@trial({0})
def thousand_files(folder):
    files = []
    for n in range(1000):
        callee = f"void step{n + 1}(void);\n" if n < 999 else ""
        call = f"step{n + 1}();" if n < 999 else ""
        (folder / f"f{n}.c").write_text(f"{callee}void step{n}(void);\nvoid step{n}(void) {{ {call} }}\n")
        files.append(f"f{n}.c")
    write_database(folder, files)


def run_limited(command, folder):
    """(exit code or None, output, kilobytes) of a command, ended after TIMEOUT."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, preexec_fn=no_core)
        timed_out = threading.Event()

        def end():
            timed_out.set()
            process.kill()

        timer = threading.Timer(TIMEOUT, end)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read(4 << 20).decode(errors="replace")
    return None if timed_out.is_set() else process.returncode, text, usage.ru_maxrss


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def attempt(name, lockcheck):
    fill, codes, words, arguments, memory_kb = TRIALS[name]
    with tempfile.TemporaryDirectory(prefix="lockcheck-robust-") as work:
        folder = pathlib.Path(work).resolve()
        fill(folder)
        code, text, used_kb = run_limited([lockcheck, *arguments], folder)
    problems = []
    wanted = " or ".join(str(c) for c in sorted(codes))
    if code is None:
        problems.append(f"did not end within {TIMEOUT} s")
    elif code < 0:
        problems.append(f"died of signal {-code}")
    elif code not in codes:
        problems.append(f"exit code {code} instead of {wanted}")
    problems += [f"does not say {word!r}" for word in words if word not in text]
    if code == 2 and not text.strip():
        problems.append("says nothing")
    if code == 2 and len(text.splitlines()) > 200:
        problems.append(f"says {len(text.splitlines())} lines")
    if used_kb > memory_kb:
        problems.append(f"took {used_kb // 1024} MB instead of at most {memory_kb // 1024}")
    if problems:
        problems.append("output: " + ("\n".join(text.splitlines()[:12]) or "none"))
    return problems


def main():
    parser = argparse.ArgumentParser(description="Hostile and oversized input for mortise-lockcheck.")
    parser.add_argument("--lockcheck", metavar="PATH", default=str(ROOT / "build/release/bin/mortise-lockcheck"))
    parser.add_argument("--only", nargs="+", metavar="NAME", default=["*"], help="a name may end in *")
    parser.add_argument("--list", action="store_true", help="print the names")
    args = parser.parse_args()
    names = [name for name in TRIALS if any(fnmatch.fnmatch(name, pattern) for pattern in args.only)]
    if not names:
        sys.exit("robust.py: no such trial; see --list")
    if args.list:
        print("\n".join(names))
        return 0
    lockcheck = os.path.abspath(args.lockcheck)
    if not os.access(lockcheck, os.X_OK):
        sys.exit(f"robust.py: no executable {lockcheck}")
    failed = 0
    for name in names:
        problems = attempt(name, lockcheck)
        if problems:
            failed += 1
            print(f"FAIL {name}")
            print("\n".join("  " + line for problem in problems for line in problem.splitlines()))
            print(f"  again: tests/analysis/robust.py --lockcheck {args.lockcheck} --only '{name}'", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
