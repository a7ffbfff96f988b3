"""Programs with a JIT compiler inside: node and a JVM."""

import glob

from harness import case


@case("node", needs=["node"], timeout=300)
def node(run):
    """node: a compute script that V8 optimises, workers, children, streams"""
    run.script("node", "compute.mjs")


@case("node-hello", needs=["node"], short=True)
def node_hello(run):
    """node starts, runs a hot loop and ends"""
    run.run("node", "-e", "let s = 0; for (let i = 0; i < 3e6; i++) s = (s * 31 + i) % 1000003; console.log(s)")


@case("java-version", needs=["java"], timeout=300)
def java_version(run):
    """java -version"""
    run.run("java", "-version")


@case("java", needs=["java", "javac"], timeout=600)
def java(run):
    """a compiled class: threads, collections, exceptions, streams, JIT"""
    run.data("Mixed.java")
    run.native("javac", "Mixed.java")
    run.run("java", "-Xmx256m", "Mixed")
    run.run("java", "-Xint", "-Xmx256m", "-XX:+UseSerialGC", "Mixed")


@case("javac", needs=["java", "javac"], timeout=600)
def javac(run):
    """javac compiles to the same bytes"""
    run.data("Mixed.java")
    run.run("javac", "Mixed.java")
    run.run("sh", "-c", "sha256sum *.class")
    assert glob.glob(str(run.dir / "*.class"))
