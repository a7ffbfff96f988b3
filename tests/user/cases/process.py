"""How programs start and end, and what they see of themselves."""

import os

from harness import case

TRUE = "/bin/true"


@case("exit-status", short=True)
def exit_status(run):
    """exit statuses and deaths by signal arrive as a shell sees them"""
    run.run("true")
    run.run("false")
    run.run("sh", "-c", "exit 42")
    for name in ["TERM", "KILL", "SEGV", "ABRT", "HUP", "USR1", "PIPE", "FPE", "ILL", "BUS", "ALRM"]:
        code, _ = run.output("sh", "-c", f"ulimit -c 0; kill -{name} $$", stderr=True)
        run.report(f"{name}: {code}\n")
        code, out = run.output("sh", "-c", f"ulimit -c 0; sh -c 'kill -{name} $$' 2>/dev/null; echo inner $?")
        run.report(f"{name} of a child: {code} {out}\n")


@case("proc-self", short=True)
def proc_self(run):
    """/proc/self and friends tell of the guest's program"""
    run.run("readlink", "/proc/self/exe")
    run.run("cat", "/proc/self/comm")
    run.run("sh", "-c", "tr '\\0' ' ' < /proc/self/cmdline; echo; cat /proc/$$/comm; readlink /proc/$$/exe")
    run.run("sh", "-c", "readlink /proc/thread-self/exe; exec readlink /proc/self/exe")
    run.run("sh", "-c", "ls -l /proc/self/fd 2>&1 | grep -c ' [0-2] -> '")
    run.run("sh", "-c", "grep -c -E '(readlink|/grep)$' /proc/self/maps | sed 's/[1-9]/some/'")
    run.run("sh", "-c", "grep -c '\\[stack\\]$' /proc/self/maps; grep -c '\\[heap\\]$' /proc/self/maps")
    run.run("uname", "-m")
    run.run("env", "-i", "A=1", "B=two words", "/usr/bin/env")


@case("exec-chain", short=True)
def exec_chain(run):
    """#! scripts, nested interpreters, execve by relative path and by fd"""
    inner = run.dir / "inner"
    inner.write_text('#!/bin/sh -e\necho "$0 $# $1|$2"\n')
    outer = run.dir / "outer"
    outer.write_text(f"#!{inner} one argument\nnot executed\n")
    inner.chmod(0o755)
    outer.chmod(0o755)
    run.run("./inner", "a b", "c")
    run.run("./outer", "a b", "c")
    run.run("sh", "-c", "cd /usr/bin && ./env ./printf '%s\\n' hello")
    run.run("sh", "-c", "/nonexistent; echo $?; /etc/passwd; echo $?; /; echo $?", env={"LC_ALL": "C"})
    run.run("python3", "-c", "import os; os.execve(os.open('/bin/echo', os.O_RDONLY), ['echo', 'by fd'], {})")
    run.run("xargs", "-n", "2", "echo", input=b"1 2 3 4 5\n")


@case("bad-programs", short=True)
def bad_programs(run):
    """files that are no programs are refused inside the guest as the kernel does"""
    elf = bytearray(open(os.path.realpath(TRUE), "rb").read())
    variants = {
        "empty": b"",
        "text": b"just text\n",
        "truncated": bytes(elf[:100]),
        "arm": bytes(elf[:18] + b"\x28\x00" + elf[20:]),
        "no-interpreter": bytes(elf).replace(b"/lib64/ld-linux-x86-64.so.2", b"/lib64/ld-linux-missing.so."),
        "script-without-interpreter": b"#!/nonexistent/interpreter\n",
    }
    (run.dir / "spawn.py").write_text(
        "import os, sys\n"
        "try: os.execv(sys.argv[1], sys.argv[1:])\n"
        "except OSError as e: print(os.strerror(e.errno))\n"
    )
    for name, content in variants.items():
        (run.dir / name).write_bytes(content)
        (run.dir / name).chmod(0o755)
        run.report(f"{name}: ")
        run.run("python3", "spawn.py", f"./{name}")


@case("startup-many", short=True)
def startup_many(run):
    """two hundred processes, one after the other and eight at a time"""
    run.run("sh", "-c", "i=0; while [ $i -lt 100 ]; do /bin/true || echo bad; i=$((i+1)); done; echo $i")
    run.run("sh", "-c", "seq 100 | xargs -P 8 -n 1 sh -c 'exit $(($0 % 1))'; echo $?")


@case("pipeline", short=True)
def pipeline(run):
    """a long pipeline over a megabyte of text"""
    run.run(
        "sh",
        "-c",
        "seq 1 200000 | awk '{print $1 * 7 % 1000, $1}' | sort -n -k1,1 -k2,2 | tail -n 50000 | sed s/1/one/g"
        " | gzip -c | gunzip -c | tee copy | sha256sum; wc copy",
    )
