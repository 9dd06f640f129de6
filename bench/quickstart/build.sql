-- Build times with commit, and sizes.  btree may use parallel workers, alex 0.1.0 does not.
SET client_min_messages = warning;
CALL quickstart.measure_change('build index on ts', 'ms', 'CREATE INDEX @_ts ON flights_@ USING @index (ts)', 1,
	'DROP INDEX IF EXISTS @_ts');
CALL quickstart.measure_change('build index on id', 'ms', 'CREATE INDEX @_id ON flights_@ USING @index (id)', 1,
	'DROP INDEX IF EXISTS @_id');
SELECT quickstart.measure_size('index on ts', '@_ts') \g /dev/null
SELECT quickstart.measure_size('index on id', '@_id') \g /dev/null
ANALYZE flights_heap, flights_omendb;
SELECT format('  %-22s %10s', c.relname, pg_size_pretty(pg_relation_size(c.oid)))
FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE i.indrelid IN ('flights_heap'::regclass, 'flights_omendb'::regclass) ORDER BY i.indkey[0] DESC, c.relname;
CHECKPOINT;
