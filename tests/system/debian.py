"""A whole Debian 12: mmdebstrap makes its root file system once, into the cache of
guests.py, and systemd starts it from an IDE or a virtio disk. Needs root."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import guests
from machine import Failed, Machine, clean

PACKAGES = ("systemd-sysv,udev,kmod,login,passwd,apt,procps,e2fsprogs,zstd,initramfs-tools,"
            "linux-image-amd64,gcc,libc6-dev,stress-ng")
SOURCES = pathlib.Path("/etc/apt")
PROMPT = r"root@debian:\S*# "
DISKS = {"ide": "/dev/sda", "virtio": "/dev/vda"}
# Each runs on all CPUs at once with the others.
STRESSORS = ("cpu", "vm", "mutex", "futex", "fork", "pipe", "cache", "cacheline", "membarrier",
             "mcontend", "lockbus", "memthrash", "tsc")


def sources():
    """The machine's own sources of Debian 12's packages."""
    found = [p for p in (*SOURCES.glob("sources.list"), *(SOURCES / "sources.list.d").glob("*"))
             if p.suffix in (".list", ".sources") and
             re.search(r"^(Suites:.*|deb .* )bookworm\b", p.read_text(), re.M)]
    distribution = [p for p in found if re.search(r"/debian\b", p.read_text())]
    if not distribution:
        raise guests.Missing("apt sources of Debian 12")
    return distribution


def repository(where):
    """A package and its index: what apt installs in a guest without a network."""
    where.mkdir(parents=True)
    guests.apt("apt-get", "amd64", "-q", "download", "hello", cwd=where)
    deb = next(where.glob("hello_*.deb"))
    index = guests.run("dpkg-deb", "-f", str(deb)) + (
        f"Filename: ./{deb.name}\nSize: {deb.stat().st_size}\n"
        f"SHA256: {hashlib.sha256(deb.read_bytes()).hexdigest()}\n")
    (where / "Packages").write_text(index)


def configure(root):
    subprocess.run(("chroot", root, "chpasswd"), input="root:root\n", text=True, check=True)
    (root / "etc/hostname").write_text("debian\n")
    (root / "etc/fstab").write_text("/dev/root / ext4 errors=remount-ro 0 1\n")
    (root / "etc/inputrc").write_text("set enable-bracketed-paste off\n")
    for path in (root / "etc/apt/sources.list.d").iterdir():
        path.unlink()
    (root / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/srv/repository ./\n")
    repository(root / "srv/repository")


def image():
    """(disk image, kernel, initial RAM disk), in the cache."""
    where = guests.CACHE / "debian-12"
    if not where.is_dir():
        if os.geteuid() or not shutil.which("mmdebstrap"):
            raise guests.Missing("a Debian 12: mmdebstrap (scripts/deps --all), and root to run it")
        guests.CACHE.mkdir(parents=True, exist_ok=True)
        work = guests.CACHE / f".debian-12.{os.getpid()}"
        work.mkdir()
        try:
            guests.run("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={PACKAGES}",
                       "--aptopt=APT::Install-Recommends \"false\"", "bookworm", str(work / "root"),
                       *map(str, sources()), stderr=subprocess.STDOUT)
            configure(work / "root")
            for name in ("vmlinuz", "initrd.img"):
                shutil.copy(next((work / "root/boot").glob(f"{name}-*")), work / name)
            with open(work / "disk", "wb") as disk:
                disk.truncate(2 << 30)
            guests.run("mkfs.ext4", "-q", "-d", str(work / "root"), str(work / "disk"))
            shutil.rmtree(work / "root")
            work.rename(where)
        except (OSError, StopIteration, subprocess.CalledProcessError) as e:
            raise guests.Missing(f"Debian 12: {getattr(e, 'stdout', None) or e}") from e
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return where / "disk", where / "vmlinuz", where / "initrd.img"


def run(options, bus, cpus, work):
    """Logs in, lets work(machine) do things, and shuts down; the file system is whole
    afterwards."""
    disk, kernel, initrd = image()
    copy = options.work / "disk"
    guests.run("cp", "--sparse=always", str(disk), str(copy))
    with Machine(options.mortise, "-m", "1G", "-smp", cpus, "-no-reboot", "-kernel", kernel,
                 "-initrd", initrd, "-append", f"console=ttyS0 root={DISKS[bus]} rw panic=-1",
                 "-drive", f"file={copy},format=raw,if={bus}", log=options.log) as m:
        m.expect(r"debian login: ", 600)
        m.send("root\n")
        m.expect(r"Password: ")
        m.send("root\n")
        m.expect(PROMPT)
        m.send("systemctl is-system-running --wait\n")
        m.expect(r"^running\r?$")
        work(m)
        m.send("systemctl poweroff\n")
        if m.wait(300) != 0:
            raise Failed(f"exit status {m.process.returncode}\n{m.text[-2000:]}")
        clean(m)
    check = subprocess.run(("fsck.ext4", "-fn", copy), stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    if check.returncode:
        raise Failed(f"the file system is damaged:\n{check.stdout}")


def login(options, bus):
    """apt installs a package and gcc makes a program."""
    def work(m):
        m.send("apt-get -q update && apt-get -q install -y hello && hello\n")
        m.expect(r"^Hello, world!", 300)
        m.send("echo 'int main(void) { return 42; }' >a.c && gcc -O2 -o a a.c; ./a; echo =$?=\n")
        m.expect(r"^=42=")
    run(options, bus, 2, work)


def stress(options, cpus):
    """stress-ng, with its results verified, and a kernel that has nothing to say."""
    def work(m):
        command = " ".join(f"--{name} 1" for name in STRESSORS)
        seconds = int(options.minutes * 60)
        m.send(f"stress-ng {command} --vm-bytes 64M --verify --metrics-brief -t {seconds}\n")
        said = m.expect(r"^stress-ng: info: .*(un)?successful run completed.*$", seconds + 600)
        m.expect(PROMPT)
        if "unsuccessful" in said.group() or re.search(r"stress-ng: (fail|error)", m.text):
            raise Failed(m.text[-5000:])
        m.send("dmesg | grep -iE 'warning|bug:|lockup|stall|hung|error'; echo seen\n")
        m.expect(r"^seen")
    run(options, "virtio", cpus, work)
