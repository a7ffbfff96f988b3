"""Firmware, and programs that stand on it or on nothing: OVMF in flash chips with a
variable that one run sets and the next one reads, and with a disk and a CD on AHCI;
GRUB and iPXE, which read their disks and consoles by SeaBIOS; memtest86+."""

import hashlib
import random
import re
import shutil
import struct
import subprocess
import time

import guests
from machine import Failed, Machine

VARIABLE = "setvar probe -guid 6d6f7274-6973-6500-0000-000000000001"


def run(options, code, variables, command):
    """What the shell says to a command; then the power goes off."""
    with Machine(options.mortise, "-m", "256",
                 "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
                 "-drive", f"if=pflash,format=raw,unit=1,file={variables}", log=options.log) as m:
        m.expect(r"Shell> ", 240)
        m.send(command + "\r")
        began = m.seen
        m.expect(r"Shell> ")
        said = m.text[began:m.seen]
        m.send("reset -s\r")
        if m.wait() != 0:
            raise Failed(f"exit status {m.process.returncode}\n{m.text[-2000:]}")
        return said


def ovmf(options):
    files = guests.download("ovmf") / "usr/share/OVMF"
    variables = options.work / "variables.fd"
    shutil.copy(files / "OVMF_VARS_4M.fd", variables)
    run(options, files / "OVMF_CODE_4M.fd", variables, f"{VARIABLE} -nv -bs =5a17c3")
    said = run(options, files / "OVMF_CODE_4M.fd", variables, VARIABLE)
    if "5A 17 C3" not in said:
        raise Failed(f"the variable did not survive:\n{said}")


def fat16(name, data):
    """A disk of 16 MiB that is one FAT16 file system, with one file in its root."""
    sectors, of_cluster, of_fat, of_root = 32768, 4, 32, 32
    boot = struct.pack("<3s8sHBHBHHBHHHII", b"\xeb\x3c\x90", b"MORTISE ", 512, of_cluster, 1, 2,
                       of_root * 16, sectors, 0xF8, of_fat, 63, 255, 0, 0)
    boot += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 1, b"PROBE      ", b"FAT16   ")
    clusters = -(-len(data) // (of_cluster * 512))
    chain = [0xFFF8, 0xFFFF, *range(3, 2 + clusters), 0xFFFF]
    fat = struct.pack(f"<{len(chain)}H", *chain).ljust(of_fat * 512, b"\0")
    entry = struct.pack("<11sB14xHI", name, 0x20, 2, len(data))
    return (boot.ljust(510, b"\0") + b"\x55\xaa" + fat * 2 + entry.ljust(of_root * 512, b"\0") +
            data).ljust(sectors * 512, b"\0")


def ovmf_q35(options):
    """With AHCI: OVMF's shell copies a file on a disk, and OVMF starts iPXE from a CD."""
    code = guests.download("ovmf") / "usr/share/OVMF/OVMF_CODE_4M.fd"
    data = random.Random(3).randbytes(1 << 20)
    disk = options.work / "disk"
    disk.write_bytes(fat16(b"SOURCE     ", data))
    machine = (options.mortise, "-machine", "q35", "-m", "256", "-smp", 2,
               "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}")
    with Machine(*machine, "-hda", disk, log=options.log) as m:
        m.expect(r"Shell> ", 240)
        m.send("fs0:\r")
        m.expect(r"FS0:\\> ")
        m.send("cp source target\r")
        m.expect(r"FS0:\\> ")
        m.send("reset -s\r")
        if m.wait() != 0:
            raise Failed(f"exit status {m.process.returncode}\n{m.text[-2000:]}")
    if disk.read_bytes().count(data) != 2:
        raise Failed(f"the file was not copied:\n{m.text[-2000:]}")
    cd = guests.download("ipxe") / "usr/lib/ipxe/ipxe.iso"
    with Machine(*machine, "-cdrom", cd, log=options.log) as m:
        m.expect("Press Ctrl-B", 240)
        m.send("\x02")
        m.expect(shown("iPXE> "))


def bios():
    return guests.download("seabios") / "usr/share/seabios/bios-256k.bin"


def shown(text):
    """A pattern for text that SeaBIOS puts on the serial port: it moves the cursor,
    needlessly, wherever it likes."""
    return r"(?:\x1b\[[\d;]*H)*".join(map(re.escape, text))


def enter(m, line):
    """Types a line, not faster than it is read: the BIOS keeps few keys."""
    for key in line:
        m.send(key)
        m.expect(shown(key))
    m.send("\r")


def grub(options):
    """GRUB's prompt; a disk read through the BIOS is what is in the image; power off."""
    data = random.Random(2).randbytes(1 << 20)
    disk = options.work / "disk"
    disk.write_bytes(data)
    cd = guests.download("grub-rescue-pc") / "usr/lib/grub-rescue/grub-rescue-cdrom.iso"
    with Machine(options.mortise, "-m", "128", "-bios", bios(), "-boot", "d", "-cdrom", cd,
                 "-hda", disk, log=options.log) as m:
        m.expect(shown("for a command-line."))
        m.expect(shown("automatically in"))
        m.send("c")
        m.expect(shown("grub> "))
        enter(m, "md5sum (hd0)0+2048")
        m.expect(shown(hashlib.md5(data).hexdigest()))
        m.expect(shown("grub> "))
        enter(m, "halt")
        if m.wait() != 0:
            raise Failed(f"exit status {m.process.returncode}\n{m.text[-2000:]}")


def bootable_disk(path, says):
    """One whose first sector ends the machine with this number, by isa-debug-exit."""
    code = b"\xba\xf4\x00\xb0" + bytes([says]) + b"\xee\xf4"
    path.write_bytes((code.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0"))


def bootable_cd(path, says):
    """The same as a CD (El Torito, no emulation): its catalogue is sector 20, the code 21."""
    def checked(entry):
        words = struct.unpack("<16H", entry)
        return entry[:28] + struct.pack("<H", -sum(words) % 65536) + entry[30:]

    sectors = {16: b"\x01CD001\x01", 18: b"\xffCD001\x01",
               17: struct.pack("<7s32s32xI", b"\x00CD001\x01", b"EL TORITO SPECIFICATION", 20),
               20: checked(b"\x01" + bytes(29) + b"\x55\xaa") + struct.pack("<BxHBxHI", 0x88, 0, 0, 4, 21),
               21: b"\xba\xf4\x00\xb0" + bytes([says]) + b"\xee\xf4"}
    path.write_bytes(b"".join(sectors.get(n, b"").ljust(2048, b"\0") for n in range(64)))


def bootindex(options):
    """SeaBIOS boots from the device with the lowest, whatever kind it is and wherever."""
    names = [options.work / f"bootindex-{n}" for n in range(4)]
    for n, name in enumerate(names):
        (bootable_cd if n == 3 else bootable_disk)(name, n + 1)
    for machine, places in (("pc", ("bus=ide.0,unit=1", "bus=ide.1")), ("q35", ("bus=ide.3", "bus=ide.1"))):
        for first in range(4):
            index = [1 + (n - first) % 4 for n in range(4)]
            drives = [word for n, name in enumerate(names) for word in
                      ("-drive", f"if=none,id=d{n},file={name},format=raw,media={'cdrom' if n == 3 else 'disk'}")]
            done = subprocess.run(
                [options.mortise, "system", "-machine", machine, "-display", "none", "-nodefaults",
                 "-bios", str(bios()), "-device", "isa-debug-exit,iobase=0xf4", *drives,
                 "-device", f"ide-hd,drive=d0,{places[0]},bootindex={index[0]}",
                 "-device", f"virtio-blk-pci,drive=d1,bootindex={index[1]}",
                 "-device", f"virtio-blk-pci,drive=d2,addr=7.0,bootindex={index[2]}",
                 "-device", f"ide-cd,drive=d3,{places[1]},bootindex={index[3]}"],
                stdin=subprocess.DEVNULL, timeout=120, check=False)
            if done.returncode != 2 * (first + 1) + 1:
                raise Failed(f"{machine}, {index}: exit status {done.returncode}")


def ipxe(options):
    """iPXE's shell, whose clock agrees with ours, and back to the BIOS."""
    cd = guests.download("ipxe") / "usr/lib/ipxe/ipxe.iso"
    with Machine(options.mortise, "-m", "128", "-bios", bios(), "-boot", "d", "-cdrom", cd,
                 log=options.log) as m:
        m.expect(shown("Press Ctrl-B"))
        m.send("\x02")
        m.expect(shown("iPXE> "))
        enter(m, "cpuid --ext 29 && echo It is long")
        m.expect(r"^" + shown("It is long"))
        m.expect(shown("iPXE> "))
        enter(m, "sleep 3")
        began = time.monotonic()
        m.expect(shown("iPXE> "))
        slept = time.monotonic() - began
        if not 2.5 < slept < 10:
            raise Failed(f"3 seconds of iPXE's are {slept:.1f}")
        enter(m, "exit")
        m.expect(shown("Booting from"))


def memtest(options):
    """A pass of all of memtest86+'s tests, on two CPUs, finds no error."""
    program = guests.download("memtest86+") / "boot/memtest86+x64.bin"
    with Machine(options.mortise, "-m", "64", "-smp", 2, "-kernel", program,
                 "-append", "console=ttyS0,115200", log=options.log) as m:
        if m.expect(r"CPU: (\d) Cores", 60).group(1) != "2":
            raise Failed(m.text[-2000:])
        said = m.expect(r"Pass: +1 +Errors: +(\d+)", 1500)
        if said.group(1) != "0" or re.search(r"Errors: +[1-9]", m.text):
            raise Failed(m.text[-3000:])
