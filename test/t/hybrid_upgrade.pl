# pg_upgrade from an older PostgreSQL: omendb tables, their row groups and their indexes are taken over as
# files, and can be read and written as before.
#
# OMENDB_OLD_BINDIR is the older PostgreSQL's folder of programs; OMENDB_OLD_CONF, if set, a file of server
# settings by which it finds its build of the extension.  suite.sh makes both from OMENDB_OLD_PG_CONFIG.
use strict;
use warnings;

use OmendbTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old_bindir = $ENV{OMENDB_OLD_BINDIR}
  or plan skip_all => 'OMENDB_OLD_BINDIR names no older PostgreSQL';
my $new_bindir = $ENV{PG_CONFIG} ? `$ENV{PG_CONFIG} --bindir` : `pg_config --bindir`;
chomp($new_bindir);
my ($old_major, $new_major) = map { `$_/postgres --version` =~ / (\d+)/ ? $1 : die "$_ has no postgres" } $old_bindir, $new_bindir;
plan skip_all => "$old_major in OMENDB_OLD_BINDIR is not older than $new_major" if $old_major >= $new_major;

# What pg_upgrade loads is "$libdir/omendb", which 18 looks for in no other folder: a copy of the programs
# has a $libdir of its own, for the folders are found from where a program stands.
my $programs = $new_bindir;
if ($new_major >= 18 && $ENV{OMENDB_DESTDIR})
{
	my $libdir = `'$new_bindir/pg_config' --pkglibdir`;
	my $copy = PostgreSQL::Test::Utils::tempdir();

	chomp($libdir);
	$programs = "$copy/bin";
	system_or_bail('sh', '-c', "cp -r '$new_bindir' '$programs' && mkdir '$copy/lib' &&
		ln -s '$libdir'/* '$ENV{OMENDB_DESTDIR}$libdir/omendb.so' '$copy/lib'");
}

# each omendb table beside the heap table with the same rows
my @tables = ([ 't', 't_h' ], [ 'types', 'types_h' ], [ 'dropped', 'dropped_h' ], [ 'fresh', 'fresh_h' ], [ 'part', 'part_h' ],
	[ 'mv', 'mv_h' ], [ 'unlogged', 'unlogged_h' ], [ 'hot', 'hot_h' ], [ 'empty', 'empty_h' ]);
my @stored = ('t', 'types', 'dropped', 'fresh', 'part_1', 'part_2', 'mv', 'unlogged', 'hot', 'empty');

sub same
{
	my ($node, $what) = @_;
	my @bad;

	for my $pair (@tables)
	{
		my $differ = $node->safe_psql('postgres', sprintf(q{SELECT hybrid_differ('%s', '%s')}, @$pair));
		push @bad, "$pair->[0]: $differ" if $differ ne '';
	}
	is(join("\n", @bad), '', "$what: every table has the rows of its control");
	hybrid_clean($node, $what, @stored);
	clean($node, $what, 't_k', 'dropped_id', 'mv_id');
	# through each index, by value and in order
	for my $one ([ 't', 'id' ], [ 't', 'k' ], [ 'dropped', 'id' ], [ 'fresh', 'id' ], [ 'mv', 'id' ], [ 'types', 'i8' ])
	{
		my ($table, $column) = @$one;
		my $query = "SET jit = off; SET enable_sort = off; SET enable_seqscan = %s; SET enable_bitmapscan = off; SET enable_indexscan = %s;
			SELECT count(*), md5(string_agg(r, '' ORDER BY r)) FROM (SELECT s::text AS r FROM
				(SELECT * FROM %s ORDER BY $column OFFSET 0) s WHERE $column IS NOT NULL) x;
			SELECT count(*), sum(${column}::numeric) FROM %s WHERE $column BETWEEN 95 AND 1205";
		my ($found, $expected) = map { $node->safe_psql('postgres', sprintf($query, @$_)) }
		  [ 'off', 'on', $table, $table ], [ 'on', 'off', "${table}_h", "${table}_h" ];
		is($found, $expected, "$what: $table by its index on $column");
	}
	return;
}

# the old server's tables: groups of each age, hot rows before and behind them, a load that failed
sub fill
{
	my ($node) = @_;

	install_hybrid($node);
	$node->safe_psql('postgres', q{
		-- a statement for both tables of a pair: @ is the end of the name, @U the access method
		CREATE PROCEDURE on_both(statement text) LANGUAGE plpgsql AS $$
		DECLARE
			side text;
		BEGIN
			FOREACH side IN ARRAY ARRAY['', '_h'] LOOP
				EXECUTE replace(replace(statement, '@U', CASE side WHEN '' THEN 'USING omendb' ELSE 'USING heap' END), '@', side);
			END LOOP;
		END $$;
		ALTER DATABASE postgres SET omendb.row_group_rows = 100;
		CREATE TYPE mood AS ENUM ('low', 'mid', 'high');
		CREATE TYPE pair AS (a int, b text);
		CREATE DOMAIN small AS int CHECK (VALUE < 100000);
		CALL on_both('CREATE TABLE types@ (i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(14,3), x numeric, b bool, d date, ts timestamptz,
			iv interval, t text, vc varchar(20) COLLATE "C", c char(5), u uuid, y bytea, e mood, p pair, s small, g int[], tg text[], r int4range,
			j jsonb, ip inet, w text) @U');
		CREATE FUNCTION types_rows(a int, b int) RETURNS SETOF types_h LANGUAGE sql AS $$
			SELECT i % 1000, CASE WHEN i % 9 > 0 THEN i * 7919 END, i * 1000000007::int8, i / 8.0,
				CASE i % 5 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' ELSE i / 7.0::float8 END, i / 1000.0, CASE WHEN i % 4 = 0 THEN 12345678901234567890.5 * i END,
				i % 3 = 0, date '2020-01-01' + i, timestamptz '2024-01-01 00:00+00' + i * interval '17 s', i * interval '1 day 1 s', 'row ' || i, 'v' || i % 20,
				'c' || i % 9, md5(i::text)::uuid, decode(md5(i::text), 'hex'), (ARRAY['low', 'mid', 'high'])[1 + i % 3]::mood, (i, 'b' || i)::pair, i,
				ARRAY[i, NULL, i % 4], ARRAY['x' || i % 6], int4range(i, i + 5), jsonb_build_object('i', i), ('10.0.0.' || i % 256)::inet,
				CASE WHEN i % 50 = 0 THEN (SELECT string_agg(md5((i * 31 + j)::text), '') FROM generate_series(1, 300) j) END
			FROM generate_series(a, b) i $$});
	$node->safe_psql('postgres', q{
		-- rewritten with its indexes: groups and hot rows
		CALL on_both('CREATE TABLE t@ (id bigint, k int, v text) @U');
		CALL on_both('CREATE INDEX t@_id ON t@ (id)');
		CREATE INDEX t_k ON t USING alex (k);
		CREATE INDEX t_h_k ON t_h USING btree (k);
		CALL on_both('INSERT INTO t@ SELECT * FROM hybrid_rows(1, 650)');
		VACUUM FULL t;
		CALL on_both('INSERT INTO t@ SELECT * FROM hybrid_rows(1001, 1250)');
		CALL on_both('UPDATE t@ SET k = k + 1 WHERE id > 1200');
		CALL on_both('DELETE FROM t@ WHERE id BETWEEN 1100 AND 1110');

		-- groups of three transactions, the second undone
		COPY (SELECT * FROM types_rows(1, 350)) TO PROGRAM 'cat >types.copy' (FORMAT binary);
		CALL on_both('COPY types@ FROM PROGRAM ''cat types.copy'' (FORMAT binary)');
		COPY (SELECT * FROM types_rows(351, 620)) TO PROGRAM 'cat >types.copy' (FORMAT binary);
		BEGIN;
		COPY types FROM PROGRAM 'cat types.copy' (FORMAT binary);
		ROLLBACK;
		CALL on_both('COPY types@ FROM PROGRAM ''cat types.copy'' (FORMAT binary)');
		CALL on_both('CREATE INDEX types@_i8 ON types@ (i8)');

		-- pg_upgrade makes dropped columns anew, of the old length and alignment, but passed by reference
		CALL on_both('CREATE TABLE dropped@ (gone_i int8, id int, gone_b bool, v text, gone_t text, gone_s int2, k int, gone_d date, gone_u uuid) @U');
		COPY (SELECT i, i, i % 2 = 0, 'row ' || i, repeat('x', i % 100), i, i % 10, date '2024-01-01' + i, md5(i::text)::uuid
			FROM generate_series(1, 400) i) TO PROGRAM 'cat >dropped.copy';
		CALL on_both('INSERT INTO dropped@ VALUES (0, 0, true, ''hot'', ''gone'', 0, 0, ''2024-01-01'', NULL)');
		CALL on_both('COPY dropped@ FROM PROGRAM ''cat dropped.copy''');
		SELECT omendb.set_options('dropped', auto_freeze => false, keep_hot_rows => 7, sort_key => '{gone_d,k,id}');
		CALL on_both('ALTER TABLE dropped@ DROP gone_i, DROP gone_b, DROP gone_t, DROP gone_s, DROP gone_d, DROP gone_u');
		COPY (SELECT i, 'row ' || i, i % 10 FROM generate_series(401, 650) i) TO PROGRAM 'cat >dropped.copy';
		CALL on_both('COPY dropped@ FROM PROGRAM ''cat dropped.copy''');
		CREATE INDEX dropped_id ON dropped USING alex (id);
		CREATE INDEX dropped_h_id ON dropped_h (id);

		-- columns younger than the rows
		CALL on_both('CREATE TABLE fresh@ (id int) @U');
		CALL on_both('COPY fresh@ FROM PROGRAM ''seq 1 250''');
		CALL on_both('ALTER TABLE fresh@ ADD a int DEFAULT 7, ADD b text DEFAULT ''seven'', ADD c numeric, ADD m mood DEFAULT ''mid'',
			ADD z int8 DEFAULT 77, ADD f float8 NOT NULL DEFAULT 0.5');
		CALL on_both('COPY fresh@ (id) FROM PROGRAM ''seq 251 480''');
		CALL on_both('ALTER TABLE fresh@ DROP z, ADD zz int8 DEFAULT 8, ALTER a SET DEFAULT 9');
		CALL on_both('COPY fresh@ (id) FROM PROGRAM ''seq 481 700''');
		CALL on_both('CREATE INDEX fresh@_id ON fresh@ (id)');

		-- partitions, one with its columns in another order
		CREATE TABLE part (id int, v text) PARTITION BY RANGE (id);
		CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (301) USING omendb;
		CREATE TABLE part_2 (v text, gone int, id int) USING omendb;
		ALTER TABLE part_2 DROP gone;
		ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (301) TO (2001);
		CREATE TABLE part_h (id int, v text);
		CALL on_both('COPY part@ FROM PROGRAM ''seq 1 770 | sed "s/.*/&\t&/"''');

		CALL on_both('CREATE MATERIALIZED VIEW mv@ @U AS SELECT id, k, md5(v) FROM t_h');
		CREATE INDEX mv_id ON mv USING alex (id);
		CREATE INDEX mv_h_id ON mv_h (id);
		-- cold rows changed, deleted and locked
		CALL on_both('UPDATE t@ SET v = ''changed'' WHERE id BETWEEN 1 AND 30');
		CALL on_both('DELETE FROM t@ WHERE id BETWEEN 25 AND 50');
		CALL on_both('SELECT FROM t@ WHERE id BETWEEN 60 AND 90 FOR UPDATE');
		CALL on_both('UPDATE types@ SET i4 = i4 + 1, t = NULL WHERE i2 BETWEEN 10 AND 40');
		CALL on_both('DELETE FROM types@ WHERE i2 BETWEEN 310 AND 360');
		CALL on_both('UPDATE dropped@ SET v = v || ''!'' WHERE id % 30 = 7');
		CALL on_both('DELETE FROM fresh@ WHERE id % 40 = 3');
		CALL on_both('UPDATE fresh@ SET b = ''eight'' WHERE id % 40 = 4');
		CALL on_both('UPDATE part@ SET id = id + 1000 WHERE id BETWEEN 1 AND 30');
		BEGIN;
		UPDATE t SET k = 0;
		DELETE FROM fresh;
		ROLLBACK;
		CALL on_both('CREATE UNLOGGED TABLE unlogged@ @U AS SELECT i, i::text AS v FROM generate_series(1, 450) i');
		CALL on_both('CREATE TABLE hot@ (id int) @U');
		CALL on_both('INSERT INTO hot@ SELECT generate_series(1, 500)');
		CALL on_both('CREATE TABLE empty@ (id int, v text) @U');
		VACUUM part_1, unlogged;
		VACUUM (FREEZE) part_2});
	return;
}

# what the directories list
sub directory
{
	my ($node) = @_;
	return $node->safe_psql('postgres',
		join(' UNION ALL ', map { "SELECT '$_', group_id, first_row, rows, state, xmin::text, pages, start_block FROM omendb.row_groups('$_')" } @stored)
		  . ' ORDER BY 1, 2, 3, 8');
}

# more of everything
sub write_to
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
		CALL on_both('INSERT INTO t@ SELECT * FROM hybrid_rows(2001, 2300)');
		CALL on_both('UPDATE t@ SET k = k + 1 WHERE id BETWEEN 1201 AND 2100 OR id < 70');
		CALL on_both('DELETE FROM t@ WHERE id BETWEEN 1 AND 10 OR id BETWEEN 65 AND 75');
		CALL on_both('UPDATE types@ SET i4 = i4 + 1 WHERE i2 BETWEEN 30 AND 80');
		CALL on_both('UPDATE dropped@ SET v = v || ''?'' WHERE id % 30 IN (7, 8)');
		CALL on_both('UPDATE fresh@ SET a = 8 WHERE id % 40 IN (3, 4, 5)');
		CALL on_both('DELETE FROM part@ WHERE id % 50 = 3');
		DROP INDEX types_i8;
		COPY (SELECT * FROM types_rows(621, 900)) TO PROGRAM 'cat >types.copy' (FORMAT binary);
		CALL on_both('COPY types@ FROM PROGRAM ''cat types.copy'' (FORMAT binary)');
		CREATE INDEX types_i8 ON types (i8);
		CALL on_both('COPY fresh@ (id) FROM PROGRAM ''seq 701 1000''');
		DROP INDEX dropped_id;
		COPY (SELECT i, 'row ' || i, i % 10 FROM generate_series(651, 1000) i) TO PROGRAM 'cat >dropped.copy';
		CALL on_both('COPY dropped@ FROM PROGRAM ''cat dropped.copy''');
		CALL on_both('ALTER TABLE dropped@ ADD y int8 DEFAULT 5, DROP k');
		CALL on_both('COPY dropped@ (id, v) FROM PROGRAM ''seq 1001 1250 | sed "s/.*/&\t&/"''');
		CREATE INDEX dropped_id ON dropped USING alex (id);
		CALL on_both('COPY part@ FROM PROGRAM ''seq 801 1000 | sed "s/.*/&\t&/"''');
		CALL on_both('REFRESH MATERIALIZED VIEW mv@');
		CALL on_both('INSERT INTO unlogged@ SELECT i, i FROM generate_series(451, 600) i');
		CALL on_both('COPY hot@ FROM PROGRAM ''seq 501 830''');
		CALL on_both('COPY empty@ FROM PROGRAM ''seq 1 330 | sed "s/.*/&\t&/"''');
		BEGIN;
		COPY empty FROM PROGRAM 'seq 1 330 | sed "s/.*/&\t&/"';
		ROLLBACK});
	return;
}

sub upgrade
{
	my ($mode, $option) = @_;
	my $what = "$old_major to $new_major, $mode, --$option";
	my @initdb = (extra => [ '-k', '--locale=C', '--encoding=UTF8' ]);
	my $old = PostgreSQL::Test::Cluster->new("upgrade_old_${mode}_$option", install_path => $old_bindir =~ s,/bin/?$,,r);
	my $new = new_node("upgrade_new_${mode}_$option", $mode, @initdb);

	{
		# which says where the new server finds the extension
		local $ENV{TEMP_CONFIG} = $ENV{OMENDB_OLD_CONF};
		delete $ENV{TEMP_CONFIG} if !$ENV{OMENDB_OLD_CONF};
		$old->init(@initdb);
	}
	$old->append_conf('postgresql.conf', preload_line($mode) . "autovacuum = off\njit = off\n");
	$old->start;
	fill($old);
	same($old, "$what: before");
	is(join(' ', grep { hybrid_groups($old, $_, 'visible') < 2 } @stored), 'hot empty', "$what: the other tables have row groups");
	my $directory = directory($old);
	my $options = $old->safe_psql('postgres', 'SELECT * FROM omendb.options ORDER BY table_name::text');
	like($options, qr/^dropped\|f\|7\|\|\|\{k,id\}$/m, "$what: a table has options");
	my $xid = $old->safe_psql('postgres', 'SELECT pg_current_xact_id()');
	$old->stop;

	my $cwd = $new->basedir . '/upgrade';
	mkdir $cwd or die "$cwd: $!";
	my $command = sprintf(q{cd '%s' && '%s/pg_upgrade' --no-sync %s -b '%s' -B '%s' -d '%s' -D '%s' -s '%s' -p %d -P %d >output 2>&1},
		$cwd, $programs, $option eq 'copy' ? '' : "--$option", $old_bindir, $programs, $old->data_dir, $new->data_dir, $new->host,
		$old->port, $new->port);
	if (!is(system('sh', '-c', $command), 0, "$what: pg_upgrade"))
	{
		diag("$_:\n" . slurp_file($_)) for "$cwd/output", glob($new->data_dir . '/pg_upgrade_output.d/*/{*.txt,log/*.log}');
		return;
	}
	$new->start;
	cmp_ok($new->safe_psql('postgres', 'SELECT pg_current_xact_id()'), '>=', $xid, "$what: transactions go on from $xid");
	is(directory($new), $directory, "$what: the directories are what they were");
	is($new->safe_psql('postgres', 'SELECT * FROM omendb.options ORDER BY table_name::text'), $options, "$what: and the options");
	same($new, "$what: upgraded");
	$new->safe_psql('postgres', 'VACUUM');
	same($new, "$what: vacuumed");
	write_to($new);
	same($new, "$what: more rows");
	cmp_ok(hybrid_groups($new, 'empty', 'visible'), '>=', 3, "$what: loads make row groups");
	$new->safe_psql('postgres', 'VACUUM (FREEZE, DISABLE_PAGE_SKIPPING)');
	$new->stop('immediate');
	$new->start;
	$new->safe_psql('postgres', 'TRUNCATE unlogged_h');		# as recovery did with the other one
	same($new, "$what: frozen, crashed and recovered");
	$new->safe_psql('postgres', 'VACUUM FULL ' . join(', ', @stored) . '; CLUSTER t USING t_id; REINDEX INDEX t_k');
	same($new, "$what: rewritten");
	$new->stop;
	return;
}

upgrade('preload', 'copy');
upgrade('plain', 'link');
upgrade('plain', 'swap') if $new_major >= 18;

done_testing();
