import array, asyncio, base64, bisect, bz2, collections, concurrent.futures, datetime, decimal, fractions, functools
import hashlib, heapq, hmac, itertools, json, lzma, math, multiprocessing, os, pickle, queue, random, re, select
import signal, socket, sqlite3, statistics, string, struct, subprocess, sys, tempfile, threading, zlib

print(sum(i * i for i in range(100000)), 2**521 - 1, math.factorial(100) % (10**9 + 7))
decimal.getcontext().prec = 60
print(decimal.Decimal(2).sqrt(), sum(fractions.Fraction(1, n) for n in range(1, 60)))
print([math.sin(1e5), math.exp(-20.5), math.gamma(7.5), math.erf(0.3), math.fsum([0.1] * 10), 1e308 * 10, math.atan2(-0.0, -1)])
rng = random.Random(42)
data = bytes(rng.randrange(256) for _ in range(20000)) + b"abc" * 20000
for name in sorted(hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}):
    print(name, hashlib.new(name, data).hexdigest()[:32])
for module in (zlib, bz2, lzma):
    packed = module.compress(data)
    print(module.__name__, len(packed), module.decompress(packed) == data)
print(hmac.new(b"k", data, "sha256").hexdigest(), hashlib.pbkdf2_hmac("sha256", b"p", b"s", 2000).hex(), zlib.crc32(data))
print(base64.b85encode(data[:40]), struct.unpack("<dIq", struct.pack("<dIq", 1.5, 7, -9)))
words = ["".join(rng.choices(string.ascii_lowercase, k=3)) for _ in range(20000)]
print(collections.Counter(words).most_common(5), len(set(words)), statistics.stdev(map(len, words)))
print(json.loads(json.dumps({"a": [1.5, None, True, "ü"], "b": {"c": 1e100}})), pickle.loads(pickle.dumps(words[:3])))
print(re.sub(r"(\w)(\w)", r"\2\1", "hello world"), re.findall(r"(?<=a)b+", "abbb cab"), re.fullmatch(r"(a|b)*c", "ab" * 500 + "c") is not None)
print(datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc).isoformat(), datetime.date(1, 1, 1).weekday())
heap = words[:1000]; heapq.heapify(heap); print([heapq.heappop(heap) for _ in range(3)], bisect.bisect(sorted(words), "mmm"))

counter, lock, q = 0, threading.Lock(), queue.Queue()
def work(n):
    global counter
    for i in range(2000):
        with lock:
            counter += 1
    q.put(n)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(counter, sorted(q.queue))
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(lambda x: x * x, range(1000))))
def square(x):
    return x * x
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(3) as pool:
        print(sum(pool.map(square, range(1000), 50)))

async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper()); await writer.drain()
    writer.close()
async def client(port, n):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for i in range(20):
        writer.write(b"line %d %d\n" % (n, i)); line = await reader.readline()
    writer.close(); return line
async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    results = await asyncio.gather(*(client(port, n) for n in range(10)))
    server.close()
    proc = await asyncio.create_subprocess_exec("echo", "async child", stdout=subprocess.PIPE)
    print(sorted(results)[:3], (await proc.communicate())[0])
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.05)
    except asyncio.TimeoutError:
        print("timeout")
asyncio.run(main())

db = sqlite3.connect(":memory:")
db.execute("create table t(a, b)"); db.executemany("insert into t values(?, ?)", [(w, i) for i, w in enumerate(words)])
print(db.execute("select a, count(*), sum(b) from t group by a order by 2 desc, 1 limit 3").fetchall())
hits = []
signal.signal(signal.SIGALRM, lambda *a: hits.append(1)); signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
while len(hits) < 5:
    math.sqrt(2)
signal.setitimer(signal.ITIMER_REAL, 0); print("alarms")
r, w = os.pipe(); pid = os.fork()
if not pid:
    os.write(w, b"from the child"); os._exit(5)
print(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(subprocess.run(["sh", "-c", "echo $A; exit 4"], env={"A": "b"}, capture_output=True))
print(subprocess.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]).returncode)
try:
    sys.setrecursionlimit(3000); (lambda f: f(f))(lambda f: f(f))
except RecursionError:
    print("recursion")
