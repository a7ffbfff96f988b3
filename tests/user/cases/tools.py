"""sqlite3, openssl, compressors, git and other single programs."""

import re

from harness import case


def noise(size):
    """Bytes that compress to about a half, the same every time."""
    state, out = 12345, bytearray()
    while len(out) < size:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out += (state >> 33).to_bytes(4, "little") + b"some text %d\n" % (state >> 58)
    return bytes(out[:size])


@case("sqlite3", needs=["sqlite3"], short=True)
def sqlite3(run):
    """sqlite3: a large script of joins, windows, JSON, FTS and triggers"""
    run.run("sqlite3", "test.db", input=run.data("large.sql").read_bytes())
    run.run("sqlite3", "test.db", "pragma integrity_check; select count(*) from orders; .dump items")


CIPHER_SCRIPT = """
openssl enc -list | tail -n +2 | tr -s ' ' '\\n' | grep ^- | grep -v -e wrap | awk "NR % $1 == 0" | while read -r c; do
    openssl enc $c -pbkdf2 -iter 10 -k password -S 0123456789abcdef -in plain -out sealed 2>/dev/null
    echo "$c $? $(openssl dgst -sha256 -r < sealed)"
    openssl enc -d $c -pbkdf2 -iter 10 -k password -S 0123456789abcdef -in sealed -out opened 2>/dev/null
    cmp plain opened && echo same
    rm -f sealed opened
done
"""


def ciphers(run, step):
    (run.dir / "plain").write_bytes(noise(100_000))
    run.run("sh", "-c", CIPHER_SCRIPT, "sh", str(step))


@case("openssl-ciphers-some", needs=["openssl"], short=True)
def openssl_some(run):
    """openssl enc: a tenth of the ciphers, there and back"""
    ciphers(run, 10)


@case("openssl-ciphers", needs=["openssl"], timeout=300)
def openssl_all(run):
    """openssl enc: every cipher it lists, there and back"""
    ciphers(run, 1)


@case("openssl-keys", needs=["openssl"], short=True)
def openssl_keys(run):
    """openssl: digests, RSA, EC and Ed25519 signatures, a certificate"""
    (run.dir / "plain").write_bytes(noise(300_000))
    for digest in ["md5", "sha1", "sha256", "sha512", "sha3-256", "blake2b512", "sm3", "ripemd160", "shake128"]:
        run.run("openssl", "dgst", "-" + digest, *(["-xoflen", "32"] if digest == "shake128" else []), "plain")
    run.run("openssl", "dgst", "-sha256", "-hmac", "key", "plain")
    for kind in [["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["ED25519"]]:
        run.output("openssl", "genpkey", "-algorithm", *kind, "-out", "key", status=0)
        run.output("openssl", "pkey", "-in", "key", "-pubout", "-out", "pub", status=0)
        (run.dir / "short").write_bytes(b"message")
        run.output("openssl", "pkeyutl", "-sign", "-inkey", "key", "-rawin", "-in", "short", "-out", "sig", status=0)
        run.run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pub", "-rawin", "-in", "short", "-sigfile", "sig")
    run.output("openssl", "req", "-x509", "-key", "key", "-subj", "/CN=test", "-days", "1", "-out", "cert", status=0)
    run.run("openssl", "verify", "-CAfile", "cert", "cert")
    run.run("openssl", "prime", "170141183460469231731687303715884105727")


@case("openssl-speed", needs=["openssl"], timeout=300)
def openssl_speed(run):
    """openssl speed runs all its common algorithms to the end"""
    for name in ["md5", "sha1", "sha256", "sha512", "aes-128-cbc", "aes-256-gcm", "chacha20-poly1305", "aes-128-xts"]:
        code, out = run.output("openssl", "speed", "-seconds", "1", "-bytes", "8192", "-evp", name)
        run.report(f"{name} {code} {len(re.findall(rb'k$', out, re.M)) > 0}\n")
    for name in ["rsa2048", "ecdsap256", "ed25519", "ecdhx25519"]:
        code, out = run.output("openssl", "speed", "-seconds", "1", name)
        run.report(f"{name} {code}\n")


@case("compression", needs=["xz", "zstd", "gzip", "bzip2"], short=True)
def compression(run):
    """gzip, bzip2, xz and zstd compress to the same bytes and back"""
    (run.dir / "plain").write_bytes(noise(1_500_000))
    for packer in [["gzip", "-n"], ["bzip2"], ["xz", "-3"], ["xz", "-T2", "-1"], ["zstd", "-q", "-6"], ["zstd", "-q", "-T2"]]:
        packed = run.output(*packer, "-c", "plain", status=0)[1]
        run.report(f"{packer} {len(packed)}\n")
        (run.dir / "packed").write_bytes(packed)
        run.run("sha256sum", "packed")
        run.run("sh", "-c", f"{packer[0]} -dc < packed | cmp - plain && echo same")


@case("git", needs=["git"], short=True, timeout=180)
def git(run):
    """git: commits, branches, merge, clone, log, gc, fsck, bisect"""
    run.env |= {
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.org", "GIT_COMMITTER_DATE": "1700000000 +0000",
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat",
    }  # fmt: skip
    run.script("sh", "git.sh")
