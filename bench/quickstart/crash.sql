-- One transaction that is still at work when the server dies.
INSERT INTO flights_omendb
	SELECT hashint8(g)::bigint + 2147483648, timestamp '2001-01-01' + hashint8(-g) * interval '1 millisecond',
		0, 100, 'AAA', 'BBB'
	FROM (SELECT generate_series(1, 1000000000) AS g) endless;
