"""What scripts/bench system has the guest do: the files of its initial RAM disk
and its script. Each measurement is a line "BENCH name start end" in seconds of the
guest's own clock."""

import pathlib
import re
import subprocess

# Kernel of the user suite, and how much of it, for about a second under mortise.
INTEGER = {"integer": 80, "branches": 120, "recursion": 100, "indirect": 80, "sorting": 100, "strings": 60}
OTHERS = {"scalar_fp": 60, "matrix": 30, "vector": 10, "x87": 60}
FLAGS = {"strings": ["-fno-builtin"], "scalar_fp": ["-fno-tree-vectorize"], "vector": ["-mavx2", "-mfma"]}
THREADS = 240

SHELL = {
    "fork-exec": "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); done",
    "system-calls": "dd if=/dev/zero of=/dev/null bs=1 count=800000 2>/dev/null",
    "pipes": "dd if=/dev/zero bs=4k count=80000 2>/dev/null | cat | dd of=/dev/null bs=4k 2>/dev/null",
    "page-faults": "i=0; while [ $i -lt 60 ]; do dd if=/dev/zero of=/dev/null bs=8M count=1 2>/dev/null; "
                   "i=$((i+1)); done",
    "compress": "dd if=/bin/busybox bs=1M count=2 2>/dev/null | gzip -9 | gunzip | md5sum >/dev/null",
    "hash": "dd if=/dev/zero bs=1M count=50 2>/dev/null | sha256sum >/dev/null",
    "ide-read": "dd if=/dev/sda of=/dev/null bs=64k count=1024 2>/dev/null",
    "virtio-read": "dd if=/dev/vda of=/dev/null bs=64k count=4096 2>/dev/null",
    # As a build does: one process a file for the compiler, one for the assembler.
    "compile": "for f in /src/*.i; do cc1 -quiet -fpreprocessed -O2 $f -o /tmp/x.s && as /tmp/x.s -o /tmp/x.o; done",
}
DISK_BYTES = 256 << 20
MODULES = ["virtio_pci", "virtio_blk", "ata_piix", "sd_mod"]
SOURCES = ["branches", "indirect", "sorting", "strings"]


def executable(path):
    return path.lstrip("/"), 0o100755, pathlib.Path(path).read_bytes()


def libraries(path):
    """Those that the dynamic linker would load, where it would look for them."""
    text = subprocess.run(["ldd", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def compiler(root, where):
    """gcc's compiler proper, the assembler, their libraries, and sources to compile."""
    cc1 = subprocess.run(["gcc", "-print-prog-name=cc1"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    files = [("bin/cc1", 0o100755, pathlib.Path(cc1).read_bytes()),
             ("bin/as", 0o100755, pathlib.Path("/usr/bin/as").read_bytes())]
    files += [executable(path) for path in sorted({*libraries(cc1), *libraries("/usr/bin/as")})]
    for name in SOURCES:
        out = where / f"{name}.i"
        subprocess.run(["gcc", "-E", "-P", str(root / f"tests/bench/kernels/{name}.c"), "-o", str(out)], check=True)
        files.append((f"src/{name}.i", 0o100644, out.read_bytes()))
    return with_directories(files)


def with_directories(files):
    needed = {str(parent) for name, _, _ in files for parent in pathlib.PurePath(name).parents} - {".", "bin", "lib"}
    return [(name, 0o040755, b"") for name in sorted(needed)] + files


def kernels(root, where):
    files = []
    for name in [*INTEGER, *OTHERS, "threads"]:
        subprocess.run(["gcc", "-O2", "-static", *FLAGS.get(name, []), str(root / f"tests/bench/kernels/{name}.c"),
                        "-o", str(where / name), "-lm", "-pthread"], check=True)
        files.append((f"bin/bench-{name}", 0o100755, (where / name).read_bytes()))
    return files


def script(smp):
    lines = ["now() { cut -d' ' -f1 /proc/uptime; }",
             'b() { n=$1; shift; s=$(now); "$@" >/dev/null || echo "BENCH-FAILED $n"; echo "BENCH $n $s $(now)"; }',
             "while [ ! -b /dev/sda ] || [ ! -b /dev/vda ]; do sleep 0.1; done"]
    lines += [f"b {name} bench-{name} {scale}" for name, scale in {**INTEGER, **OTHERS}.items()]
    for name, command in SHELL.items():
        lines += [f"f() {{ {command}; }}", f"b {name} f"]
    lines.append(f"b one-thread bench-threads {THREADS} 1")
    if smp > 1:
        lines.append(f"b two-threads bench-threads {THREADS} 2")
    return "\n".join(lines) + "\nsync\npoweroff -f\n"


# Says that it is up, and does nothing until it is ended.
IDLE = "sleep 2\necho BENCH-IDLE\nexec sleep 100000\n"
BOOT = "poweroff -f\n"
