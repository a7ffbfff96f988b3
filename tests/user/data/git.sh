exec 2>&1
git init -q -b main repo; cd repo || exit 1
for i in $(seq 30); do
    seq $i $((i * 20)) > "file$((i % 7))"; mkdir -p "dir$((i % 3))"; echo "line $i" >> "dir$((i % 3))/log"
    git add . && git commit -q -m "change $i"
done
git checkout -q -b side HEAD~10; echo side > side; git add side; git commit -q -m side
git checkout -q main; git merge -q -m merge side; git tag -a -m 'a tag' v1
git log --oneline --graph | head -n 20; git log --stat -n 2; git diff HEAD~5 --shortstat; git blame -s dir1/log | tail -n 3
git rev-parse HEAD; git cat-file -p HEAD; git ls-tree -r HEAD | sha256sum; git status -s
cd ..; git clone -q repo copy; git clone -q --bare "file://$PWD/repo" bare.git; git -C bare.git rev-parse main
cd copy; git rev-list --count HEAD; git fsck --full --strict --no-progress; git gc -q; git fsck --full --no-progress; git count-objects -v | grep -e packs -e in-pack
git archive HEAD | tar tf - | wc -l; git format-patch -q -3; ls -- *.patch; git reset -q --hard HEAD~3; git am -q --keep-cr ./*.patch; git log --oneline | head -n 3
echo changed >> side; git stash -q; git stash pop -q; git diff; git checkout -q .; git rebase -q HEAD~2; git grep -c 'line 7'
git bisect start -q HEAD HEAD~12; git bisect run sh -c '! grep -q "line 27" dir0/log' | tail -n 12 | grep -v '^Bisecting'; git bisect reset -q
git push -q ../bare.git HEAD:refs/heads/pushed; git -C ../bare.git branch; git shortlog -s HEAD
