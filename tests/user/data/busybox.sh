# Run by "busybox sh": every applet here is busybox's own.
b() { busybox "$@"; }
set -u
b seq 1 500 > numbers
b awk '{ s += $1; q += $1 * $1 } END { printf "%d %d %.3f\n", s, q, s / NR }' numbers
b sed -n -e '10,20{s/\(.\)\(.\)/\2\1/;p}' numbers
b sort -rn numbers | b head -n 5
b sort numbers | b tail -n 5
b tr 0-9 a-j < numbers | b md5sum
b sha1sum numbers; b sha256sum numbers; b sha512sum numbers; b sha3sum numbers; b cksum numbers
b gzip -c numbers | b gunzip -c | b cmp - numbers && echo gzip round trip
b bzip2 -c numbers | b bunzip2 -c | b cmp - numbers && echo bzip2 round trip
b mkdir -p tree/a/b tree/c; b cp numbers tree/a/b/; b ln -s ../a/b/numbers tree/c/link
b tar cf - tree | b tar tf - | b sort
b find tree -type f -name 'num*' -exec busybox wc -l {} \;
b find tree -type l | b xargs busybox readlink
b uuencode -m numbers < numbers | b uudecode -o - | b cmp - numbers && echo uuencode round trip
b base64 numbers | b base64 -d | b cmp - numbers && echo base64 round trip
b od -A d -t x1 numbers | b head -n 3
b hexdump -C numbers | b head -n 3
b xxd numbers | b tail -n 2
printf '1\n2\n4\n' > one; printf '1\n3\n4\n' > two
b diff one two; b diff -u one two > change.patch; b sed -i 1,2d change.patch
b comm one two; b uniq -c one; b paste one two; b cut -c1 one; b fold -w 1 one; b nl one; b tac one; b rev one
echo '2 3 * 4 + p' | b dc
echo 'scale=20; e(1); 2^100' | b bc -l
b expr 17 \* 3 + 4; b factor 360360; b printf '%05d|%-6s|%x\n' 42 abc 255
b test -d tree && echo directory; b stat -c '%s %F' numbers; b basename /a/b.c .c; b dirname /a/b
b dd if=numbers bs=100 count=3 2>/dev/null | b wc -c
b split -l 200 numbers part.; b wc -l part.*
b tee copy < one; b cmp one copy; b rm copy; b ls
b cpio -o -H newc < /dev/null 2>/dev/null | b wc -c
b expand < one | b unexpand; b head -c 3 numbers; echo; b strings numbers | b head -n 1
b date -u -d '2001-09-09 01:46:40' +%s; b cal 2 2024
b grep -c '^1' numbers; b egrep '^(1|2)5$' numbers; b fgrep 77 numbers
b env -i A=1 busybox env; b id -u; b sleep 0; b true; echo $?; b false; echo $?
b timeout 5 busybox echo in time; b nice busybox echo nice; b nohup busybox echo nohup 2>/dev/null

fib() { if [ $1 -lt 2 ]; then echo $1; else echo $(( $(fib $(($1 - 1))) + $(fib $(($1 - 2))) )); fi; }
fib 9
i=0; sum=0
while [ $i -lt 20000 ]; do sum=$(( (sum * 31 + i) % 1000003 )); i=$((i + 1)); done; echo $sum
trap 'echo usr1' USR1; kill -USR1 $$
trap 'echo leaving' EXIT
(exit 3); echo $?
cat <<END
here $((1 << 40)) $(echo nested $(echo deeper))
END
case abc in a*) echo matched;; *) echo no;; esac
x=path/to/file.tar.gz; echo ${x##*/} ${x%.*} ${x%%.*} ${#x}
b sh -c 'sleep 10 & pid=$!; kill $pid; wait $pid; echo $?'
