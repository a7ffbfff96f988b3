n=0
for i in $(seq 60); do (exit $((i % 7))) & done
wait; echo all done
for i in $(seq 20); do
    sleep 5 & p=$!; kill -TERM $p; wait $p; echo "$i $?"
done
trap 'n=$((n + 1))' USR1
(for i in 1 2 3 4 5; do kill -USR1 $$; sleep 0.1; done) &
wait $!; while kill -0 $! 2>/dev/null; do wait $!; done
echo "signals $n"
trap 'echo int; exit 9' INT
kill -INT $$
echo not reached
