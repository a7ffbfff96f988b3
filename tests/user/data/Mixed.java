import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

/** Threads, collections, exceptions and hot loops; prints the same everywhere. */
public class Mixed {
    interface Shape { double area(); }
    record Square(double a) implements Shape { public double area() { return a * a; } }
    record Circle(double r) implements Shape { public double area() { return Math.PI * r * r; } }

    static int sieve(int n) {
        boolean[] marks = new boolean[n + 1];
        int count = 0;
        for (int i = 2; i <= n; i++) {
            if (marks[i]) continue;
            count++;
            for (long j = (long) i * i; j <= n; j += i) marks[(int) j] = true;
        }
        return count;
    }

    static int depth(int n) { return 1 + depth(n + 1); }

    static int counter;
    static synchronized void bump() { counter++; }

    public static void main(String[] args) throws Exception {
        System.out.println(sieve(2_000_000));
        double total = 0;
        for (int i = 0; i < 300_000; i++) {
            Shape s = i % 2 == 0 ? new Square(i) : new Circle(i);
            total += s.area();
        }
        System.out.println(total);
        Map<String, Integer> words = new TreeMap<>();
        for (int i = 0; i < 100_000; i++) words.merge("w" + (i * 7919L % 3001), i % 10, Integer::sum);
        System.out.println(words.size() + " " + words.get("w77"));
        System.out.println(IntStream.range(0, 100_000).parallel().mapToLong(x -> (long) x * x).sum());
        System.out.println(Stream.of("c", "a", "b").sorted().collect(Collectors.joining(",")));
        int nulls = 0;
        for (int i = 0; i < 50_000; i++) {
            try {
                Object o = i % 2 == 0 ? null : "x";
                nulls += o.hashCode() & 1;
            } catch (NullPointerException e) {
                nulls += 2;
            }
        }
        try {
            System.out.println(1 / (nulls - nulls));
        } catch (ArithmeticException e) {
            System.out.println(nulls + " " + e.getMessage());
        }
        try {
            depth(0);
        } catch (StackOverflowError e) {
            System.out.println("overflow");
        }
        ExecutorService pool = Executors.newFixedThreadPool(4);
        AtomicLong sum = new AtomicLong();
        List<Future<Integer>> futures = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
            int id = t;
            futures.add(pool.submit(() -> {
                for (int i = 0; i < 20_000; i++) {
                    sum.addAndGet(i);
                    bump();
                }
                return id * id;
            }));
        }
        int squares = 0;
        for (Future<Integer> f : futures) squares += f.get();
        pool.shutdown();
        System.out.println(sum.get() + " " + counter + " " + squares);
        byte[] digest = MessageDigest.getInstance("SHA-256").digest("mortise".repeat(10_000).getBytes());
        System.out.println(HexFormat.of().formatHex(digest));
        StringBuilder garbage = new StringBuilder();
        for (int i = 0; i < 200; i++) {
            byte[][] blocks = new byte[100][];
            for (int j = 0; j < 100; j++) blocks[j] = new byte[10_000];
            garbage.append(blocks[i % 100].length % 7);
        }
        System.out.println(garbage.length() + " " + new java.math.BigInteger("2").pow(200));
        Thread sleeper = new Thread(() -> {
            try {
                Thread.sleep(60_000);
            } catch (InterruptedException e) {
                System.out.println("interrupted");
            }
        });
        sleeper.start();
        sleeper.interrupt();
        sleeper.join();
        Process child = new ProcessBuilder("sh", "-c", "echo child; exit 3").redirectErrorStream(true).start();
        System.out.print(new String(child.getInputStream().readAllBytes()));
        System.out.println(child.waitFor());
    }
}
