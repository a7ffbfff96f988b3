#!/usr/bin/env python3
"""Boots Debian's kernels and firmware under mortise system.

    tests/system/boot.py                 what scripts/check runs
    tests/system/boot.py --long          every kernel with 1, 2 and 4 CPUs
    tests/system/boot.py --long --only 'stress-*' --minutes 1
    tests/system/boot.py --list; --only PATTERN; --mortise PATH; --keep DIR (console logs)

A case that fails prints the console's end and how to run it alone."""

import argparse
import fnmatch
import hashlib
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

import debian
import firmware
import guests
from machine import Failed, Machine, clean

ROOT = pathlib.Path(__file__).resolve().parents[2]
INIT_OFF = """
echo "READY $(uname -m) $(grep -c ^processor /proc/cpuinfo)"
%s
poweroff -f
"""
PROMPT = r"^/ # "
INIT_SHELL = "exec setsid cttyhack sh\n"


def start(options, flavour, cpus, script, *more, append=""):
    image = options.work / "initramfs"
    guests.initramfs(image, script, architecture=guests.KERNELS[flavour][1])
    return Machine(options.mortise, "-m", "512", "-smp", cpus, "-no-reboot", "-kernel",
                   guests.kernel(flavour), "-initrd", image, "-append",
                   f"console=ttyS0 panic=-1 {append}".strip(), *more, log=options.log)


def boot(options, flavour, cpus, *more, append=""):
    """To user space, which counts the CPUs, and power-off."""
    with start(options, flavour, cpus, INIT_OFF % "", *more, append=append) as m:
        said = m.expect(r"READY (\S+) (\d+)", 240)
        arch = "i686" if flavour == "686-pae" else "x86_64"
        if said.groups() != (arch, str(cpus)):
            raise Failed(f"{said.group()} instead of {arch} with {cpus} CPUs")
        if m.wait() != 0:
            raise Failed(f"exit status {m.process.returncode}\n{m.text[-2000:]}")
        clean(m)


def shell(options):
    """Typing on the console: a pipeline, job control, a reboot that ends."""
    with start(options, "amd64", 2, INIT_SHELL) as m:
        m.expect(PROMPT, 240)
        m.send("echo $((6*7)) | tr 4 5; ls /proc/self/exe\n")
        m.expect(r"^52\b")
        m.expect(r"^/proc/self/exe")
        m.send("for i in 1 2 3; do (echo job $i; sleep 0.1) & done; wait; echo all\n")
        m.expect(r"^all\b")
        m.send("sleep 100\n")
        time.sleep(1)
        m.send("\x03")
        m.expect(PROMPT)
        m.send("poweroff -f\n")
        if m.wait() != 0:
            raise Failed(f"exit status {m.process.returncode}\n{m.text[-2000:]}")
        clean(m)


WORK = """
i=0; while [ $i -lt 50 ]; do /bin/true; i=$((i+1)); done
dd if=/dev/urandom of=/tmp/a bs=64k count=64 2>/dev/null
gzip -c /tmp/a >/tmp/a.gz; gunzip -c /tmp/a.gz | cmp - /tmp/a && echo same
(for j in 1 2 3 4; do md5sum /tmp/a & done; wait) | sort -u | wc -l
"""


def work(options, cpus):
    """Forks, pipes, compression and hashing come out right."""
    with start(options, "amd64", cpus, INIT_OFF % WORK) as m:
        m.expect(r"READY", 240)
        m.expect(r"^same\r?$", 240)
        m.expect(r"^1\r?$", 240)
        m.wait()
        clean(m)


def reset(options):
    """A reboot starts the same kernel again."""
    script = 'echo "READY"\nreboot -f\n'
    image = options.work / "initramfs"
    guests.initramfs(image, script)
    with Machine(options.mortise, "-m", "256", "-kernel", guests.kernel("amd64"), "-initrd", image,
                 "-append", "console=ttyS0", log=options.log) as m:
        m.expect(r"READY", 240)
        m.expect(r"READY", 240)


DISKS = """
for d in sda vda; do
    md5sum </tmp/data >/tmp/sum
    dd if=/tmp/data of=/dev/$d bs=64k oflag=direct 2>/dev/null
    dd if=/dev/$d bs=64k count=32 iflag=direct 2>/dev/null | md5sum | cmp - /tmp/sum && echo "$d same"
done
md5sum </dev/sr0
"""


def disks(options, machine="pc", driver="ata_piix"):
    """An IDE and a virtio disk take and give back what was written; so does a CD."""
    load, files = guests.modules((driver, "sd_mod", "sr_mod", "virtio_pci", "virtio_blk"))
    data = random.Random(1).randbytes(2 << 20)
    paths = {name: options.work / name for name in ("ide", "virtio", "cd")}
    for path in paths.values():
        path.write_bytes(data if path.name == "cd" else bytes(len(data)))
    image = options.work / "initramfs"
    guests.initramfs(image, INIT_OFF % (load + "mdev -s\n" + DISKS),
                     files=files + [("tmp/data", 0o644, data)])
    with Machine(options.mortise, "-m", "512", "-smp", 2, "-no-reboot", "-kernel",
                 guests.kernel("amd64"), "-initrd", image, "-append", "console=ttyS0 panic=-1",
                 "-machine", machine, "-drive", f"file={paths['ide']},format=raw,if=ide,index=0",
                 "-drive", f"file={paths['virtio']},format=raw,if=virtio",
                 "-cdrom", paths["cd"], log=options.log) as m:
        for disk in ("sda", "vda"):
            m.expect(rf"^{disk} same", 120)
        m.expect(hashlib.md5(data).hexdigest(), 120)
        m.wait()
        clean(m)
    for name in ("ide", "virtio"):
        if paths[name].read_bytes() != data:
            raise Failed(f"the {name} disk's image has not what the guest wrote")


COUNTED = """
dd if=/dev/vda bs=64k count=16 2>/dev/null | md5sum
dd if=/dev/urandom of=/dev/vda bs=64k count=16 seek=16 oflag=direct 2>/dev/null; sync
(for j in 1 2 3; do head -c 200000 /dev/urandom | md5sum & done; wait)
dmesg
"""


def counted_run(options, name):
    """Boots with counted instructions; the console to the last byte, count, registers and
    memory at the end, and the disk."""
    load, files = guests.modules(("virtio_pci", "virtio_blk"))
    image, disk, console = (options.work / f"{name}-{what}" for what in ("initramfs", "disk", "log"))
    guests.initramfs(image, INIT_OFF % (load + "mdev -s\n" + COUNTED), files=files)
    disk.write_bytes(random.Random(2).randbytes(4 << 20))
    command = [str(options.mortise), "system", "-nodefaults", "-m", "256", "-smp", "2",
               "-icount", "shift=4,sleep=off", "-rtc", "base=2024-02-29", "-no-shutdown",
               "-kernel", str(guests.kernel("amd64")), "-initrd", str(image),
               "-append", "console=ttyS0 panic=-1", "-serial", f"file:{console}",
               "-drive", f"file={disk},format=raw,if=virtio", "-monitor", "stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            end = time.monotonic() + 300
            while b"Power down" not in (console.read_bytes() if console.exists() else b""):
                if process.poll() is not None or time.monotonic() > end:
                    raise Failed("no power-off:\n" + console.read_text(errors="replace")[-3000:])
                time.sleep(0.5)
            time.sleep(0.5)
            asked = ["info status", "info icount", "info registers", "cpu 1", "info registers",
                     *(f"xp /1024xg {at:x}" for at in range(0x1000000, 0x10000000, 0x1000000)), "q"]
            state = process.communicate(("\n".join(asked) + "\n").encode(), 60)[0].decode()
        finally:
            process.kill()
    if "VM status: paused" not in state or not re.search(r"instructions: \d{8}", state):
        raise Failed(state[:1000])
    return console.read_text(errors="replace"), state, disk.read_bytes()


def icount(options):
    """With counted instructions a second run is the first one again, to the bit."""
    first, second = counted_run(options, "first"), counted_run(options, "second")
    for what, a, b in zip(("console", "state", "disk"), first, second):
        if a != b and what != "disk":
            a, b = a.splitlines(), b.splitlines()
            at = next((n for n, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            raise Failed(f"the {what} differs in line {at + 1}:\n" + "\n".join(a[at:at + 3]) +
                         "\n--- and ---\n" + "\n".join(b[at:at + 3]))
        if a != b:
            raise Failed("the disks differ")
    if len(set(re.findall(r"\b[0-9a-f]{32}\b", first[0]))) != 4:
        raise Failed("not four sums on the console:\n" + first[0][-2000:])


def litmus(options, cpus):
    """The memory order is x86's: what it forbids never comes, what it allows is seen."""
    program = options.work / "litmus"
    guests.run("cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-static", "-pthread", "-o", str(program),
               str(ROOT / "tests/guest/system/litmus.c"))
    image = options.work / "initramfs"
    guests.initramfs(image, INIT_OFF % "/bin/litmus 2000000; echo \"STATUS $?\"",
                     files=[("bin/litmus", 0o755, program.read_bytes())])
    with Machine(options.mortise, "-m", "512", "-smp", cpus, "-no-reboot", "-kernel",
                 guests.kernel("amd64"), "-initrd", image, "-append", "console=ttyS0 panic=-1",
                 log=options.log) as m:
        if m.expect(r"^STATUS (\d+)", 600).group(1) != "0":
            raise Failed(m.text[-3000:])
        m.wait()
        clean(m)


MCE = """
echo 1 >/sys/devices/system/machinecheck/machinecheck0/check_interval
echo POLLING
while ! dmesg | grep -q 'Bank 4: 9c00000000000090'; do sleep 1; done
echo LOGGED; sleep 100
"""


def machine_check(options):
    """The monitor's machine checks: Linux logs a corrected one, and dies of another."""
    monitor = options.work / "monitor"
    with start(options, "amd64", 2, INIT_OFF % MCE, "-monitor", f"unix:{monitor},server=on,wait=off") as m:
        m.expect(r"^POLLING", 240)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(monitor))
            s.sendall(b"mce 1 4 0x9c00000000000090 0 0x12345000 0x8c\n")
            m.expect(r"\[Hardware Error\]: CPU 1: Machine Check: 0 Bank 4: 9c00000000000090", 60)
            m.expect(r"^LOGGED", 60)
            s.sendall(b"mce -b 0 4 0xbe00000000000134 5 0x12345000 0x8c\n")
            # To all CPUs: the one that Linux hears of first may be that which is only told of it.
            m.expect(r"Bank 4: be00000000000134|CPU 1: Machine Check Exception: 5 Bank 1: a0{15}", 60)
            m.expect(r"Kernel panic - not syncing: .*[Mm]achine check", 60)
        m.wait()


SHORT = {
    "amd64-2": lambda o: boot(o, "amd64", 2),
    "round-robin": lambda o: boot(o, "amd64", 2, "-accel", "tcg,thread=single"),
    "shell": shell,
    "work-2": lambda o: work(o, 2),
    "reset": reset,
    "disks": disks,
    "disks-q35": lambda o: disks(o, "q35", "ahci"),
    "icount": icount,
}
LONG = dict(SHORT)
for _flavour in guests.KERNELS:
    for _cpus in (1, 2, 4):
        LONG[f"{_flavour}-{_cpus}"] = lambda o, f=_flavour, c=_cpus: boot(o, f, c)
for _cpus in (2, 4):
    LONG[f"litmus-{_cpus}"] = lambda o, c=_cpus: litmus(o, c)
LONG["machine-check"] = machine_check
LONG["q35-nomsi"] = lambda o: boot(o, "amd64", 2, "-machine", "q35", append="pci=nomsi")
for _program in (firmware.ovmf, firmware.ovmf_q35, firmware.bootindex, firmware.grub, firmware.ipxe,
                 firmware.memtest):
    LONG[_program.__name__.replace("_", "-")] = _program
for _bus in debian.DISKS:
    LONG[f"debian-{_bus}"] = lambda o, b=_bus: debian.login(o, b)
for _cpus in (2, 4):
    LONG[f"stress-{_cpus}"] = lambda o, c=_cpus: debian.stress(o, c)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", default="*")
    parser.add_argument("--mortise", type=pathlib.Path, default=ROOT / "build/release/bin/mortise")
    parser.add_argument("--minutes", type=float, default=10, help="of each stress case")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    cases = {n: f for n, f in (LONG if options.long else SHORT).items()
             if fnmatch.fnmatch(n, options.only)}
    if options.list or not cases:
        print("\n".join(cases) or "no such case")
        return 0 if cases else 2
    failed = []
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    for name, case in cases.items():
        with tempfile.TemporaryDirectory() as work_dir:
            options.work = pathlib.Path(work_dir)
            options.log = options.keep / f"{name}.log" if options.keep else None
            began = time.monotonic()
            try:
                case(options)
                print(f"{name}: passed ({time.monotonic() - began:.1f} s)", flush=True)
            except (Failed, guests.Missing) as e:
                failed.append(name)
                print(f"{name}: FAILED: {e}\n  again: {sys.argv[0]} "
                      f"{'--long ' if options.long else ''}--only {name}", flush=True)
    print(f"{len(cases) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
