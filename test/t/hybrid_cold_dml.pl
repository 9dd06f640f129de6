# Cold rows behave as heap rows do.  Each file of test/cold, isolation specs and SQL scripts, is run on heap
# tables and on omendb tables whose rows are cold, and has to give the same output: rows, waits, errors.
#
# OMENDB_COLD_TESTS='fk_triple merge' (or 'all') runs these, whether they are listed below or not.
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
	reads
);

my $isolationtester = dirname($ENV{PG_REGRESS} // '') . '/../isolation/isolationtester';
plan skip_all => 'there is no isolationtester' unless -x $isolationtester;

my %files = map { basename($_) =~ /^(\w+)\.(?:spec|sql)$/ ? ($1 => $_) : () } glob 'test/cold/*';
my $setup = delete $files{setup};
my $wanted = $ENV{OMENDB_COLD_TESTS} // '';
my @tests = $wanted eq 'all' ? sort keys %files : $wanted ? split(' ', $wanted) : @ready;
$files{$_} or BAIL_OUT("there is no file $_ in test/cold") for @tests;
plan skip_all => 'no file of test/cold is listed' unless @tests;

my @modes = modes();
my %access_method = (heap => 'heap', cold => $ENV{OMENDB_COLD_AM} // 'omendb');
my $logs = "$PostgreSQL::Test::Utils::log_path/hybrid_cold_dml";
my $seconds_max = 120;		# for a file

# The second mode reads through indexes, so that rows are met in another way.
sub start_server
{
	my ($mode) = @_;
	my $node = new_node("hybrid_cold_dml_$mode", $mode);

	$node->append_conf('postgresql.conf', <<'CONF');
max_prepared_transactions = 10
shared_buffers = 32MB
omendb.row_group_rows = 16
CONF
	$node->append_conf('postgresql.conf', "omendb.load_row_groups = off\n") if $ENV{OMENDB_COLD_HOT};
	$node->append_conf('postgresql.conf', "enable_seqscan = off\nenable_bitmapscan = off\n") if $mode ne $modes[0];
	$node->start;
	return $node;
}

# All files, one after the other, on one side of a server: the script of a shell.  Output goes to files.
sub script
{
	my ($node, $side) = @_;
	my $connection = $node->connstr($side);
	my $script = '';

	$node->safe_psql('postgres', "CREATE DATABASE $side");
	$node->safe_psql($side, join(';', 'CREATE EXTENSION omendb', slurp_file($setup), map { "CREATE SCHEMA $_" } @tests));
	$node->safe_psql($side, "ALTER DATABASE $side SET default_table_access_method = $access_method{$side}");
	for my $test (@tests)
	{
		my $program = $files{$test} =~ /\.spec$/ ? "'$isolationtester' '$connection' <$files{$test}" : "psql -Xa -d '$connection' -f $files{$test}";
		$script .= "PGOPTIONS='-c search_path=$test,public' PGISOLATIONTIMEOUT=20 timeout $seconds_max $program >'" .
		  output($node, $side, $test) . "' 2>&1\n";
	}
	return $script;
}

sub output
{
	my ($node, $side, $test) = @_;
	return "$logs/" . join '.', $test, $side, $node->name;
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
my %nodes = map { $_ => start_server($_) } @modes;
my $heap_node = $nodes{ $modes[0] };
my @running = map { IPC::Run::start([ 'sh', '-c', $_ ], '<', \'') } script($heap_node, 'heap'), map { script($nodes{$_}, 'cold') } @modes;
IPC::Run::finish($_) for @running;

for my $test (@tests)
{
	my $heap = output($heap_node, 'heap', $test);
	my $heap_text = text_of($heap);

	unlike($heap_text, qr/^setup .*failed|^syntax error|timed out|^ERROR:  \d+ of \d+ rows|\A\z/m, "$test runs on heap");
	for my $mode (@modes)
	{
		my $cold = output($nodes{$mode}, 'cold', $test);
		my $same = ok($heap_text eq text_of($cold), "$test gives the same on cold rows, $mode");
		diag(join '', grep { defined } (split /^/, `diff -u '$heap' '$cold'`)[0 .. 60]) unless $same;
	}
}
for my $mode (@modes)
{
	unlike(slurp_file($nodes{$mode}->logfile), qr/PANIC|TRAP:/, "$mode: no complaint in the server's log");
	$nodes{$mode}->stop;
}
done_testing();
