use strict; use warnings; use POSIX qw(floor fmod strtol :sys_wait_h); use List::Util qw(sum reduce shuffle first);
use Time::HiRes qw(setitimer ITIMER_REAL); use Digest::MD5 qw(md5_hex); use Digest::SHA qw(sha256_hex sha512_base64);
use Data::Dumper; use Math::BigInt; use Encode; use Socket; use IO::Select; use IO::Handle;
$| = 1;
my %h; $h{$_ % 97} .= chr(65 + $_ % 26) for 1 .. 20000; print md5_hex(join ",", map { "$_=$h{$_}" } sort keys %h), "\n";
my $text = join " ", map { sprintf "w%d", $_ * 7919 % 1009 } 1 .. 5000; my %c; $c{$1}++ while $text =~ /(w\d+)/g;
print join(" ", (sort { $c{$b} <=> $c{$a} || $a cmp $b } keys %c)[0 .. 5]), "\n";
print "balanced: $&\n" if "x(a(b)c)(d)y" =~ /(\((?:[^()]++|(?1))*\))/; (my $t = "abc" x 3) =~ tr/a-c/A-C/; print "$t\n";
print Math::BigInt->new(2)->bpow(300), "\n", Math::BigInt->new(50)->bfac, "\n";
printf "%.15g %.15g %.15g %.15g\n", sin(1e6), exp(-3.5), sqrt(2), atan2(1, -1); printf "%s\n", join ",", unpack("C*", pack("d>nNvVq", 1.5, 1, 2, 3, 4, -5));
print sha256_hex("x" x 100000), " ", sha512_base64("y"), "\n"; print length(encode("UTF-8", "\x{1F600}" x 10)), "\n";
local $Data::Dumper::Sortkeys = 1; local $Data::Dumper::Indent = 1; print Dumper({ a => [1, { b => undef }], c => \"s" });
my @kids = map { my $n = $_; my $p = fork // die; if (!$p) { exit $n } $p } 1 .. 8; my %st; for (@kids) { waitpid $_, 0; $st{$? >> 8}++ } print join(",", sort keys %st), "\n";
socketpair(my $x, my $y, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die; if (!fork) { close $x; $y->autoflush(1); while (<$y>) { print $y uc } exit } close $y; $x->autoflush(1); print $x "ping $_\n" and print scalar <$x> for 1 .. 3; close $x; wait;
my $alarms = 0; $SIG{ALRM} = sub { $alarms++ }; setitimer(ITIMER_REAL, 0.005, 0.005); my $z = 0; while ($alarms < 5) { $z++ } setitimer(ITIMER_REAL, 0); print "alarms ok\n";
$SIG{USR1} = sub { die "thrown\n" }; eval { kill USR1 => $$; 1 for 1 .. 1e6; }; print "caught $@";
print "child: ", `echo from sh; exit 3`, $? >> 8, "\n"; open my $pipe, "-|", "seq 1 1000" or die; my $s = 0; $s += $_ while <$pipe>; close $pipe; print "$s\n";
my @s = sort { $a <=> $b } map { ($_ * 1103515245 + 12345) % 2147483648 } 1 .. 30000; print "$s[0] $s[15000] $s[-1]\n";
sub ack { my ($m, $n) = @_; no warnings 'recursion'; $m == 0 ? $n + 1 : $n == 0 ? ack($m - 1, 1) : ack($m - 1, ack($m, $n - 1)) } print ack(2, 60), "\n";
my $i = 0; my $acc = 0; while ($i < 300000) { $acc = ($acc * 31 + $i++) % 1000003 } print "$acc\n"; print eval { 1 / 0 } // $@ =~ s/ at .*//rs, "\n";
if ($Config::Config{useithreads} // do { require Config; $Config::Config{useithreads} }) { require threads; require threads::shared; my $shared = threads::shared::share(my $v); my @t = map { threads->create(sub { for (1 .. 500) { lock $v; $v++ } $_[0] * 2 }, $_) } 1 .. 4; print join(",", map { $_->join } @t), " $v\n" }
my @primes = grep { my $n = $_; $n > 1 and !first { $n % $_ == 0 } 2 .. sqrt $n } 1 .. 2000; print scalar(@primes), " $primes[-1]\n"; format STDOUT =
@<<<<< @>>>>> @##.##
"left", "right", 3.14159
.
write; print strtol("777", 8), " ", floor(-3.5), " ", fmod(7, 3), "\n"; print scalar(localtime(0)), "\n"; system "kill -SEGV \$\$"; print $? & 127, "\n";
