-- What came as single rows becomes columns, too, with both indexes, while the table can be read and written.
SET client_min_messages = warning;

\echo '  SELECT cold_rows, hot_rows FROM omendb.table_stats(''flights_omendb'')'
VACUUM flights_omendb;
SELECT format('  cold %s, hot %s', cold_rows - dead_rows, hot_rows) FROM omendb.table_stats('flights_omendb');
SELECT quickstart.fingerprint('flights_omendb') AS before \gset
SET client_min_messages = info;
\echo '  CALL omendb.compact(''flights_omendb'', true, verbose => true)'
CALL omendb.compact('flights_omendb', true, verbose => true);
SET client_min_messages = warning;
VACUUM flights_omendb;
SELECT format('  cold %s, hot %s', cold_rows - dead_rows, hot_rows) FROM omendb.table_stats('flights_omendb');
SELECT quickstart.fingerprint('flights_omendb') = :'before' AS same \gset
\if :same
\echo '  The same rows as before. By itself VACUUM has a background worker do this, when there are 131,072 hot rows.'
\else
\echo '  the rows differ'
SELECT 1 / 0;
\endif
