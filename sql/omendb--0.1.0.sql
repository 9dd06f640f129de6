/* sql/omendb--0.1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION omendb" to load this file. \quit

--
-- The extension
--

-- with its schema, since pg_catalog has a function of this name
CREATE FUNCTION @extschema@.version() RETURNS text
	AS 'MODULE_PATHNAME', 'omendb_version'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.version() IS
	'version of the loaded omendb library';

CREATE FUNCTION wal_mode() RETURNS text
	AS 'MODULE_PATHNAME', 'omendb_wal_mode'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION wal_mode() IS
	'how this server logs changes: "resource manager" if omendb is preloaded, else "generic"';

--
-- Access method alex
--

CREATE FUNCTION alex_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'omendb_alex_handler'
	LANGUAGE C;
COMMENT ON FUNCTION alex_handler(internal) IS
	'handler of index access method alex';

CREATE ACCESS METHOD alex TYPE INDEX HANDLER alex_handler;
COMMENT ON ACCESS METHOD alex IS
	'learned index access method';

-- The operator families hold what btree's hold in PostgreSQL 15 to 18, all pairs of types included, and
-- number it as btree does.  PostgreSQL 18 derives conditions and sorts by the families of any ordered
-- access method: one with fewer operators would change plans of tables that have no alex index.

CREATE OPERATOR FAMILY integer_ops USING alex;
COMMENT ON OPERATOR FAMILY integer_ops USING alex IS
	'order of integers, across types, as in btree''s family of this name';

CREATE OPERATOR CLASS int2_ops DEFAULT FOR TYPE int2 USING alex FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btint2cmp(int2, int2),
	FUNCTION 2 btint2sortsupport(internal),
	FUNCTION 3 in_range(int2, int2, int2, boolean, boolean),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS int2_ops USING alex IS
	'smallint';

CREATE OPERATOR CLASS int4_ops DEFAULT FOR TYPE int4 USING alex FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btint4cmp(int4, int4),
	FUNCTION 2 btint4sortsupport(internal),
	FUNCTION 3 in_range(int4, int4, int4, boolean, boolean),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS int4_ops USING alex IS
	'integer';

CREATE OPERATOR CLASS int8_ops DEFAULT FOR TYPE int8 USING alex FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btint8cmp(int8, int8),
	FUNCTION 2 btint8sortsupport(internal),
	FUNCTION 3 in_range(int8, int8, int8, boolean, boolean),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS int8_ops USING alex IS
	'bigint';

ALTER OPERATOR FAMILY integer_ops USING alex ADD
	-- int2, int4
	OPERATOR 1 < (int2, int4),
	OPERATOR 2 <= (int2, int4),
	OPERATOR 3 = (int2, int4),
	OPERATOR 4 >= (int2, int4),
	OPERATOR 5 > (int2, int4),
	FUNCTION 1 (int2, int4) btint24cmp(int2, int4),
	FUNCTION 3 (int2, int4) in_range(int2, int2, int4, boolean, boolean),

	-- int2, int8
	OPERATOR 1 < (int2, int8),
	OPERATOR 2 <= (int2, int8),
	OPERATOR 3 = (int2, int8),
	OPERATOR 4 >= (int2, int8),
	OPERATOR 5 > (int2, int8),
	FUNCTION 1 (int2, int8) btint28cmp(int2, int8),
	FUNCTION 3 (int2, int8) in_range(int2, int2, int8, boolean, boolean),

	-- int4, int2
	OPERATOR 1 < (int4, int2),
	OPERATOR 2 <= (int4, int2),
	OPERATOR 3 = (int4, int2),
	OPERATOR 4 >= (int4, int2),
	OPERATOR 5 > (int4, int2),
	FUNCTION 1 (int4, int2) btint42cmp(int4, int2),
	FUNCTION 3 (int4, int2) in_range(int4, int4, int2, boolean, boolean),

	-- int4, int8
	OPERATOR 1 < (int4, int8),
	OPERATOR 2 <= (int4, int8),
	OPERATOR 3 = (int4, int8),
	OPERATOR 4 >= (int4, int8),
	OPERATOR 5 > (int4, int8),
	FUNCTION 1 (int4, int8) btint48cmp(int4, int8),
	FUNCTION 3 (int4, int8) in_range(int4, int4, int8, boolean, boolean),

	-- int8, int2
	OPERATOR 1 < (int8, int2),
	OPERATOR 2 <= (int8, int2),
	OPERATOR 3 = (int8, int2),
	OPERATOR 4 >= (int8, int2),
	OPERATOR 5 > (int8, int2),
	FUNCTION 1 (int8, int2) btint82cmp(int8, int2),

	-- int8, int4
	OPERATOR 1 < (int8, int4),
	OPERATOR 2 <= (int8, int4),
	OPERATOR 3 = (int8, int4),
	OPERATOR 4 >= (int8, int4),
	OPERATOR 5 > (int8, int4),
	FUNCTION 1 (int8, int4) btint84cmp(int8, int4);

CREATE OPERATOR FAMILY datetime_ops USING alex;
COMMENT ON OPERATOR FAMILY datetime_ops USING alex IS
	'order of dates and timestamps, across types, as in btree''s family of this name';

CREATE OPERATOR CLASS date_ops DEFAULT FOR TYPE date USING alex FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 date_cmp(date, date),
	FUNCTION 2 date_sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS date_ops USING alex IS
	'date';

CREATE OPERATOR CLASS timestamp_ops DEFAULT FOR TYPE timestamp USING alex FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 timestamp_cmp(timestamp, timestamp),
	FUNCTION 2 timestamp_sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS timestamp_ops USING alex IS
	'timestamp without time zone';

CREATE OPERATOR CLASS timestamptz_ops DEFAULT FOR TYPE timestamptz USING alex FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 timestamptz_cmp(timestamptz, timestamptz),
	FUNCTION 2 timestamp_sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS timestamptz_ops USING alex IS
	'timestamp with time zone';

ALTER OPERATOR FAMILY datetime_ops USING alex ADD
	-- date, timestamp
	OPERATOR 1 < (date, timestamp),
	OPERATOR 2 <= (date, timestamp),
	OPERATOR 3 = (date, timestamp),
	OPERATOR 4 >= (date, timestamp),
	OPERATOR 5 > (date, timestamp),
	FUNCTION 1 (date, timestamp) date_cmp_timestamp(date, timestamp),

	-- date, timestamptz
	OPERATOR 1 < (date, timestamptz),
	OPERATOR 2 <= (date, timestamptz),
	OPERATOR 3 = (date, timestamptz),
	OPERATOR 4 >= (date, timestamptz),
	OPERATOR 5 > (date, timestamptz),
	FUNCTION 1 (date, timestamptz) date_cmp_timestamptz(date, timestamptz),

	-- date, interval
	FUNCTION 3 (date, interval) in_range(date, date, interval, boolean, boolean),

	-- timestamp, date
	OPERATOR 1 < (timestamp, date),
	OPERATOR 2 <= (timestamp, date),
	OPERATOR 3 = (timestamp, date),
	OPERATOR 4 >= (timestamp, date),
	OPERATOR 5 > (timestamp, date),
	FUNCTION 1 (timestamp, date) timestamp_cmp_date(timestamp, date),

	-- timestamp, timestamptz
	OPERATOR 1 < (timestamp, timestamptz),
	OPERATOR 2 <= (timestamp, timestamptz),
	OPERATOR 3 = (timestamp, timestamptz),
	OPERATOR 4 >= (timestamp, timestamptz),
	OPERATOR 5 > (timestamp, timestamptz),
	FUNCTION 1 (timestamp, timestamptz) timestamp_cmp_timestamptz(timestamp, timestamptz),

	-- timestamp, interval
	FUNCTION 3 (timestamp, interval) in_range(timestamp, timestamp, interval, boolean, boolean),

	-- timestamptz, date
	OPERATOR 1 < (timestamptz, date),
	OPERATOR 2 <= (timestamptz, date),
	OPERATOR 3 = (timestamptz, date),
	OPERATOR 4 >= (timestamptz, date),
	OPERATOR 5 > (timestamptz, date),
	FUNCTION 1 (timestamptz, date) timestamptz_cmp_date(timestamptz, date),

	-- timestamptz, timestamp
	OPERATOR 1 < (timestamptz, timestamp),
	OPERATOR 2 <= (timestamptz, timestamp),
	OPERATOR 3 = (timestamptz, timestamp),
	OPERATOR 4 >= (timestamptz, timestamp),
	OPERATOR 5 > (timestamptz, timestamp),
	FUNCTION 1 (timestamptz, timestamp) timestamptz_cmp_timestamp(timestamptz, timestamp),

	-- timestamptz, interval
	FUNCTION 3 (timestamptz, interval) in_range(timestamptz, timestamptz, interval, boolean, boolean);

CREATE OPERATOR FAMILY float_ops USING alex;
COMMENT ON OPERATOR FAMILY float_ops USING alex IS
	'order of floating-point numbers, across types, as in btree''s family of this name';

CREATE OPERATOR CLASS float4_ops DEFAULT FOR TYPE float4 USING alex FAMILY float_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btfloat4cmp(float4, float4),
	FUNCTION 2 btfloat4sortsupport(internal);
COMMENT ON OPERATOR CLASS float4_ops USING alex IS
	'real';

CREATE OPERATOR CLASS float8_ops DEFAULT FOR TYPE float8 USING alex FAMILY float_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btfloat8cmp(float8, float8),
	FUNCTION 2 btfloat8sortsupport(internal),
	FUNCTION 3 in_range(float8, float8, float8, boolean, boolean);
COMMENT ON OPERATOR CLASS float8_ops USING alex IS
	'double precision';

ALTER OPERATOR FAMILY float_ops USING alex ADD
	-- float4, float8
	OPERATOR 1 < (float4, float8),
	OPERATOR 2 <= (float4, float8),
	OPERATOR 3 = (float4, float8),
	OPERATOR 4 >= (float4, float8),
	OPERATOR 5 > (float4, float8),
	FUNCTION 1 (float4, float8) btfloat48cmp(float4, float8),
	FUNCTION 3 (float4, float8) in_range(float4, float4, float8, boolean, boolean),

	-- float8, float4
	OPERATOR 1 < (float8, float4),
	OPERATOR 2 <= (float8, float4),
	OPERATOR 3 = (float8, float4),
	OPERATOR 4 >= (float8, float4),
	OPERATOR 5 > (float8, float4),
	FUNCTION 1 (float8, float4) btfloat84cmp(float8, float4);

CREATE OPERATOR FAMILY oid_ops USING alex;
COMMENT ON OPERATOR FAMILY oid_ops USING alex IS
	'order of object identifiers, as in btree''s family of this name';

CREATE OPERATOR CLASS oid_ops DEFAULT FOR TYPE oid USING alex FAMILY oid_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btoidcmp(oid, oid),
	FUNCTION 2 btoidsortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS oid_ops USING alex IS
	'oid';

CREATE OPERATOR FAMILY char_ops USING alex;
COMMENT ON OPERATOR FAMILY char_ops USING alex IS
	'order of the single-byte type "char", as in btree''s family of this name';

CREATE OPERATOR CLASS char_ops DEFAULT FOR TYPE "char" USING alex FAMILY char_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btcharcmp("char", "char"),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS char_ops USING alex IS
	'"char"';

CREATE OPERATOR FAMILY money_ops USING alex;
COMMENT ON OPERATOR FAMILY money_ops USING alex IS
	'order of money, as in btree''s family of this name';

CREATE OPERATOR CLASS money_ops DEFAULT FOR TYPE money USING alex FAMILY money_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 cash_cmp(money, money),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS money_ops USING alex IS
	'money';

CREATE OPERATOR FAMILY time_ops USING alex;
COMMENT ON OPERATOR FAMILY time_ops USING alex IS
	'order of times of day, as in btree''s family of this name';

CREATE OPERATOR CLASS time_ops DEFAULT FOR TYPE time USING alex FAMILY time_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 time_cmp(time, time),
	FUNCTION 3 (time, interval) in_range(time, time, interval, boolean, boolean),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS time_ops USING alex IS
	'time without time zone';

CREATE OPERATOR FAMILY uuid_ops USING alex;
COMMENT ON OPERATOR FAMILY uuid_ops USING alex IS
	'order of uuids, as in btree''s family of this name';

CREATE OPERATOR CLASS uuid_ops DEFAULT FOR TYPE uuid USING alex FAMILY uuid_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 uuid_cmp(uuid, uuid),
	FUNCTION 2 uuid_sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS uuid_ops USING alex IS
	'uuid';

-- Without a default class the message would be that there is none; with this one CREATE INDEX says why
-- alex does not support the type, and what to do instead.
CREATE OPERATOR FAMILY interval_ops USING alex;
COMMENT ON OPERATOR FAMILY interval_ops USING alex IS
	'order of intervals, as in btree''s family of this name';

CREATE OPERATOR CLASS interval_ops DEFAULT FOR TYPE interval USING alex FAMILY interval_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 interval_cmp(interval, interval),
	FUNCTION 3 in_range(interval, interval, interval, boolean, boolean);
COMMENT ON OPERATOR CLASS interval_ops USING alex IS
	'interval: refused by CREATE INDEX, with a hint';

--
-- Checking and looking at alex indexes
--

CREATE FUNCTION alex_check(index regclass, heapallindexed boolean DEFAULT false,
	checkunique boolean DEFAULT false) RETURNS void
	AS 'MODULE_PATHNAME', 'omendb_alex_check'
	LANGUAGE C STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION alex_check(regclass, boolean, boolean) IS
	'verify the structure of an alex index; with heapallindexed also that each row of the table is in it, with checkunique that no two rows have the same key of a unique one';

CREATE FUNCTION alex_stats(index regclass,
	OUT level int,
	OUT pages bigint,
	OUT entries bigint,
	OUT removed bigint,
	OUT blocks bigint,
	OUT gap_entries bigint,
	OUT tail_entries bigint,
	OUT key_bits float8,
	OUT tid_bits float8,
	OUT bytes_used bigint,
	OUT bytes_free bigint,
	OUT bytes_per_entry float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'omendb_alex_stats'
	LANGUAGE C STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION alex_stats(regclass) IS
	'pages, entries and bytes of an alex index, by level';

CREATE FUNCTION alex_cache_stats(
	OUT index regclass,
	OUT pages bigint,
	OUT bytes bigint,
	OUT hits bigint,
	OUT steps_right bigint,
	OUT descents bigint,
	OUT refreshes bigint,
	OUT evictions bigint)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'omendb_alex_cache_stats'
	LANGUAGE C STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION alex_cache_stats() IS
	'what this session''s cache of inner pages of alex indexes holds and did; index NULL = all of it';

--
-- Access method omendb: hybrid tables
--

CREATE FUNCTION hybrid_handler(internal) RETURNS table_am_handler
	AS 'MODULE_PATHNAME', 'omendb_hybrid_handler'
	LANGUAGE C;
COMMENT ON FUNCTION hybrid_handler(internal) IS
	'handler of table access method omendb';

CREATE ACCESS METHOD omendb TYPE TABLE HANDLER hybrid_handler;
COMMENT ON ACCESS METHOD omendb IS
	'hybrid table access method: hot heap rows and cold compressed row groups';

CREATE FUNCTION row_groups(tab regclass,
	OUT group_id bigint,
	OUT first_row bigint,
	OUT rows bigint,
	OUT state text,
	OUT xmin xid,
	OUT pages bigint,
	OUT start_block bigint,
	OUT stream_bytes bigint,
	OUT raw_bytes bigint,
	OUT encodings jsonb,
	OUT dead_rows bigint,
	OUT headers bigint)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'omendb_row_groups'
	LANGUAGE C STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION row_groups(regclass) IS
	'row groups, free runs and directory pages of an omendb table, with sizes and encodings';

CREATE FUNCTION table_stats(tab regclass,
	OUT row_groups bigint,
	OUT cold_rows bigint,
	OUT dead_rows bigint,
	OUT headers bigint,
	OUT hot_rows bigint,
	OUT cold_bytes bigint,
	OUT hot_bytes bigint,
	OUT free_bytes bigint,
	OUT raw_bytes bigint)
	AS 'MODULE_PATHNAME', 'omendb_table_stats'
	LANGUAGE C STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION table_stats(regclass) IS
	'rows and bytes of an omendb table: row groups, hot rows, free space';

CREATE FUNCTION freeze_stats(tab regclass,
	OUT last_freeze timestamptz,
	OUT last_run timestamptz,
	OUT rows_frozen bigint,
	OUT left_hot jsonb,
	OUT held_back_by text,
	OUT not_frozen text)
	AS 'MODULE_PATHNAME', 'omendb_freeze_stats'
	LANGUAGE C STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION freeze_stats(regclass) IS
	'what the last freezing of rows of an omendb table did, which rows it left hot, and why none are frozen now';

CREATE FUNCTION column_stats(tab regclass,
	OUT column_name text,
	OUT encoding text,
	OUT vectors bigint,
	OUT bytes bigint)
	RETURNS SETOF record
	LANGUAGE SQL STRICT PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT c.key, v.key, sum((c.value->'encodings'->>v.key)::bigint)::bigint, sum(v.value::bigint)::bigint
	FROM row_groups(tab) g, jsonb_each(g.encodings) c, jsonb_each_text(c.value->'vector_bytes') v GROUP BY 1, 2
	UNION ALL
	SELECT c.key, 'Bloom filter', NULL, sum((c.value->>'bloom_bytes')::bigint)::bigint
	FROM row_groups(tab) g, jsonb_each(g.encodings) c WHERE c.value ? 'bloom_bytes' GROUP BY 1
	UNION ALL
	SELECT c.key, NULL, NULL, sum((c.value->>'bytes')::bigint)::bigint FROM row_groups(tab) g, jsonb_each(g.encodings) c GROUP BY 1
	ORDER BY 1, 4 DESC, 2;
END;
COMMENT ON FUNCTION column_stats(regclass) IS
	'bytes of an omendb table''s row groups by column and encoding; encoding NULL = all of the column, its dictionaries and Bloom filters included';

-- Unlogged tables cannot be read on a standby, nor temporary ones of other sessions.
CREATE VIEW tables AS
	SELECT c.oid::regclass AS table_name, s.*,
		round(s.raw_bytes::numeric / nullif(s.cold_bytes, 0), 1) AS ratio, f.*
	FROM pg_class c, LATERAL table_stats(c.oid) s, LATERAL freeze_stats(c.oid) f
	WHERE c.relkind IN ('r', 'm') AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'omendb')
		AND NOT pg_is_other_temp_schema(c.relnamespace)
		AND (c.relpersistence <> 'u' OR NOT pg_is_in_recovery());
COMMENT ON VIEW tables IS
	'omendb tables of this database: rows and bytes of row groups and hot rows, and how freezing stands';

CREATE PROCEDURE compact(tab regclass,
	all_rows boolean DEFAULT false,
	verbose boolean DEFAULT false)
	AS 'MODULE_PATHNAME', 'omendb_compact'
	LANGUAGE C;
COMMENT ON PROCEDURE compact(regclass, boolean, boolean) IS
	'make row groups of a table''s hot rows, all full ones or of all rows, a transaction each';

CREATE FUNCTION set_options(tab regclass,
	auto_freeze boolean DEFAULT NULL,
	keep_hot_rows bigint DEFAULT NULL,
	freeze_after interval DEFAULT NULL,
	row_group_rows int DEFAULT NULL,
	reindex_above float8 DEFAULT NULL,
	sort_key text[] DEFAULT NULL,
	bloom_columns text[] DEFAULT NULL,
	plain_columns text[] DEFAULT NULL)
	RETURNS void
	AS 'MODULE_PATHNAME', 'omendb_set_options'
	LANGUAGE C;
COMMENT ON FUNCTION set_options(regclass, boolean, bigint, interval, int, float8, text[], text[], text[]) IS
	'set options of an omendb table; NULL leaves one as it is';

CREATE FUNCTION index_bloat(index regclass) RETURNS float8
	AS 'MODULE_PATHNAME', 'omendb_index_bloat'
	LANGUAGE C STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION index_bloat(regclass) IS
	'how many times larger a btree or alex index is than a new one would be, estimated from some of its pages; NULL for other access methods';

CREATE FUNCTION reset_options(tab regclass, VARIADIC options text[] DEFAULT '{}')
	RETURNS void
	AS 'MODULE_PATHNAME', 'omendb_reset_options'
	LANGUAGE C STRICT;
COMMENT ON FUNCTION reset_options(regclass, text[]) IS
	'set these options of an omendb table, or all, back to their defaults';

CREATE FUNCTION table_options(tab regclass,
	OUT auto_freeze boolean,
	OUT keep_hot_rows bigint,
	OUT freeze_after interval,
	OUT row_group_rows int,
	OUT reindex_above float8,
	OUT sort_key text[],
	OUT bloom_columns text[],
	OUT plain_columns text[])
	AS 'MODULE_PATHNAME', 'omendb_table_options'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION table_options(regclass) IS
	'options of an omendb table';

CREATE VIEW options AS
	SELECT c.oid::regclass AS table_name, o.*
	FROM pg_class c, LATERAL table_options(c.oid) o
	WHERE c.relkind IN ('r', 'm') AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'omendb');
COMMENT ON VIEW options IS
	'options of the omendb tables of this database';

-- What core's view does not show of it; pg_stat_progress_vacuum lists these, too.
CREATE VIEW compact_progress AS
	SELECT s.pid, s.datid, d.datname, s.relid,
		CASE s.param16 WHEN 1 THEN 'gathering rows' WHEN 2 THEN 'writing row group' WHEN 3 THEN 'inserting index entries'
			WHEN 4 THEN 'marking rows' WHEN 5 THEN 'rewriting row group' WHEN 6 THEN 'moving row group' WHEN 7 THEN 'truncating' END AS phase,
		s.param2 AS heap_blks_total, s.param3 AS heap_blks_scanned,
		s.param17 AS row_groups_frozen, s.param18 AS rows_frozen, s.param19 AS row_group_rows
	FROM pg_stat_get_progress_info('VACUUM') s LEFT JOIN pg_database d ON d.oid = s.datid
	WHERE s.param20 = 1;
COMMENT ON VIEW compact_progress IS
	'sessions and workers that freeze rows of omendb tables, rewrite or move row groups: where they are';
GRANT SELECT ON compact_progress TO PUBLIC;

CREATE FUNCTION "check"(tab regclass,
	OUT block bigint,
	OUT problem text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'omendb_check'
	LANGUAGE C STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION "check"(regclass) IS
	'verify every row group, page, checksum and counter of an omendb table; no rows = no problem';

-- Whose data is looked at decides who may look: as for amcheck and pgstattuple.  The rest is for all.
GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;
REVOKE EXECUTE ON FUNCTION alex_check(regclass, boolean, boolean) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION alex_stats(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION alex_stats(regclass) TO pg_stat_scan_tables;
REVOKE EXECUTE ON FUNCTION row_groups(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION row_groups(regclass) TO pg_stat_scan_tables;
REVOKE EXECUTE ON FUNCTION table_stats(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION table_stats(regclass) TO pg_stat_scan_tables;
REVOKE EXECUTE ON FUNCTION freeze_stats(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION freeze_stats(regclass) TO pg_stat_scan_tables;
REVOKE EXECUTE ON FUNCTION column_stats(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION column_stats(regclass) TO pg_stat_scan_tables;
REVOKE EXECUTE ON FUNCTION index_bloat(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION index_bloat(regclass) TO pg_stat_scan_tables;
GRANT SELECT ON tables TO pg_stat_scan_tables;
GRANT SELECT ON options TO PUBLIC;
REVOKE EXECUTE ON FUNCTION "check"(regclass) FROM PUBLIC;
