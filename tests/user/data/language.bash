shopt -s extglob
declare -A map; for i in {1..200}; do map[k$i]=$((i * i)); done
sum=0; for k in "${!map[@]}"; do ((sum += map[$k])); done; echo "$sum ${#map[@]}"
a=(one two "three four" five); echo "${#a[@]} ${a[2]} ${a[@]:1:2} ${a[-1]} ${!a[*]}"; a+=(six); unset 'a[0]'; echo "${a[@]}"
s="The quick brown fox"; echo "${s^^} ${s,,} ${s//o/0} ${s#* } ${s##* } ${s:4:5} ${s/quick/slow} ${#s}"
echo $((2**62 - 1 + 2**62)) $((16#ff)) $((07 + 010)) $((5 > 3 ? 10 : 20)) $((-7 / 2)) $((-7 % 3)) $((1 << 63))
printf '%(%Y-%m-%d)T %s %05.2f %q %b\n' 86400 str 3.14159 "a'b c" 'tab\there'
fact() { if (($1 < 2)); then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }; fact 15
fib() { if (($1 < 2)); then REPLY=$1; return; fi; local n=$1 r; fib $((n - 1)); r=$REPLY; fib $((n - 2)); ((REPLY += r)); }; fib 17; echo $REPLY
while read -r x y; do echo "$y-$x"; done < <(printf '1 a\n2 b\n3 c\n')
diff <(seq 5) <(seq 2 6); mapfile -t lines < <(seq 1000); echo "${#lines[@]} ${lines[999]}"
[[ "foo123bar" =~ ([a-z]+)([0-9]+)(.*) ]] && echo "${BASH_REMATCH[@]}"
case file.tar.gz in *.@(tar.gz|tgz)) echo archive ;; esac
trap 'echo got usr1' USR1; kill -USR1 $BASHPID; trap 'echo got usr2 from child' USR2
(kill -USR2 $$); wait; sleep 0.05
trap 'echo err at status $?' ERR; false; trap - ERR
(trap 'echo sub exit' EXIT; exit 7); echo "status $?"
set -o pipefail; true | false | true; echo "pipe ${PIPESTATUS[*]}"; set +o pipefail
coproc UPPER { while read -r l; do echo "${l^^}"; done; }; echo hello >&"${UPPER[1]}"; read -r reply <&"${UPPER[0]}"; echo "$reply"
exec {UPPER[1]}>&-; wait
for i in 1 2 3 4 5 6 7 8; do (exit $i) & pids[i]=$!; done; for i in "${!pids[@]}"; do wait "${pids[i]}"; echo -n "$? "; done; echo
sleep 100 & p=$!; kill -STOP $p; kill -CONT $p; kill $p; wait $p; echo "killed $?"
echo {a..e}{1..3}; echo ~root; echo "$(< /proc/sys/kernel/ostype)"; x=5 bash -c 'echo "child $x $0"'
IFS=: read -r a b c <<< "x:y:z"; echo "$a$b$c"; echo "${undefined:-default} ${s:+set}"
eval 'for w in evaluated twice; do echo $w; done'; select_fn() { local -n ref=$1; ref=changed; }; v=1; select_fn v; echo $v
i=0; total=0; while ((i < 30000)); do ((total = (total * 33 + i) & 0xffffff, i++)); done; echo $total
yes | head -n 20000 | while read -r l; do ((c++)); [[ $c == 20000 ]] && echo $c; done
cat <<-'END' | tr a-z A-Z
	here document $not_expanded
	END
exec 2>/dev/null; ulimit -c 0; bash -c 'kill -SEGV $$'; echo "segv $?"; (ulimit -t 1; while :; do :; done) 2>/dev/null; echo "cpu limit $?"
time_format='%0R'; TIMEFORMAT=; time true; type -t echo; hash -r; command -v ls; help : | head -n 1; history | wc -l
set -e; (false || echo survived); ! false; echo end
