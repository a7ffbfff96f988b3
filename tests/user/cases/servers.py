"""Servers under load on loopback. Rates are not compared, contents are."""

import re
import signal
import subprocess

from harness import Failure, case, free_port, text_end, wait_for_port

REDIS = "/usr/bin/redis-check-rdb"  # Debian's server, checker and benchmark are one binary


@case("redis", needs=[REDIS, "redis-benchmark"], timeout=300)
def redis(run):
    """redis-server under redis-benchmark, with a snapshot and a restart"""
    port = free_port()
    server_path = run.dir / "redis-server"
    server_path.symlink_to(REDIS)
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", run.dir, "--io-threads", 2]

    def start():
        process = run.start("./redis-server", *options, stdout=open(run.dir / "log", "ab"), stderr=subprocess.STDOUT)
        wait_for_port(port, process)
        return process

    def cli(*words):
        run.run("redis-cli", "-p", port, *words)

    server = start()
    run.note((run.dir / "log").read_text())
    tests = "set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset"
    code, out = run.output(
        "redis-benchmark", "-p", port, "-n", 5000, "-c", 20, "-P", 4, "-r", 1000, "-t", tests, "-q", "--csv", "--threads", 2
    )
    run.report(f"benchmark {code}\n")
    run.report("\n".join(sorted(line.split(",")[0] for line in out.decode().splitlines())))
    cli("flushall")
    run.run("redis-cli", "-p", port, input=b"".join(b"set key:%d value-%d\nincrby sum %d\nzadd z %d m%d\n" % (i, i, i, i * 7 % 101, i) for i in range(500)))
    cli("eval", "local s = 0 for i = 1, 100000 do s = (s * 31 + i) % 1000003 end return s", "0")
    for words in [["dbsize"], ["get", "sum"], ["zrange", "z", "0", "5", "withscores"], ["save"]]:
        cli(*words)
    run.output("redis-cli", "-p", port, "bgsave")
    code, out = run.output("redis-cli", "-p", port, "debug", "digest")
    run.run("redis-cli", "-p", port, "shutdown", "save")
    run.report(f"server {server.wait(60)}\n")
    server = start()
    for words in [["dbsize"], ["get", "sum"], ["get", "key:499"]]:
        cli(*words)
    server.send_signal(signal.SIGTERM)
    run.report(f"server {server.wait(60)}\n")


NGINX_CONF = """
worker_processes 2;
pid {dir}/nginx.pid;
error_log {dir}/error.log notice;
{user}
events {{ worker_connections 256; }}
http {{
    access_log {dir}/access.log;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    gzip on; gzip_min_length 100; gzip_types text/plain;
    server {{
        listen 127.0.0.1:{port};
        root {dir}/www;
        default_type text/plain;
        location /again/ {{ proxy_pass http://127.0.0.1:{port}/; }}
        location /gone {{ return 410 "gone\\n"; }}
    }}
}}
"""


@case("nginx", needs=["nginx", "ab"], timeout=300)
def nginx(run):
    """nginx with two workers under ab: plain, keep-alive, proxied, gzip"""
    import os

    port = free_port()
    (run.dir / "www").mkdir()
    (run.dir / "www/small.txt").write_text("hello\n" * 50)
    (run.dir / "www/large.bin").write_bytes(bytes(range(256)) * 4096)
    user = "user root;" if os.geteuid() == 0 else ""
    (run.dir / "nginx.conf").write_text(NGINX_CONF.format(dir=run.dir, port=port, user=user))
    run.output("nginx", "-t", "-c", run.dir / "nginx.conf", "-p", run.dir, status=0)
    log = open(run.dir / "stderr", "wb")
    server = run.start(
        "nginx", "-c", run.dir / "nginx.conf", "-p", run.dir, "-g", "daemon off;", stdout=log, stderr=subprocess.STDOUT
    )
    wait_for_port(port, server)
    url = f"http://127.0.0.1:{port}"
    for options, path, count in [
        (["-k"], "/small.txt", 4000),
        ([], "/small.txt", 600),
        (["-k", "-H", "Accept-Encoding: gzip"], "/small.txt", 1500),
        (["-k"], "/large.bin", 100),
        ([], "/again/small.txt", 300),
    ]:
        code, out = run.output("ab", "-q", "-n", count, "-c", 10, *options, url + path)
        kept = re.findall(rb"^(Complete requests|Failed requests|Non-2xx responses|Document Length).*", out, re.M)
        lines = [line for line in out.decode().splitlines() if line.split(":")[0].encode() in kept]
        run.report(f"{path} {options} {code}\n" + "\n".join(lines) + "\n")
        if code:
            raise Failure(f"ab: status {code}\n{text_end(out)}")
    fetch = (
        "import hashlib, sys, urllib.request, urllib.error\n"
        "for path in sys.argv[2:]:\n"
        "    try: r = urllib.request.urlopen(sys.argv[1] + path); print(path, r.status, hashlib.sha256(r.read()).hexdigest())\n"
        "    except urllib.error.HTTPError as e: print(path, e.code, len(e.read()))\n"
    )
    run.run("python3", "-c", fetch, url, "/small.txt", "/large.bin", "/again/large.bin", "/gone", "/missing")
    server.send_signal(signal.SIGHUP)
    run.run("python3", "-c", fetch, url, "/small.txt")
    server.send_signal(signal.SIGQUIT)
    run.report(f"server {server.wait(60)}\n")
    run.note((run.dir / "error.log").read_text())
