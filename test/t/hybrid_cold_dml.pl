# Cold rows behave as heap rows do.  Each file of test/cold, isolation specs and SQL scripts, is run on heap
# tables and on omendb tables whose rows are cold, and has to give the same output: rows, waits, errors.
#
# OMENDB_COLD_TESTS='fk_triple merge' (or 'all') runs these, whether they are listed below or not.
# Then each spec once more with hot rows and a freezer that comes between any two steps: what was hot a moment ago is cold in the next one, and
# nobody is to notice.  Nor is anybody that all row groups there are move to other places in the file.  OMENDB_COLD_FREEZE=no leaves that out, OMENDB_COLD_FREEZE=only runs nothing else.
#
# Besides, six specs drawn by test/fuzz/cold_specs.pl; OMENDB_COLD_FUZZ='SEED COUNT' runs so many of another seed, and nothing else.
# OMENDB_COLD_HOT=1 keeps the rows of the omendb tables hot; OMENDB_COLD_AM=heap compares heap with itself.
use strict;
use warnings;

use File::Basename qw(basename dirname);
use IPC::Run ();
use OmendbTest;
use PostgreSQL::Test::Utils;
use Test::More;

# What runs on cold rows already.
my @ready = qw(
	alex_index constraints current_of cursors ddl deadlock deferred epq first_touch fk fk_triple locks
	merge movement multixact nowait old_snapshot partitions prepared reads reuse rewritten ri_snapshot
	serializable subtransaction trigger triggers unlogged upsert upsert_merge writers
);

my $isolationtester = dirname($ENV{PG_REGRESS} // '') . '/../isolation/isolationtester';
plan skip_all => 'there is no isolationtester' unless -x $isolationtester;

my $setup = 'test/cold/setup.sql';
my ($seed, $count) = split ' ', $ENV{OMENDB_COLD_FUZZ} // '1 6';
my $drawn = PostgreSQL::Test::Utils::tempdir();
system_or_bail('perl', 'test/fuzz/cold_specs.pl', $seed, $count, $drawn);
my %files = map { basename($_) =~ /^(\w+)\.(?:spec|sql)$/ ? ($1 => $_) : () } glob("test/cold/* $drawn/*");
delete $files{setup};
push @ready, sort grep { /^fuzz_/ } keys %files;
@ready = grep { /^fuzz_/ } @ready if $ENV{OMENDB_COLD_FUZZ};
my $wanted = $ENV{OMENDB_COLD_TESTS} // '';
my @tests = $wanted eq 'all' ? sort keys %files : $wanted ? split(' ', $wanted) : @ready;
$files{$_} or BAIL_OUT("there is no file $_ in test/cold") for @tests;
plan skip_all => 'no file of test/cold is listed' unless @tests;

# The spec with a session more, and its step behind each step of each permutation.
sub with_freezer
{
	my ($name) = @_;
	my $spec = slurp_file($files{$name});

	return unless $spec =~ /^permutation/m;
	# it compares TIDs, and freezing changes them
	return if $name eq 'rewritten';
	$spec =~ s/^permutation(.*)/"permutation freeze" . freeze_between($1)/gme;
	# sessions end where the permutations begin
	$spec =~ s/^(?=permutation)/session freezer\nsetup\t{ SET omendb.row_group_rows = 16; SET omendb.move_all = on; }\nstep freeze\t{ CALL freeze_all(); }\n\n/m;
	open(my $f, '>', "$drawn/${name}_frozen.spec") or die "${name}_frozen.spec: $!";
	print $f $spec;
	close $f or die "${name}_frozen.spec: $!";
	$files{"${name}_frozen"} = "$drawn/${name}_frozen.spec";
	return "${name}_frozen";
}

# step names of a permutation, each with what stands in parentheses behind it
sub freeze_between
{
	my ($steps) = @_;

	$steps =~ s/\s*#.*//;
	# behind a step marked "(*)" has to come the one that it waits for
	$steps =~ s/(\w+(?:\s*\([^)]*\))?)/my $step = $1; $step =~ m{\(\*\)} ? $step : "$step freeze"/ge;
	return $steps;
}

my $freeze = $ENV{OMENDB_COLD_FREEZE} // 'yes';
my @frozen = $freeze eq 'no' ? () : grep { defined } map { with_freezer($_) } grep { $files{$_} =~ /\.spec$/ } @tests;
@tests = () if $freeze eq 'only';

my $logs = "$PostgreSQL::Test::Utils::log_path/hybrid_cold_dml";
my $seconds_max = 120;		# for a file

# A server of its own for each side, since names of roles and prepared transactions are a server's.
sub start_server
{
	my ($side, $mode, $access_method, $settings) = @_;
	my $node = new_node("hybrid_cold_dml_$side", $mode);

	$node->append_conf('postgresql.conf', <<"CONF");
max_prepared_transactions = 10
shared_buffers = 32MB
omendb.row_group_rows = 16
$settings
CONF
	$node->append_conf('postgresql.conf', 'omendb.load_row_groups = off') if $ENV{OMENDB_COLD_HOT};
	$node->start;
	$node->safe_psql('postgres', join(';', 'CREATE EXTENSION omendb', slurp_file($setup), map { "CREATE SCHEMA $_" } @tests, @frozen));
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET default_table_access_method = $access_method");
	return $node;
}

# Files, one after the other: the script of a shell.  Output goes to files.
sub script
{
	my ($side, $node, @which) = @_;
	my $connection = $node->connstr('postgres');
	my $script = '';

	for my $test (@which)
	{
		my $program = $files{$test} =~ /\.spec$/ ? "'$isolationtester' '$connection' <$files{$test}" : "psql -Xa -d '$connection' -f $files{$test}";
		my $hot = $test =~ /_frozen$/ ? ' -c omendb.load_row_groups=off -c log_min_messages=debug1' : '';

		$script .= "PGOPTIONS='-c search_path=$test,public$hot' PGISOLATIONTIMEOUT=20 timeout $seconds_max $program >'$logs/$test.$side' 2>&1\n";
	}
	return $script;
}

# What tells a place in the file may differ, and nothing else.
sub text_of
{
	my ($file) = @_;
	my $text = slurp_file($file);

	$text =~ s/\btuple \(\d+,\d+\)/tuple (place)/g;
	open(my $f, '>', $file) or die "$file: $!";
	print $f $text;
	close $f or die "$file: $!";
	return $text;
}

mkdir $logs;
my $access_method = $ENV{OMENDB_COLD_AM} // 'omendb';
my @modes = modes();
my %nodes = (heap => start_server('heap', $modes[0], 'heap', ''));
for my $mode (@modes)
{
	# the second mode reads through indexes, so that rows are met in another way
	$nodes{$mode} = start_server($mode, $mode, $access_method, $mode eq $modes[0] ? '' : "enable_seqscan = off\nenable_bitmapscan = off");
}

sub run_all
{
	my (@which) = @_;
	my @running = map { IPC::Run::start([ 'sh', '-c', script($_, $nodes{$_}, @which) ], '<', \'') } sort keys %nodes;

	IPC::Run::finish($_) for @running;
	return;
}

run_all(@tests, @frozen);
for my $test (@tests, @frozen)
{
	# where two sessions wait for the end of a third one, either may go on first: a drawn spec may have that
	for (1 .. ($test =~ /^fuzz_/ ? 5 : 0))
	{
		last unless grep { text_of("$logs/$test.$_") ne text_of("$logs/$test.heap") } @modes;
		run_all($test);
	}
	my $heap = text_of("$logs/$test.heap");

	unlike($heap, qr/^setup .*failed|^syntax error|canceling step|\A\z/m, "$test runs on heap");
	for my $mode (@modes)
	{
		my $same = ok(text_of("$logs/$test.$mode") eq $heap, "$test gives the same on cold rows, $mode");
		diag(join '', grep { defined } (split /^/, `diff -u '$logs/$test.heap' '$logs/$test.$mode'`)[0 .. 60]) unless $same;
	}
}
for my $side (sort keys %nodes)
{
	# or else it was heap against heap
	my $groups = () = slurp_file($nodes{$side}->logfile) =~ /froze [1-9]\d* rows/g;
	cmp_ok($groups, '>=', @frozen, "$side: rows were frozen") if @frozen && $side ne 'heap' && !$ENV{OMENDB_COLD_AM};
	unlike(slurp_file($nodes{$side}->logfile), qr/PANIC|TRAP:/, "$side: no complaint in the server's log");
	$nodes{$side}->stop;
}
done_testing();
