"""scripts/bench system: mortise system against qemu-system-x86_64's TCG.

Each runner boots Debian's kernel once per run. The guest's init runs the
kernels of the user suite, built statically, and busybox at work, and says how
long each took by its own clock; the boot, to power-off, is measured outside.
The median of the runs counts."""

import argparse
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

INTEGER = {"integer": 40, "branches": 40, "recursion": 40, "indirect": 40, "sorting": 40, "strings": 40}
OTHERS = {"scalar_fp": 20, "matrix": 10, "vector": 10, "x87": 20}
FLAGS = {"strings": ["-fno-builtin"], "scalar_fp": ["-fno-tree-vectorize"], "vector": ["-mavx2", "-mfma"]}
SHELL = {
    "fork-exec": "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done",
    "system-calls": "dd if=/dev/zero of=/dev/null bs=1 count=200000 2>/dev/null",
    "pipes": "dd if=/dev/zero bs=4k count=20000 2>/dev/null | cat | dd of=/dev/null bs=4k 2>/dev/null",
    "page-faults": "i=0; while [ $i -lt 20 ]; do dd if=/dev/zero of=/dev/null bs=8M count=1 2>/dev/null; "
                   "i=$((i+1)); done",
    "compress": "dd if=/bin/busybox bs=1M count=1 2>/dev/null | gzip -9 | gunzip | md5sum >/dev/null",
    "hash": "dd if=/dev/zero bs=1M count=30 2>/dev/null | sha256sum >/dev/null",
}


def arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/bench system")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--build", metavar="DIR", help="an existing build to measure, in place of build/release")
    parser.add_argument("--qemu", default=shutil.which("qemu-system-x86_64"), help="its command, with options")
    parser.add_argument("--out", metavar="DIR", help="where system.json goes (default: build/bench)")
    return parser.parse_args(argv)


def compile_kernels(root, where):
    files = []
    for name in [*INTEGER, *OTHERS, "threads"]:
        subprocess.run(["gcc", "-O2", "-static", *FLAGS.get(name, []), str(root / f"tests/bench/kernels/{name}.c"),
                        "-o", str(where / name), "-lm", "-pthread"], check=True)
        files.append((f"bin/bench-{name}", 0o100755, (where / name).read_bytes()))
    return files


def init_script(smp):
    lines = ["now() { cut -d' ' -f1 /proc/uptime; }",
             'b() { n=$1; shift; s=$(now); "$@" >/dev/null; echo "BENCH $n $s $(now)"; }']
    lines += [f"b {name} bench-{name} {scale}" for name, scale in {**INTEGER, **OTHERS}.items()]
    for name, command in SHELL.items():
        lines += [f"f() {{ {command}; }}", f"b {name} f"]
    if smp > 1:
        lines += ["b one-thread bench-threads 20 1", "b two-threads bench-threads 20 2"]
    return "\n".join(lines) + "\nsync\npoweroff -f\n"


def run_once(command):
    """{benchmark: seconds}, the whole run included as "all", memory as "rss" in MiB."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    text = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    took = {m[1]: float(m[3]) - float(m[2])
            for m in re.finditer(r"BENCH (\S+) ([0-9.]+) ([0-9.]+)", text)}
    took["all"] = time.monotonic() - began
    if status or len(took) < 3:
        sys.exit(f"scripts/bench: {' '.join(command)} failed:\n{text[-3000:]}")
    return took, usage.ru_maxrss / 1024


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


def main(argv, root, build):
    args = arguments(argv)
    if not args.build:
        build()
    sys.path.insert(0, str(root / "tests/system"))
    import guests

    where = pathlib.Path(args.build or root / "build/release")
    runners = {"mortise": [str(where / "bin/mortise"), "system"]}
    if args.qemu:
        runners["qemu"] = [*args.qemu.split(), "-accel", "tcg,thread=multi", "-nic", "none"]
    else:
        print("qemu-system-x86_64 is not installed: not measured")
    times, memory = {name: {} for name in runners}, {name: 0 for name in runners}
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        files = compile_kernels(root, work)
        guests.initramfs(work / "bench", init_script(args.smp), files)
        guests.initramfs(work / "boot", 'echo "BENCH up 0 1"; echo "BENCH x 0 1"\npoweroff -f\n')
        common = ["-cpu", "max", "-m", "512", "-smp", str(args.smp), "-nographic", "-no-reboot", "-kernel",
                  str(guests.kernel()), "-append", "console=ttyS0 quiet"]
        for _ in range(args.runs):
            for name, command in runners.items():
                took, rss = run_once([*command, *common, "-initrd", str(work / "bench")])
                del took["all"]
                took["boot"] = run_once([*command, *common, "-initrd", str(work / "boot")])[0]["all"]
                memory[name] = max(memory[name], rss)
                for benchmark, seconds in took.items():
                    times[name].setdefault(benchmark, []).append(seconds)
    report(args, root, times, memory)
    return 0


def report(args, root, times, memory):
    medians = {name: {b: statistics.median(v) for b, v in t.items()} for name, t in times.items()}
    print(f"{'':14} " + " ".join(f"{n + ' s':>10}" for n in medians) + "   qemu/mortise")
    ratios = {}
    for benchmark, seconds in medians["mortise"].items():
        line = f"{benchmark:14} " + " ".join(f"{m[benchmark]:10.2f}" for m in medians.values())
        if "qemu" in medians and benchmark not in ("one-thread", "two-threads") and seconds > 0:
            ratios[benchmark] = medians["qemu"][benchmark] / seconds
            line += f"   {ratios[benchmark]:10.2f}"
        print(line)
    if ratios:
        work = {b: r for b, r in ratios.items() if b != "boot"}
        print(f"geometric mean {geometric_mean(work.values()):.2f}, integer "
              f"{geometric_mean(r for b, r in work.items() if b in INTEGER):.2f}, boot {ratios['boot']:.2f} "
              "times as fast as qemu")
    for name, m in medians.items():
        if "two-threads" in m:
            # Each thread does all of the work, so two in the same time are twice as much.
            print(f"{name}: two threads {2 * m['one-thread'] / m['two-threads']:.2f} times one")
        print(f"{name}: at most {memory[name]:.0f} MiB resident, guest RAM that was touched included")
    out = pathlib.Path(args.out or root / "build/bench")
    out.mkdir(parents=True, exist_ok=True)
    (out / "system.json").write_text(json.dumps({"times": times, "memory": memory}, indent=1) + "\n")
