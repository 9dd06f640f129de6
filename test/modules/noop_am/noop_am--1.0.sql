\echo Use "CREATE EXTENSION noop_am" to load this file. \quit

CREATE FUNCTION noop_am_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE ACCESS METHOD noop TYPE INDEX HANDLER noop_am_handler;

CREATE OPERATOR CLASS int8_ops DEFAULT FOR TYPE int8 USING noop AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
