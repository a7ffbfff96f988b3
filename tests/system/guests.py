"""What the system tests boot: Debian's kernels, and initial RAM disks made of
busybox. Packages are downloaded by apt-get, without being installed, into a
cache: $MORTISE_GUESTS, or build/guests."""

import functools
import gzip
import os
import pathlib
import re
import shutil
import stat
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("MORTISE_GUESTS", ROOT / "build" / "guests"))

# Flavour: the package that depends on the newest kernel of the kind, its
# architecture, and what the kernel package is called.
KERNELS = {
    "amd64": ("linux-image-amd64", "amd64", r"linux-image-[0-9.-]+-amd64"),
    "cloud": ("linux-image-cloud-amd64", "amd64", r"linux-image-[0-9.-]+-cloud-amd64"),
    "rt": ("linux-image-rt-amd64", "amd64", r"linux-image-[0-9.-]+-rt-amd64"),
    "686-pae": ("linux-image-686-pae", "i386", r"linux-image-[0-9.-]+-686-pae"),
}


class Missing(Exception):
    """A package cannot be had."""


def run(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


@functools.cache
def apt_options(architecture, own=False):
    """For apt: options by which it has package lists of its own, for another
    architecture, or where the system has none."""
    if architecture == "amd64" and not own:
        return ()
    lists = CACHE / f"lists-{architecture}"
    options = ("-o", f"APT::Architecture={architecture}", "-o", f"APT::Architectures={architecture}",
               "-o", f"Dir::State::lists={lists}/", "-o", f"Dir::Cache::pkgcache={lists}/pkgcache.bin",
               "-o", f"Dir::Cache::srcpkgcache={lists}/srcpkgcache.bin")
    if not lists.is_dir():
        (lists / "partial").mkdir(parents=True)
        # Sources that do not have the architecture make it fail, and do not matter.
        subprocess.run(("apt-get", "-q", *options, "update"), check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    return options


def apt(program, architecture, *arguments, **more):
    """Output of apt-get or apt-cache, with the system's package lists or our own."""
    try:
        return run(program, *apt_options(architecture), *arguments, stderr=subprocess.STDOUT, **more)
    except subprocess.CalledProcessError:
        return run(program, *apt_options(architecture, own=True), *arguments,
                   stderr=subprocess.STDOUT, **more)


def download(package, architecture="amd64"):
    """The package's files, unpacked: a directory."""
    where = CACHE / f"{package}_{architecture}"
    if where.is_dir():
        return where
    CACHE.mkdir(parents=True, exist_ok=True)
    work = CACHE / f".{package}.{os.getpid()}"
    work.mkdir(parents=True)
    try:
        apt("apt-get", architecture, "-q", "download", package, cwd=work)
        debs = list(work.glob("*.deb"))
        run("dpkg-deb", "-x", str(debs[0]), str(work / "files"))
        (work / "files").rename(where)
    except (OSError, IndexError, subprocess.CalledProcessError) as e:
        raise Missing(f"{package}: {getattr(e, 'stdout', None) or e}") from e
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return where


@functools.cache
def kernel(flavour="amd64"):
    """The path of a kernel (bzImage) of Debian's."""
    meta, architecture, pattern = KERNELS[flavour]
    try:
        text = apt("apt-cache", architecture, "depends", meta)
    except (OSError, subprocess.CalledProcessError) as e:
        raise Missing(f"{meta}: {e}") from e
    found = re.search(pattern, text)
    if not found:
        raise Missing(f"{meta} depends on no kernel (apt-get update?)")
    images = sorted(download(found.group(), architecture).glob("boot/vmlinuz-*"))
    if not images:
        raise Missing(f"{found.group()} has no kernel in it")
    return images[0]


@functools.cache
def module_files(flavour):
    """{module's name: its file} of a kernel's package."""
    tree = kernel(flavour).parents[1] / "lib/modules"
    return {path.stem.replace("-", "_"): path for path in tree.glob("**/*.ko")}


def modules(names, flavour="amd64"):
    """For initramfs: the shell lines that load the kernel modules `names` and those
    that they depend on, and their (name, mode, data)."""
    order = []

    def add(name):
        data = module_files(flavour)[name].read_bytes()
        needs = re.search(rb"\0depends=([^\0]*)", data)
        for other in needs[1].decode().split(",") if needs and needs[1] else ():
            add(other.replace("-", "_"))
        if all(name != known for known, _ in order):
            order.append((name, data))

    for name in names:
        add(name)
    return ("".join(f"insmod /lib/{name}.ko\n" for name, _ in order),
            [(f"lib/{name}.ko", 0o644, data) for name, data in order])


def busybox(architecture="amd64"):
    if architecture != "amd64":
        return next(iter(sorted(download("busybox-static", architecture).glob("**/bin/busybox"))))
    path = shutil.which("busybox")
    if not path:
        raise Missing("busybox (package busybox-static)")
    return pathlib.Path(path)


def cpio(entries):
    """An archive in the format "newc" of (name, mode, data) triples."""
    out = bytearray()
    entries = list(entries) + [("TRAILER!!!", 0, b"")]
    for number, (name, mode, data) in enumerate(entries, 1):
        raw = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        out += b"\0" * (-len(out) % 4)
        out += data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def initramfs(path, script, files=(), architecture="amd64"):
    """Writes an initial RAM disk whose /init is a busybox shell that runs
    `script` with /dev, /proc and /sys mounted. `files`: more (name, mode, data)."""
    init = "#!/bin/busybox sh\n/bin/busybox --install -s /bin\nexport PATH=/bin\n" \
           "mount -t devtmpfs none /dev\nmount -t proc none /proc\nmount -t sysfs none /sys\n" + script
    directory = stat.S_IFDIR | 0o755
    entries = [(d, directory, b"") for d in ("bin", "dev", "lib", "proc", "sys", "tmp", "root", "mnt")]
    entries += [("bin/busybox", stat.S_IFREG | 0o755, busybox(architecture).read_bytes()),
                ("init", stat.S_IFREG | 0o755, init.encode())]
    entries += [(name, mode if stat.S_IFMT(mode) else stat.S_IFREG | mode, data) for name, mode, data in files]
    pathlib.Path(path).write_bytes(gzip.compress(cpio(entries), 1))
