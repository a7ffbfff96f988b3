"""scripts/bench user: measures, compares, prints and draws."""

import argparse
import fnmatch
import json
import os
import pathlib
import platform
import shlex
import shutil
import statistics
import sys
import tempfile

import chart
import programs
from measure import Failed, measure

SLOW = 15.0  # seconds; a runner that takes longer is measured once


def arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/bench user")
    parser.add_argument("--runs", type=int, default=5, help="measurements of each, of which the median counts")
    parser.add_argument("--runners", default="native,mortise,qemu")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these benchmarks; * allowed")
    parser.add_argument("--list", action="store_true", help="print the names of the benchmarks")
    parser.add_argument("--build", metavar="DIR", help="an existing build to measure, in place of build/release")
    parser.add_argument("--mortise", metavar="PATH", help="a mortise other than that of the build")
    parser.add_argument("--options", default="", help="options for mortise user, as one word")
    parser.add_argument("--cpu-time", action="store_true", help="compare CPU time; for a machine that is not idle")
    parser.add_argument("--out", metavar="DIR", help="where user.json and user.svg go (default: build/bench)")
    return parser.parse_args(argv)


def runner_prefixes(args, build):
    prefixes = {}
    for name in args.runners.split(","):
        if name == "native":
            prefixes[name] = []
        elif name == "mortise":
            binary = args.mortise or f"{build}/bin/mortise"
            prefixes[name] = [os.path.abspath(binary), "user", *shlex.split(args.options)]
        elif name == "qemu":
            if shutil.which("qemu-x86_64"):
                prefixes[name] = ["qemu-x86_64", "-cpu", "max"]
            else:
                print("qemu-x86_64 is not installed: not measured")
        else:
            sys.exit(f"scripts/bench: no runner {name}")
    if "native" not in prefixes:
        sys.exit("scripts/bench: everything is relative to native, which must be among --runners")
    return prefixes


def run_one(benchmark, prefixes, runs, work):
    """Measures a benchmark under all runners in turn; {runner: [Sample]}."""
    samples = {runner: [] for runner in prefixes}
    for run in range(runs):
        for runner, prefix in prefixes.items():
            if run and samples[runner] and samples[runner][0].wall * benchmark.repeat > SLOW:
                continue
            if run and not samples[runner]:
                continue
            added = benchmark.under_qemu if runner == "qemu" else []
            if added is None:
                continue
            try:
                samples[runner].append(measure(benchmark, prefix, work, added))
            except Failed as failure:
                print(f"{benchmark.name} under {runner}: {failure}", flush=True)
                samples[runner] = []
    wanted = {s.output for s in samples["native"]}
    for runner, taken in samples.items():
        if any(s.output not in wanted for s in taken):
            print(f"{benchmark.name} under {runner}: the output differs from native", flush=True)
            samples[runner] = []
    return samples


def median(samples, cpu_time):
    values = [s.cpu if cpu_time else s.wall for s in samples]
    return statistics.median(values) if values else None


def print_row(name, times, runners):
    native = times.get("native")
    cells = [f"{name:16}"]
    for runner in runners:
        value = times.get(runner)
        cells.append(f"{value:9.3f} s" if value is not None else "        -  ")
    for runner in runners:
        if runner != "native":
            value = times.get(runner)
            cells.append(f"{value / native:8.2f}x" if value and native else "       - ")
    print(" ".join(cells), flush=True)


def summarise(results, runners, failed):
    """Prints means and budgets; returns what goes into the JSON file."""
    summary = {}
    counted = {n: r["times"] for n, r in results.items() if r["group"] != "extra"}
    for runner in runners:
        if runner == "native":
            continue
        ratios = {n: t[runner] / t["native"] for n, t in counted.items() if t.get(runner) and t.get("native")}
        if not ratios:
            continue
        worst = max(ratios, key=ratios.get)
        mean = statistics.geometric_mean(ratios.values())
        summary[runner] = {"geometric_mean": mean, "worst": worst, "worst_ratio": ratios[worst], "count": len(ratios)}
        print(f"{runner}: geometric mean {mean:.2f}x native over {len(ratios)}, worst {ratios[worst]:.2f}x ({worst})")
    both = [n for n, t in counted.items() if t.get("mortise") and t.get("qemu")]
    if both:
        faster = statistics.geometric_mean(counted[n]["qemu"] / counted[n]["mortise"] for n in both)
        summary["qemu_over_mortise"] = faster
        print(f"mortise is {faster:.2f}x as fast as qemu in geometric mean over {len(both)}")
    for runner in runners:
        one, two = (results.get(n, {}).get("times", {}).get(runner) for n in ("threads 1", "threads 2"))
        if one and two:
            summary.setdefault("two_threads_over_one", {})[runner] = one / two
            print(f"{runner}: two threads are {one / two:.2f}x as fast as one")
    start = results.get("start-up", {}).get("times", {})
    for runner in runners:
        if runner != "native" and start.get(runner) and start.get("native"):
            extra = (start[runner] - start["native"]) * 1000
            summary.setdefault("start_up_ms_above_native", {})[runner] = extra
            print(f"{runner}: start-up of /bin/true is {extra:.1f} ms above native's {start['native'] * 1000:.1f} ms")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return summary


def main(argv, root, build_release):
    args = arguments(argv)
    build = args.build or root / "build/release"
    if not args.build:
        build_release()
    prefixes = runner_prefixes(args, build)
    runners = list(prefixes)
    out = pathlib.Path(args.out or root / "build/bench")
    out.mkdir(parents=True, exist_ok=True)
    results, failed = {}, []
    with tempfile.TemporaryDirectory(prefix="mortise-bench-") as work:
        chosen = programs.benchmarks(f"{build}/tests/bench", work)
        if args.only:
            chosen = [b for b in chosen if any(fnmatch.fnmatch(b.name, pattern) for pattern in args.only)]
        if args.list:
            print("\n".join(f"{b.name:16} {b.group:8} {shlex.join(b.argv)}" for b in chosen))
            return 0
        programs.prepare(work)
        print(f"{'':16} " + " ".join(f"{r:>11}" for r in runners) + " " + " ".join(f"{r:>9}" for r in runners[1:]))
        for benchmark in chosen:
            if shutil.which(benchmark.argv[0]) is None:
                print(f"{benchmark.name}: {benchmark.argv[0]} is not installed (scripts/deps --all)")
                continue
            samples = run_one(benchmark, prefixes, args.runs, work)
            meant = [r for r in runners if r != "qemu" or benchmark.under_qemu is not None]
            failed += [f"{benchmark.name} under {r}" for r in meant if not samples[r]]
            times = {r: median(samples[r], args.cpu_time) for r in runners if samples[r]}
            results[benchmark.name] = {
                "group": benchmark.group,
                "times": times,
                "samples": {r: [s.cpu if args.cpu_time else s.wall for s in samples[r]] for r in runners},
            }
            print_row(benchmark.name, times, runners)
    print()
    summary = summarise(results, runners, failed)
    measured = "CPU time" if args.cpu_time else "elapsed time"
    with open(out / "user.json", "w") as stream:
        info = {"measured": measured, "runs": args.runs, "machine": platform.machine(), "kernel": platform.release()}
        json.dump({"info": info, "summary": summary, "benchmarks": results}, stream, indent=1)
    rows = [
        (name, {r: t / result["times"]["native"] for r, t in result["times"].items() if r != "native"})
        for name, result in results.items()
        if result["group"] != "extra" and result["times"].get("native")
    ]
    if rows:
        title = f"{measured[0].upper()}{measured[1:]} relative to native (less is better, 1 is native)"
        (out / "user.svg").write_text(chart.svg(title, rows, runners[1:]))
    print(f"written: {out}/user.json, {out}/user.svg")
    return 1 if any("mortise" in name or "native" in name for name in failed) else 0
