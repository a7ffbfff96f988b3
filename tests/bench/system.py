"""scripts/bench system: mortise system against qemu-system-x86_64's TCG.

Each runner boots Debian's kernel in each run: to work, each part of which the guest
measures by its own clock; to do nothing, for the use of CPU and memory; and then in
turns, to power off at once, which is measured from outside. That is short, so it is
done several times: hosts with neighbours are slower for a while after much work. The
median counts."""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import chart
import system_guest as guest

RAM_MIB = 512
IDLE_SECONDS = 10
BOOTS = 5  # to power off, per run
UNCOMPARED = ("one-thread", "two-threads")


def arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/bench system")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--build", metavar="DIR", help="an existing build to measure, in place of build/release")
    parser.add_argument("--qemu", default=shutil.which("qemu-system-x86_64"), help="its command, with options")
    parser.add_argument("--out", metavar="DIR", help="where system.json and system.svg go (default: build/bench)")
    return parser.parse_args(argv)


def run_once(command):
    """{benchmark: seconds}, the whole run included as "boot"."""
    began = time.monotonic()
    process = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = process.stdout.decode(errors="replace")
    took = {m[1]: max(float(m[3]) - float(m[2]), 0.01)  # the clock's step
            for m in re.finditer(r"BENCH (\S+) ([0-9.]+) ([0-9.]+)", text)}
    took["boot"] = time.monotonic() - began
    if process.returncode or "BENCH-FAILED" in text or "panic" in text:
        sys.exit(f"scripts/bench: {' '.join(command)} failed:\n{text[-3000:]}")
    return took


def beyond_ram(pid):
    """MiB that belong to the process, without the mapping that is as large as the guest's RAM. Pages that are
    mapped twice (code to write and to run) count once."""
    total, size = 0, 0
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if line.startswith("Size:"):
            size = int(line.split()[1])
        elif line.startswith("Pss:") and size != RAM_MIB << 10:
            total += int(line.split()[1])
    return total / 1024


def idle(command):
    """(per cent of a core that a guest uses that does nothing, MiB beyond its RAM)."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        text = b""
        while b"BENCH-IDLE" not in text:
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                sys.exit(f"scripts/bench: {' '.join(command)} ended:\n{text.decode(errors='replace')[-3000:]}")
            text += data

        def used():
            fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before = used()
        time.sleep(IDLE_SECONDS)
        return 100 * (used() - before) / IDLE_SECONDS, beyond_ram(process.pid)
    finally:
        process.kill()
        process.wait()


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
    times, rests = {name: {} for name in runners}, {name: [] for name in runners}
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        load, modules = guests.modules(guest.MODULES)
        guests.initramfs(work / "work.cpio", load + guest.script(args.smp),
                         [*modules, *guest.kernels(root, work), *guest.compiler(root, work)])
        guests.initramfs(work / "boot.cpio", guest.BOOT)
        guests.initramfs(work / "idle.cpio", guest.IDLE)
        for disk in ("ide", "virtio"):
            (work / disk).write_bytes(os.urandom(1 << 20) * (guest.DISK_BYTES >> 20))
        common = ["-cpu", "max", "-m", str(RAM_MIB), "-smp", str(args.smp), "-nographic", "-no-reboot", "-kernel",
                  str(guests.kernel()), "-append", "console=ttyS0 quiet"]
        disks = ["-drive", f"file={work}/ide,format=raw,if=ide", "-drive", f"file={work}/virtio,format=raw,if=virtio"]
        for _ in range(args.runs):
            for name, command in runners.items():
                took = run_once([*command, *common, *disks, "-initrd", f"{work}/work.cpio"])
                del took["boot"]
                for benchmark, seconds in took.items():
                    times[name].setdefault(benchmark, []).append(seconds)
                rests[name].append(idle([*command, *common, "-initrd", f"{work}/idle.cpio"]))
            for _ in range(BOOTS):
                for name, command in runners.items():
                    took = run_once([*command, *common, "-initrd", f"{work}/boot.cpio"])["boot"]
                    times[name].setdefault("boot", []).append(took)
    report(args, root, times, rests)
    return 0


def report(args, root, times, rests):
    medians = {name: {b: statistics.median(v) for b, v in t.items()} for name, t in times.items()}
    ratios = {}
    print(f"{'':14} " + " ".join(f"{n + ' s':>10}" for n in medians) + "   qemu/mortise")
    for benchmark, seconds in medians["mortise"].items():
        line = f"{benchmark:14} " + " ".join(f"{m[benchmark]:10.2f}" for m in medians.values())
        if "qemu" in medians and benchmark not in UNCOMPARED:
            ratios[benchmark] = medians["qemu"][benchmark] / seconds
            line += f"   {ratios[benchmark]:10.2f}"
        print(line)
    summary = {}
    if ratios:
        work = {b: r for b, r in ratios.items() if b != "boot"}
        summary = {"geometric_mean": statistics.geometric_mean(work.values()),
                   "integer": statistics.geometric_mean(r for b, r in work.items() if b in guest.INTEGER),
                   "boot": ratios["boot"]}
        print("mortise is {geometric_mean:.2f} times as fast as qemu in geometric mean, {integer:.2f} times with "
              "integers, {boot:.2f} times in the boot".format(**summary))
    for name, m in medians.items():
        if "two-threads" in m:
            # The work is the same in sum, whoever does it.
            summary[f"{name}_two_threads"] = m["one-thread"] / m["two-threads"]
            print(f"{name}: two threads are {summary[f'{name}_two_threads']:.2f} times as fast as one")
        cpu, memory = (statistics.median(values) for values in zip(*rests[name]))
        summary[f"{name}_idle_cpu_per_cent"], summary[f"{name}_mib_beyond_ram"] = cpu, memory
        print(f"{name}: an idle guest takes {cpu:.1f} per cent of a core and {memory:.0f} MiB beyond its RAM")
    out = pathlib.Path(args.out or root / "build/bench")
    out.mkdir(parents=True, exist_ok=True)
    (out / "system.json").write_text(json.dumps({"summary": summary, "times": times, "rests": rests}, indent=1) + "\n")
    if ratios:
        rows = [(benchmark, {"mortise": ratio}) for benchmark, ratio in ratios.items()]
        (out / "system.svg").write_text(chart.svg("mortise system: times as fast as qemu-system-x86_64 (TCG)", rows,
                                                  ["mortise"]))
