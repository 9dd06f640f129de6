-- All of the table and of its indexes; again when VACUUM has removed what the lost transaction left behind.
SELECT quickstart.verify() \g /dev/null
\echo 'omendb.check(table): no problem.  omendb.alex_check(index, heapallindexed => true): both alex indexes are clean'
VACUUM flights_omendb;
SELECT quickstart.verify() \g /dev/null
\echo 'and after VACUUM again'
