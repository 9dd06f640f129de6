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

my %access_method = (heap => 'heap', cold => $ENV{OMENDB_COLD_AM} // 'omendb');
my $seconds_max = 120;

# The second server reads through indexes, so that rows are met in another way.
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
	$node->append_conf('postgresql.conf', "enable_seqscan = off\nenable_bitmapscan = off\n") if $mode eq 'plain';
	$node->start;
	for my $side (sort keys %access_method)
	{
		$node->safe_psql('postgres', "CREATE DATABASE $side");
		$node->safe_psql($side, 'CREATE EXTENSION omendb');
		$node->safe_psql($side, PostgreSQL::Test::Utils::slurp_file($setup));
		$node->safe_psql($side, "ALTER DATABASE $side SET default_table_access_method = $access_method{$side}");
	}
	return $node;
}

# Start one file on one side; its output goes to a file of that name.
sub start_file
{
	my ($node, $side, $test, $output) = @_;
	my $schema = "CREATE SCHEMA IF NOT EXISTS $test";
	my @io = ('>', $output, '2>&1', IPC::Run::timeout($seconds_max));

	$node->safe_psql($side, "SET client_min_messages = warning; $schema");
	local $ENV{PGOPTIONS} = "-c search_path=$test,public";
	local $ENV{PGISOLATIONTIMEOUT} = 20;
	return IPC::Run::start([ $isolationtester, $node->connstr($side) ], '<', $files{$test}, @io) if $files{$test} =~ /\.spec$/;
	return IPC::Run::start([ 'psql', '-Xa', '-d', $node->connstr($side), '-f', $files{$test} ], '<', \'', @io);
}

# What tells a place in the file may differ, and nothing else.
sub output_of
{
	my ($file) = @_;
	my $text = PostgreSQL::Test::Utils::slurp_file($file);

	$text =~ s/\btuple \(\d+,\d+\)/tuple (place)/g;
	$text =~ s/^psql:\S+?:(\d+): /line $1: /gm;
	open(my $f, '>', $file) or die "$file: $!";
	print $f $text;
	close $f or die "$file: $!";
	return $text;
}

my @modes = modes();
my %nodes = map { $_ => start_server($_) } @modes;
my $logs = "$PostgreSQL::Test::Utils::log_path/hybrid_cold_dml";

mkdir $logs;
for my $test (@tests)
{
	my (%output, @running);

	for my $mode (@modes)
	{
		for my $side (sort keys %access_method)
		{
			$output{$mode}{$side} = "$logs/$test-$mode-$side";
			push @running, start_file($nodes{$mode}, $side, $test, $output{$mode}{$side});
		}
	}
	for my $run (@running)
	{
		eval { IPC::Run::finish($run); 1 } or do { diag("$test: $@"); IPC::Run::kill_kill($run); };
	}
	for my $mode (@modes)
	{
		my ($heap, $cold) = map { output_of($output{$mode}{$_}) } qw(heap cold);
		unlike($heap, qr/^setup failed|^syntax error|timed out|\A\z/m, "$mode: $test runs on heap");
		ok($heap eq $cold, "$mode: $test gives the same")
		  or diag(join '', (split /^/, `diff -u $output{$mode}{heap} $output{$mode}{cold}`)[0 .. 60]);
	}
}
for my $mode (@modes)
{
	unlike(slurp_file($nodes{$mode}->logfile), qr/PANIC|TRAP:/, "$mode: no complaint in the server's log");
	$nodes{$mode}->stop;
}
done_testing();
