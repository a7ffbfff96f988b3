set -u
seq 1 1000 > n; seq 500 1500 > m
sum n; cksum n; md5sum n; sha1sum n; sha224sum n; sha256sum n; sha384sum n; sha512sum n; b2sum n
sort -R --random-source=n n | head -n 3; shuf --random-source=/bin/true -n 5 n
sort -n n m | uniq -d | wc -l; sort n > sn; sort m > sm; comm -12 sn sm | wc -l; join sn sm | tail -n 1
paste -d, n m | tail -n 2; cut -d, -f2 <<END
a,b,c
END
split -n 4 n s.; wc -c s.*; csplit -s n 100 '/500/' '{0}'; wc -l xx*
fmt -w 40 <<END
The quick brown fox jumps over the lazy dog and then rests in the shade of the old oak tree.
END
fold -w 7 <<END
abcdefghijklmnopqrstuvwxyz
END
nl -ba n | tail -n 1; tac n | head -n 1; tsort <<END
a b b c a d d c
END
ptx <<END
one two three
END
pr -3 -l 20 -t n | head -n 3; od -t d4 -N 32 n; od -t f8 -N 32 n; expand -t 4 <<END
	x	y
END
unexpand -a <<END
        z
END
factor 18446744073709551557 1234567890123456789 600851475143; numfmt --to=iec 123456789 1e15; numfmt --from=si 3.5M
expr 9223372036854775807 / 3; expr abcdef : 'abc\(.*\)'; expr index hello l; echo $((0x7fffffffffffffff % 1000))
printf '%s|%10.4f|%e|%g|%x|%o|%q\n' str 3.14159265 12345.678 0.0001 255 8 'a b'
seq -f %.3f 0 0.125 0.5; seq -w 8 11; seq 1e3 250 2e3
base32 n | md5sum; base64 -w 0 n | md5sum; basenc --z85 -w 0 m 2>/dev/null | md5sum; basename /x/y.c .c; dirname /x/y/z
mkdir -p d/e/f; cp n d/e; ln d/e/n d/e/hard; ln -s n d/e/soft; cp -a d d2; ls -R d2; stat -c '%h %s %F %N' d2/e/*
touch -d '2020-01-02 03:04:05 UTC' d/e/n; stat -c %Y d/e/n; date -u -r d/e/n +%F_%T; date -u -d '@2147483648' +%c
date -u -d '2024-02-28 +2 days' +%F; chmod 640 d/e/n; stat -c %a d/e/n; install -m 755 n d/inst; stat -c %A d/inst
truncate -s 1M sparse; stat -c %s sparse; dd if=/dev/zero of=z bs=4096 count=16 conv=notrunc 2>/dev/null; stat -c %s z
du -b --apparent-size z; mv z zz; rm -r d2; test -e d2 || echo gone; mkfifo fifo; (cat n > fifo &) ; wc -l < fifo
readlink -f d/e/soft | sed 's,.*/d/,d/,'; realpath --relative-to=d d/e/n; mktemp -u XXXX | wc -c; pathchk ok; pwd | sed 's,.*/,,'
env -i X=y env; printenv LC_ALL; nice -n 5 nice; nohup echo nohup 2>/dev/null; timeout 5 echo in time; timeout -s KILL 0.2 sleep 5; echo $?
tee t1 t2 < n | tail -n 1; cmp t1 t2 && echo same; head -c 20 n; echo; tail -c 20 n; tail -n +998 n; wc n
tr -d '[:digit:]' < n | wc -c; tr -s '\n0-9' ' a' < n | head -c 30; echo; yes yes | head -n 3; sleep 0.01; true; false; echo $?
id -u; nproc --all | sed 's/[0-9]*/some/'; uname -s; test 3 -lt 4 && echo less; [ abc = abc ] && echo equal; logname 2>/dev/null; tty
ls /nonexistent; cat d; mkdir d; rmdir d; echo $?
grep -c 7 n; grep -E '^(.)\1$' n; grep -P '^(?=.*3)(?=.*7)\d+$' n | wc -l; sed -E 's/(.)(.)/\2\1/; 5,$d' n
diff -u --label n --label m n m | md5sum; diff3 n n m | wc -l; find d -type f -size +1k | sort; find . -maxdepth 1 -newer n -name 't?' | sort
tar cf a.tar --mtime=@0 --sort=name d; tar tf a.tar; tar czf a.tgz d; mkdir x; tar xzf a.tgz -C x; diff -r d x/d && echo identical
awk 'BEGIN { for (i = 0; i < 50000; i++) a[i % 997] += sin(i) * i; for (k = 0; k < 5; k++) printf "%.9f\n", a[k] }'
echo 'x = 1; for (i = 1; i < 30; i++) x *= i; x' | bc 2>/dev/null || true
cat n | xargs -n 100 echo | cut -c1-20 | tail -n 2; stdbuf -oL echo buffered
