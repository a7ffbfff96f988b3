#!/usr/bin/env python3
"""mortise-lockcheck as its users see it: options, files, exit codes.

    tests/analysis/cli/cli.py                    all tests
    tests/analysis/cli/cli.py Outputs.test_svg   some, as Python's unittest names them
    LOCKCHECK=PATH tests/analysis/cli/cli.py     another binary than build/release/bin/mortise-lockcheck

Each test writes a small project into a folder of its own.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
LOCKCHECK = os.environ.get("LOCKCHECK", str(ROOT / "build/release/bin/mortise-lockcheck"))

CLEAN = """#include <pthread.h>
static pthread_mutex_t outer = PTHREAD_MUTEX_INITIALIZER, inner = PTHREAD_MUTEX_INITIALIZER;
void both(void);
void both(void)
{
    pthread_mutex_lock(&outer);
    pthread_mutex_lock(&inner);
    pthread_mutex_unlock(&inner);
    pthread_mutex_unlock(&outer);
}
"""
CYCLE = CLEAN + """void reverse(void);
void reverse(void)
{
    pthread_mutex_lock(&inner);
    pthread_mutex_lock(&outer);
    pthread_mutex_unlock(&outer);
    pthread_mutex_unlock(&inner);
}
"""
LEAK = """#include <pthread.h>
extern pthread_mutex_t leaked;
pthread_mutex_t leaked = PTHREAD_MUTEX_INITIALIZER;
int leak(int n);
int leak(int n)
{
    pthread_mutex_lock(&leaked);
    if (n > 0) {
        return -1;%s
    }
    pthread_mutex_unlock(&leaked);
    return 0;
}
"""
RECORDED = """#include <pthread.h>
struct lock_class { const char *name; };
struct __attribute__((annotate("lockcheck:capability:mutex"))) mutex {
    pthread_mutex_t m;
    struct lock_class *lc;
};
void mutex_init(struct mutex *m, struct lock_class *lc);
void mutex_lock(struct mutex *m) __attribute__((annotate("lockcheck:acquire:m")));
void mutex_unlock(struct mutex *m) __attribute__((annotate("lockcheck:release:m")));
static struct lock_class outer_class = {"outer_class"}, queue_class = {"queue_class"};
static struct mutex outer = {.lc = &outer_class};
struct queue { struct mutex lock; int length; };
void queue_init(struct queue *q);
void queue_init(struct queue *q) { mutex_init(&q->lock, &queue_class); }
void nest(struct queue *q);
void nest(struct queue *q)
{
    mutex_lock(&outer);
    mutex_lock(&q->lock);
    mutex_unlock(&q->lock);
    mutex_unlock(&outer);
}
"""


class Project(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lockcheck-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def database(self, *files, folder="."):
        entries = [{"directory": str(self.folder), "file": file,
                    "arguments": ["cc", "-std=c11", "-D_GNU_SOURCE", "-pthread", "-c", file]} for file in files]
        self.write(f"{folder}/compile_commands.json", json.dumps(entries))

    def program(self, text, file="main.c"):
        self.write(file, text)
        self.database(file)

    def run_it(self, *arguments, env=None, cwd="."):
        run = subprocess.run([LOCKCHECK, *arguments], cwd=self.folder / cwd, capture_output=True, text=True,
                             check=False, timeout=120, env={**os.environ, **(env or {})})
        self.output = run.stdout + run.stderr
        return run.returncode

    def expect(self, code, *arguments, says=(), silent=(), **more):
        actual = self.run_it(*arguments, **more)
        again = f"$ {LOCKCHECK} {' '.join(arguments)}\n{self.output}"
        self.assertEqual(actual, code, again)
        for text in says:
            self.assertIn(text, self.output, again)
        for text in silent:
            self.assertNotIn(text, self.output, again)


class Status(Project):
    def test_nothing_found_is_zero(self):
        self.program(CLEAN)
        self.expect(0, "-p", ".", says=["0 errors, 0 warnings, 0 notes, 0 suppressed"])

    def test_a_finding_is_one_and_looks_like_a_compilers(self):
        self.program(CYCLE)
        self.expect(1, says=["[lock-order]", "1 error, "])
        self.assertRegex(self.output, r"(?m)^main\.c:\d+:\d+: error: .* \[lock-order\]$")
        self.assertRegex(self.output, r"(?m)^main\.c:\d+:\d+: note: ")
        self.assertNotIn("\033", self.output)

    def test_a_missing_file_is_two_and_the_rest_is_analysed(self):
        self.write("main.c", CYCLE)
        self.database("main.c", "gone.c")
        self.expect(2, says=["gone.c: error: No such file or directory [input]", "[lock-order]"])

    def test_a_compile_error_is_two_with_its_line(self):
        self.program("int f(void) { return undeclared; }\n")
        self.expect(2, says=["main.c:1:", "[input]"])

    def test_bad_usage_is_two_with_a_sentence(self):
        for arguments, says in [(["--nonsense"], "--nonsense"), (["-j", "x"], "x"), (["-j", "-3"], "-3"),
                                (["--disable", "nonsense"], "nonsense"), (["--", "-I."], "no files"),
                                (["--explain", "nonsense"], "nonsense"), (["-p", "/nonexistent"], "/nonexistent"),
                                ([], "no compile_commands.json"), (["@absent"], "absent"),
                                (["--config", "absent"], "absent")]:
            with self.subTest(arguments=arguments):
                self.expect(2, *arguments, says=["mortise-lockcheck: error: ", says])

    def test_outputs_that_cannot_be_written_are_two(self):
        self.program(CLEAN)
        self.expect(2, "--sarif", "absent/x.sarif", says=["absent/x.sarif: cannot write"])


class Help(Project):
    def test_help_version_and_checks(self):
        self.expect(0, "--help", says=["mortise-lockcheck", "--confirm", "Exit status"])
        self.expect(0, "--version", says=["mortise-lockcheck "])
        self.expect(0, "--list-checks", says=["lock-order", "unpredicted-edge"])
        for line in self.output.splitlines():
            self.expect(0, "--explain", line.split()[0])

    def test_manual_documents_every_option(self):
        self.expect(0, "--help")
        page = (ROOT / "docs/man/mortise-lockcheck.1").read_text().replace("\\-", "-")
        for option in re.findall(r"--[a-z-]+", self.output):
            self.assertIn(option, page)


class Selection(Project):
    def test_files_directories_lists_and_globs(self):
        self.write("good.c", CLEAN)
        self.write("sub/bad.c", LEAK % "")
        self.database("good.c", "sub/bad.c")
        self.write("list", "good.c\n\n")
        self.expect(1)
        self.expect(0, "good.c")
        self.expect(1, "sub")
        self.expect(0, "@list")
        self.expect(0, "--exclude", "sub/*")
        self.expect(0, "--exclude", "bad.c")
        self.write(".lockcheck", "[project]\nexclude = sub/*\n")
        self.expect(0)

    def test_a_file_that_no_command_is_known_for(self):
        self.program(CLEAN)
        self.write("other.c", CLEAN)
        self.expect(2, "other.c", says=["other.c: error: the compilation database has no command for it"])

    def test_flags_after_two_dashes_need_no_database(self):
        self.write("main.c", '#include "config.h"\n' + CLEAN)
        self.write("inc/config.h", "")
        self.expect(2, "main.c", "--")
        self.expect(0, "main.c", "--", "-Iinc", "-std=c11")

    def test_other_languages_are_left_out_and_named(self):
        self.write("main.c", CLEAN)
        self.write("x.cc", "class a {};")
        self.database("main.c", "x.cc")
        self.expect(0, says=["1 file in C++", "x.cc"])
        self.expect(0, "-q", silent=["x.cc"])

    def test_the_database_is_found_in_build_and_above(self):
        self.write("main.c", CLEAN)
        self.database("main.c", folder="build")
        self.expect(0)
        self.database("main.c")
        (self.folder / "deep/er").mkdir(parents=True)
        self.expect(0, cwd="deep/er")

    def test_checks_can_be_turned_off_and_on(self):
        self.program(CYCLE)
        self.expect(0, "--disable", "lock-order")
        self.expect(1, "--disable", "all", "--enable", "balance,lock-order")
        self.write(".lockcheck", "[project]\ndisable = lock-order\n")
        self.expect(0)
        self.expect(1, "--enable", "lock-order")

    def test_quiet_has_no_notes_and_no_summary(self):
        self.program(CYCLE)
        self.expect(1, "-q", says=["[lock-order]"], silent=["note:", "suppressed"])


class Configuration(Project):
    SPIN = """struct spin { int word; };
        void acquire(int flags, struct spin *s);
        void drop(struct spin *s);
        int f(struct spin *s, int n);
        int f(struct spin *s, int n) { acquire(0, s); if (n) { return 1; } drop(s); return 0; }
        """

    def test_functions_are_known_by_configuration(self):
        self.program(self.SPIN)
        self.expect(0, "--disable", "unresolved-call")
        self.write(".lockcheck", "[function acquire]\nkind = acquire\nlock = 2\n\n[function drop]\nkind = release\n"
                                 "[lock-type struct spin]\nnonblocking = true\n")
        self.expect(1, says=["[balance]"])

    def test_mistakes_are_named_with_their_line(self):
        self.program(CLEAN)
        self.write("conf", "[function f]\nkind = acquire\nlokc = 1\n")
        self.expect(2, "--config", "conf", says=['conf:3: [function f] has no key "lokc"'])
        self.write("conf", "[project]\n\ndisable = nonsense\n")
        self.expect(2, "--config", "conf", says=["nonsense"])

    def test_names_that_the_program_does_not_have_are_findings(self):
        self.program(CLEAN)
        self.write("conf", "[role worker]\nentry = gone\n")
        self.expect(1, "--config", "conf", says=["conf:2: error: ", '"gone"', "[annotation]"])
        self.expect(0, "--config", "conf", "main.c")


class Suppression(Project):
    def test_a_file_hides_with_a_reason(self):
        self.program(CYCLE)
        self.write("known", "# these\nlock-order main.c both run before threads do\n")
        self.expect(0, "--suppressions", "known", says=["0 errors, 0 warnings, 0 notes, 1 suppressed"])
        self.write(".lockcheck", "[project]\nsuppressions = known\n")
        self.expect(0)

    def test_unused_and_unreasoned_ones_are_errors(self):
        self.program(CLEAN)
        self.write("known", "lock-order main.c no longer\nbalance main.c\n")
        self.expect(1, "--suppressions", "known",
                    says=["known:1:1: error: ", "known:2:1: error: ", "2 errors", "[suppression]"])
        self.expect(2, "--suppressions", "absent", says=["absent"])

    def test_comments_hide_on_their_line(self):
        self.program(LEAK % " // lockcheck: suppress balance the process ends")
        self.expect(0, says=["1 suppressed"])
        self.program(LEAK % " // lockcheck: suppress balance")
        self.expect(1, says=["[suppression]", "gives no reason", "[balance]"])


class Outputs(Project):
    def test_sarif(self):
        self.program(CYCLE)
        self.write("known", "lock-order main.c known\n")
        self.expect(1, "--sarif", "out.sarif")
        sarif = json.loads((self.folder / "out.sarif").read_text())
        run = sarif["runs"][0]
        self.assertEqual(sarif["version"], "2.1.0")
        result = run["results"][0]
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        self.assertEqual((result["ruleId"], result["level"]), (rule["id"], "error"))
        place = result["locations"][0]["physicalLocation"]
        self.assertEqual(place["artifactLocation"], {"uri": "main.c", "uriBaseId": "%SRCROOT%"})
        self.assertGreater(place["region"]["startLine"], 0)
        self.assertGreater(len(result["codeFlows"][0]["threadFlows"][0]["locations"]), 2)
        self.expect(0, "--sarif", "out.sarif", "--suppressions", "known")
        result = json.loads((self.folder / "out.sarif").read_text())["runs"][0]["results"][0]
        self.assertEqual(result["suppressions"], [{"kind": "external", "justification": "known"}])

    def test_json(self):
        self.program(CYCLE)
        self.expect(1, "--json", "-", "-q")
        graph = json.loads(self.output[:self.output.rindex("}") + 1])
        edges = {(edge["from"], edge["to"]): edge for edge in graph["edges"]}
        self.assertEqual(set(edges), {("outer", "inner"), ("inner", "outer")})
        self.assertTrue(all(edge["cycle"] for edge in edges.values()))
        self.assertTrue(edges["outer", "inner"]["witnesses"][0]["steps"])
        self.assertEqual({c["name"] for c in graph["classes"]}, {"outer", "inner"})
        self.assertEqual(graph["errors"], 1)

    def test_dot_and_svg_are_the_same_every_time(self):
        if not shutil.which("dot"):
            self.skipTest("Graphviz is not installed")
        self.program(CLEAN)
        self.expect(0, "--dot", "a.dot", "--svg", "a.svg")
        self.expect(0, "--dot", "b.dot", "--svg", "b.svg", "--no-cache", "-j", "3")
        for kind in ("dot", "svg"):
            a, b = ((self.folder / f"{name}.{kind}").read_text() for name in "ab")
            self.assertEqual(a, b)
        self.assertIn("<svg", (self.folder / "a.svg").read_text())

    def test_svg_without_graphviz(self):
        self.program(CLEAN)
        self.expect(2, "--svg", "a.svg", env={"PATH": "/nonexistent"}, says=["Graphviz"])

    def test_table_is_brought_up_to_date_and_then_left_alone(self):
        self.program(CLEAN)
        table = self.write("locks.md", "# Locks\n<!-- lockcheck: order table -->\n<!-- lockcheck: end -->\nEnd\n")
        self.expect(0, "--order-table", "locks.md")
        text = table.read_text()
        self.assertRegex(text, r"\| `inner` \| main\.c \|.*\| `outer` \|  \|")
        os.utime(table, (1, 1))
        self.expect(0, "--order-table", "locks.md")
        self.assertEqual((table.read_text(), table.stat().st_mtime), (text, 1))
        self.write("plain.md", "no table\n")
        self.expect(2, "--order-table", "plain.md", says=["plain.md: has no lines"])

    def test_dump(self):
        self.program(CLEAN)
        self.expect(0, "--dump-ir", says=["pthread_mutex_lock", "both"])


class Cache(Project):
    def statistics(self, *arguments):
        self.expect(0, "--statistics", *arguments)
        return tuple(map(int, re.search(r"parsed (\d+), from the cache (\d+)", self.output).groups()))

    def setUp(self):
        super().setUp()
        self.write("h.h", "#define N 1\n")
        self.write("a.c", CLEAN)
        self.write("b.c", '#include "h.h"\nint b(void);\nint b(void) { return N; }\n')
        self.database("a.c", "b.c")

    def test_only_what_has_changed_is_parsed_again(self):
        self.assertEqual(self.statistics(), (2, 0))
        self.assertEqual(self.statistics(), (0, 2))
        self.write("h.h", "#define N 12\n")
        self.assertEqual(self.statistics(), (1, 1))
        self.assertEqual(self.statistics("--no-cache"), (2, 0))
        self.database("b.c", "a.c")
        self.assertEqual(self.statistics(), (0, 2))

    def test_damaged_and_foreign_files_are_no_harm(self):
        self.statistics()
        for path in (self.folder / ".lockcheck-cache").iterdir():
            path.write_bytes(path.read_bytes()[:-3])
        self.assertEqual(self.statistics(), (2, 0))
        for path in (self.folder / ".lockcheck-cache").iterdir():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0xFF
            path.write_bytes(data)
        self.assertEqual(self.statistics(), (2, 0))
        self.assertEqual(self.statistics(), (0, 2))

    def test_a_place_that_cannot_be_written_is_no_harm(self):
        self.write("file", "")
        self.expect(0, "--cache", "file/cache", says=["warning: file/cache"])

    def test_results_do_not_depend_on_cache_or_jobs(self):
        self.write("a.c", CYCLE)
        self.expect(1, "-j", "1")
        first = self.output
        self.expect(1, "-j", "4")
        self.assertEqual(self.output, first)


class Confirm(Project):
    def test_an_edge_that_was_predicted_is_fine(self):
        self.program(RECORDED)
        self.write("run/lock-order.1", 'EDGE "outer_class" "queue_class" main.c:18 main.c:19\n')
        self.expect(0, "--confirm", "run", says=["confirm: 1 orders were recorded"])

    def test_an_edge_that_was_not_is_an_error(self):
        self.program(RECORDED)
        self.write("record", 'EDGE "queue_class" "outer_class" main.c:18 main.c:19\n')
        self.expect(1, "--confirm", "record", says=["main.c:19: error: ", "[unpredicted-edge]", "record:1"])

    def test_a_class_that_nobody_knows_is_an_error(self):
        self.program(RECORDED)
        self.write("record", 'EDGE "outer_class" "other_class"\n')
        self.expect(1, "--confirm", "record", says=['"other_class" belongs to no lock'])

    def test_names_of_the_checker_itself_will_do(self):
        self.program(CLEAN)
        self.write("record", 'EDGE "outer" "inner"\n')
        self.expect(0, "--confirm", "record")

    def test_nonsense_is_two(self):
        self.program(CLEAN)
        self.write("record", "nonsense\n")
        self.expect(2, "--confirm", "record", says=["record:1:1: error: "])
        self.expect(2, "--confirm", "absent", says=["absent"])


class CMakeFunction(Project):
    LISTS = """cmake_minimum_required(VERSION 3.20)
project(demo LANGUAGES C)
include(%s)
add_library(queue STATIC lib/queue.c)
add_library(objects OBJECT lib/object.c)
add_executable(server main.c $<TARGET_OBJECTS:objects>)
target_link_libraries(server PRIVATE queue MortiseLockcheck::annotations)
mortise_lockcheck(server SARIF out.sarif OPTIONS --statistics)
add_executable(other other.c)
"""

    @unittest.skipUnless(shutil.which("cmake"), "cmake is not installed")
    def test_a_target_is_checked_with_the_libraries_below_it(self):
        module = ROOT / "cmake/MortiseLockcheck.cmake"
        self.write("CMakeLists.txt", self.LISTS % module)
        self.write("main.c", "#include <lockcheck.h>\nvoid both(void) LOCKCHECK_MAY_BLOCK;\n"
                             "int main(void) { both(); return 0; }\n")
        self.write("lib/queue.c", CYCLE)
        self.write("lib/object.c", "int object(void);\nint object(void) { return 1; }\n")
        self.write("other.c", LEAK % "" + "int main(void) { return leak(1); }\n")
        configure = subprocess.run(["cmake", "-B", "build", f"-DMORTISE_LOCKCHECK={os.path.abspath(LOCKCHECK)}"],
                                   cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(configure.returncode, 0, configure.stdout + configure.stderr)
        build = subprocess.run(["cmake", "--build", "build", "--target", "server-lockcheck"], cwd=self.folder,
                               capture_output=True, text=True, check=False)
        output = build.stdout + build.stderr
        self.assertNotEqual(build.returncode, 0, output)
        self.assertIn("lib/queue.c:", output)
        self.assertIn("[lock-order]", output)
        self.assertIn("units 3 ", output)
        self.assertTrue((self.folder / "build/out.sarif").exists())


if __name__ == "__main__":
    if not os.access(LOCKCHECK, os.X_OK):
        sys.exit(f"cli.py: no executable {LOCKCHECK}; LOCKCHECK=PATH names another")
    unittest.main()
