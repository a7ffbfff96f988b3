"""The benchmarks of scripts/bench user: what is run, and on which input."""

import dataclasses
import pathlib
import shutil

BASH = "/bin/bash"


@dataclasses.dataclass
class Benchmark:
    name: str
    argv: list
    group: str  # "kernel", "program", "threads" or "extra" (not in the mean)
    repeat: int = 1  # processes started one after the other in one measurement
    rate: str = ""  # regular expression whose group is a rate in the output: units per second
    units: float = 1.0  # how many of them count as the work
    # What to add under qemu-x86_64, which does not follow a program into those
    # that it executes; None: not to be compared with qemu.
    under_qemu: list = dataclasses.field(default_factory=list)
    stdin: str = ""  # file to read
    check: bool = True  # output must be the same under every runner


KERNELS = [
    "integer", "branches", "recursion", "indirect", "sorting", "strings", "scalar_fp", "matrix", "vector", "x87",
]  # fmt: skip

PYTHON_SCRIPT = """
import json, re, collections, zlib
def nqueens(n, row=0, cols=0, left=0, right=0):
    if row == n: return 1
    total, free = 0, ~(cols | left | right) & ((1 << n) - 1)
    while free:
        bit = free & -free; free ^= bit
        total += nqueens(n, row + 1, cols | bit, (left | bit) << 1, (right | bit) >> 1)
    return total
print(nqueens(9))
words = [f"w{i * 7919 % 3001}" for i in range(120000)]
print(collections.Counter(words).most_common(2))
text = json.dumps([{"id": i, "name": w, "value": i / 7} for i, w in enumerate(words[:20000])])
print(len(json.loads(text)), zlib.crc32(text.encode()), len(re.findall(r'"w(\\d)\\1', text)))
class V:
    __slots__ = "x", "y"
    def __init__(self, x, y): self.x, self.y = x, y
    def __add__(self, o): return V(self.x + o.x, self.y + o.y)
v = V(0.0, 0.0)
for i in range(300000): v = v + V(i * 0.5, -i)
print(v.x, v.y, sum(x * x for x in range(400000)), sorted(words)[:2])
"""

SQL_SCRIPT = """
create table t(id integer primary key, a int, b text, c real);
create index t_a on t(a);
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 160000)
insert into t select i, i * 7919 % 10007, printf('text-%06d', i * 31 % 65537), i / 7.0 from n;
commit;
select a % 10, count(*), sum(c), max(b) from t group by 1 order by 1;
select count(*) from t x join t y on x.a = y.a and x.id < y.id;
select b, rank() over (order by c desc) from t where b like '%77%' order by c limit 5;
update t set c = c * 1.5 where a between 100 and 5000;
create index t_b on t(b);
select count(distinct substr(b, 6, 3)), total(c) from t;
delete from t where id % 3 = 0;
select group_concat(b) from (select b from t order by b limit 10);
"""


def c_source():
    """A C file of a few thousand lines, the same every time."""
    parts = ["#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"]
    calls = []
    for i in range(220):
        parts.append(
            f"struct s{i} {{ int a[{i % 7 + 3}]; double d; struct s{i} *next; }};\n"
            f"static int work{i}(struct s{i} *s, int n)\n{{\n    int sum = {i};\n"
            f"    for (int i = 0; i < n; i++) {{\n        s->a[i % {i % 7 + 3}] += i * {i + 3};\n"
            f"        if (s->a[0] > {i * 10}) {{ s->d = s->d * 1.5 + i; s->a[1] ^= sum; }}\n"
            f"        switch ((sum + i) % 5) {{ case 0: sum += s->a[2]; break; case 1: sum ^= {i}; break;\n"
            f"        case 2: sum = sum * 31 + 7; break; case 3: s->d /= 3; break; default: sum--; }}\n    }}\n"
            f"    char text[32]; snprintf(text, sizeof text, \"%d %g\", sum, s->d);\n"
            f"    return sum + (int)strlen(text) + (s->next ? work{i}(s->next, n / 2) : 0);\n}}\n"
        )
        calls.append(f"    {{ struct s{i} s = {{{{0}}, {i}, NULL}}; total += work{i}(&s, argc + {i}); }}\n")
    return "".join(parts) + "int main(int argc, char **argv)\n{\n    int total = argv == NULL;\n" + "".join(calls) + (
        '    printf("%d\\n", total);\n    return 0;\n}\n'
    )


def text(size):
    """Text that compresses like text, the same every time."""
    state, words, out, length = 1, [], [], 0
    for i in range(4000):
        state = (state * 1103515245 + 12345) % 2**31
        words.append("".join(chr(97 + (state >> s) % 26) for s in (3, 7, 11, 15, 19)[: 2 + i % 4]))
    while length < size:
        state = (state * 1103515245 + 12345) % 2**31
        word = words[(state >> 8) % 4000 * ((state >> 4) % 97) // 97]
        out.append(word)
        length += len(word) + 1
    return " ".join(out)[:size]


def prepare(work):
    """Writes the inputs to the directory `work`."""
    work = pathlib.Path(work)
    (work / "script.py").write_text(PYTHON_SCRIPT)
    (work / "script.sql").write_text(SQL_SCRIPT)
    (work / "large.c").write_text(c_source())
    (work / "text").write_text(text(6_000_000))
    (work / "zeros").write_bytes(bytes(400_000_000))


def benchmarks(kernels, work):
    """All of them. `kernels` is where the kernels are, `work` the inputs."""
    all_of_them = [Benchmark(name, [f"{kernels}/{name}"], "kernel") for name in KERNELS]
    speed = ["/usr/bin/openssl", "speed", "-mr", "-seconds", "1", "-bytes", "16384"]
    all_of_them += [
        Benchmark("openssl sha256", ["/usr/bin/openssl", "dgst", "-sha256", f"{work}/zeros"], "program"),
        Benchmark("openssl aes-gcm", [*speed, "-evp", "aes-128-gcm"], "program", rate=r"^\+F:.*:([0-9.]+)$",
                  units=2e9, check=False),
        Benchmark("openssl rsa2048", ["/usr/bin/openssl", "speed", "-mr", "-seconds", "1", "rsa2048"], "program",
                  rate=r"^\+F2:\d+:\d+:([0-9.]+):", units=2000, check=False),
        Benchmark("gzip", ["/usr/bin/gzip", "-6", "-c", f"{work}/text"], "program"),
        Benchmark("xz", ["/usr/bin/xz", "-1", "-T1", "-c", f"{work}/text"], "program"),
        Benchmark("zstd", ["/usr/bin/zstd", "-q", "-9", "-c", f"{work}/text"], "program"),
        Benchmark("python3", ["/usr/bin/python3", "-S", f"{work}/script.py"], "program"),
        Benchmark("sqlite3", ["/usr/bin/sqlite3", ":memory:"], "program", stdin=f"{work}/script.sql"),
        Benchmark(
            "gcc -O2", ["/usr/bin/gcc", "-O2", "-S", "-o", "-", f"{work}/large.c"], "program",
            under_qemu=["-wrapper", f"{shutil.which('qemu-x86_64')},-cpu,max"],
        ),
        Benchmark("threads 1", [f"{kernels}/threads", "100", "1"], "threads"),
        Benchmark("threads 2", [f"{kernels}/threads", "100", "2"], "threads"),
        Benchmark("threads 4", [f"{kernels}/threads", "100", "4"], "threads"),
        Benchmark("syscalls", [f"{kernels}/syscalls"], "extra"),
        Benchmark("start-up", ["/bin/true"], "extra", repeat=40),
        Benchmark(
            "bash forks", [BASH, "-c", "for i in {1..60}; do x=$(echo $i | cat); done; echo $x"], "extra",
            under_qemu=None,
        ),
    ]  # fmt: skip
    return all_of_them
