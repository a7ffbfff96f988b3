"""gcc, g++, the linker and make, and what they build."""

from harness import case


@case("gcc", needs=["gcc"], short=True)
def gcc(run):
    """gcc compiles C at several levels to the same bytes; the results run"""
    run.data("mixed.c")
    for level in ["-O0", "-O2", "-O3 -march=haswell"]:
        run.run("gcc", *level.split(), "-c", "mixed.c", "-o", "mixed.o")
        run.run("sha256sum", "mixed.o")
        run.run("gcc", *level.split(), "mixed.c", "-o", "mixed", "-lm", "-pthread")
        run.run("./mixed")
    run.run("gcc", "-static", "-O1", "mixed.c", "-o", "static", "-lm", "-pthread")
    run.run("./static")
    run.run("gcc", "-no-pie", "-O1", "-fno-pic", "mixed.c", "-o", "fixed", "-lm", "-pthread")
    run.run("./fixed")
    run.run("objdump", "-d", "--no-show-raw-insn", "fixed")
    run.run("gcc", "-fsyntax-only", "-x", "c", "-", input=b"int f(void) { return undefined; }\n")


@case("gxx", needs=["g++"], short=True)
def gxx(run):
    """g++ compiles templates, exceptions, threads; the program runs"""
    run.data("mixed.cc")
    run.run("g++", "-std=c++20", "-O2", "-c", "mixed.cc", "-o", "mixed.o", timeout=300)
    run.run("sha256sum", "mixed.o")
    run.run("g++", "mixed.o", "-o", "mixed", "-pthread")
    run.run("./mixed")


@case("gcc-lto-sanitized", needs=["gcc"])
def gcc_extra(run):
    """link-time optimisation, profiling and UBSan builds run as native"""
    run.data("mixed.c")
    for flags in ["-O2 -flto", "-O1 -fsanitize=undefined", "-O2 -fprofile-generate -fprofile-update=atomic"]:
        run.run("gcc", *flags.split(), "mixed.c", "-o", "mixed", "-lm", "-pthread")
        run.run("./mixed")
    run.run("gcc", "-O2", "-fprofile-use", "-Wno-missing-profile", "mixed.c", "-o", "mixed", "-lm", "-pthread")
    run.run("./mixed")


@case("clang", needs=["clang-19"], timeout=300)
def clang(run):
    """clang 19 compiles C and C++ to the same bytes; the results run"""
    run.data("mixed.c")
    run.data("mixed.cc")
    run.run("clang-19", "-O2", "-c", "mixed.c", "-o", "mixed.o")
    run.run("sha256sum", "mixed.o")
    run.run("clang-19", "-O2", "mixed.c", "-o", "mixed", "-lm", "-pthread")
    run.run("./mixed")
    run.run("clang++-19", "-std=c++20", "-O1", "mixed.cc", "-o", "mixed2", "-pthread")
    run.run("./mixed2")


@case("cmake-ninja", needs=["cmake", "ninja", "gcc"], timeout=300)
def cmake_ninja(run):
    """cmake configures a project, ninja builds it, ctest runs it"""
    run.data("mixed.c")
    (run.dir / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(p C)\nadd_executable(mixed mixed.c)\n"
        "find_package(Threads REQUIRED)\ntarget_link_libraries(mixed m Threads::Threads)\n"
        "enable_testing()\nadd_test(NAME mixed COMMAND mixed)\n"
        "set_tests_properties(mixed PROPERTIES WILL_FAIL ON)\n"
    )
    run.output("cmake", "-G", "Ninja", "-S", ".", "-B", "build", status=0)
    run.output("ninja", "-C", "build", status=0)
    run.run("build/mixed")
    run.report(str(b"100% tests passed" in run.output("ctest", "--test-dir", "build", status=0)[1]))
