BEGIN {
    n = 40
    for (i = 0; i < n; i++) for (j = 0; j < n; j++) { a[i, j] = (i * j) % 7 + 0.5; b[i, j] = (i + j) % 5 - 1.25 }
    for (i = 0; i < n; i++) for (j = 0; j < n; j++) { s = 0; for (k = 0; k < n; k++) s += a[i, k] * b[k, j]; c[i, j] = s }
    for (i = 0; i < n; i += 9) printf "%.6f %e %g\n", c[i, i], c[i, 0], c[0, i]
    while (("seq 1 100" | getline line) > 0) total += line
    close("seq 1 100"); print total
    srand(1); for (i = 0; i < 1000; i++) words[substr("abcdefghij", i % 10 + 1, 3)]++
    m = 0; for (w in words) m += words[w]; print m, length(words)
    s = "the cat sat on the mat"; gsub(/[aeiou]/, "<&>", s); print s, index(s, "m"), match(s, /s<.>t/), RSTART, RLENGTH
    print exp(1), log(10), sqrt(2), sin(1), cos(1), atan2(0, -1), int(-3.7), 2 ^ 0.5, 1e300 * 1e10, log(-1)
    print toupper("mixed Case"), sprintf("%c%c %5.2f|%-5d|%05d", 72, "i", 3.14159, 42, 42)
    print "out" | "cat 1>&2"; close("cat 1>&2"); exit 3
}
