"""Shells and small tools by scripts: busybox, coreutils, bash, dash."""

from harness import case


@case("busybox", needs=["busybox"], short=True)
def busybox(run):
    """the applets of a static busybox, from its own shell"""
    run.script(["busybox", "sh"], "busybox.sh")


@case("coreutils", short=True)
def coreutils(run):
    """most programs of coreutils, and find, grep, diff, tar"""
    run.script("sh", "coreutils.sh")


@case("bash", short=True)
def bash(run):
    """expansion, arrays, traps, job control, coprocesses, substitution"""
    run.script("bash", "language.bash")


@case("dash-jobs")
def dash_jobs(run):
    """background jobs, wait, traps and pipes in dash"""
    run.script("dash", "jobs.sh")
