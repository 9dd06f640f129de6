/*
 * tpch.h
 *		The eight tables of TPC-H, written from the column rules of the public
 *		specification (clause 4.2), with words of our own.
 *
 * A row is a function of the seed, the scale, its table and its number, and
 * of nothing else: tables can be made one at a time, in any order, and an
 * order is the same whether orders or lineitem is asked for.  Money is in
 * cents, discount and tax in hundredths, dates are days since 1992-01-01.
 *
 * The texts of a row are functions of their own, so that who wants numbers
 * only does not pay for them.  They do not end with a zero byte; the result
 * is the length.
 */
#ifndef TPCH_H
#define TPCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TPCH_SEED 1

/*
 * Below the smallest scale there are not four suppliers a part; beyond the
 * greatest one keys would need more than 32 bits where tables.sql has int.
 */
#define TPCH_SCALE_MIN 0.001
#define TPCH_SCALE_MAX 1000.0

#define TPCH_NATIONS 25
#define TPCH_REGIONS 5
#define TPCH_PART_SUPPLIERS 4
#define TPCH_LINES_MAX 7

/* CURRENTDATE of the specification, 1995-06-17, and the last day of all, 1998-12-31 */
#define TPCH_TODAY 1263
#define TPCH_LAST_DAY 2556

/* no text is longer, but for a few words that may be written behind its end */
#define TPCH_TEXT_MAX 256

typedef struct Tpch
{
	uint64_t seed;
	int64_t suppliers;
	int64_t parts;
	int64_t customers;
	int64_t orders;
	int64_t clerks;
} Tpch;

typedef struct TpchPart
{
	int manufacturer; /* 1 .. 5 */
	int brand;		  /* within it, 1 .. 5 */
	const char *type[3];
	const char *container[2];
	int size;
	int64_t retailprice;
} TpchPart;

typedef struct TpchPartSupplier
{
	int64_t suppkey;
	int availqty;
	int64_t supplycost;
} TpchPartSupplier;

/* what suppliers and customers have in common */
typedef struct TpchParty
{
	int nationkey;
	int phone[3];
	int64_t acctbal;
	const char *segment; /* of customers */
} TpchParty;

typedef struct TpchLine
{
	int64_t partkey;
	int64_t suppkey;
	int quantity;
	int64_t extendedprice;
	int discount;
	int tax;
	char returnflag;
	char linestatus;
	int shipdate;
	int commitdate;
	int receiptdate;
	const char *instructions;
	const char *mode;
} TpchLine;

typedef struct TpchOrder
{
	int64_t orderkey;
	int64_t custkey;
	char status;
	int64_t totalprice;
	int date;
	const char *priority;
	int64_t clerk;
	int nlines;
	TpchLine lines[TPCH_LINES_MAX];
} TpchOrder;

/* tpch_rows.c; keys count from 1, orders from 0 */
extern bool tpch_init(Tpch *tpch, double scale, uint64_t seed);
extern int64_t tpch_retail_price(int64_t partkey);
extern int64_t tpch_part_supplier(const Tpch *tpch, int64_t partkey, int which);
extern void tpch_part(const Tpch *tpch, int64_t partkey, TpchPart *part);
extern void tpch_partsupp(const Tpch *tpch, int64_t partkey, int which, TpchPartSupplier *row);
extern void tpch_supplier(const Tpch *tpch, int64_t suppkey, TpchParty *supplier);
extern void tpch_customer(const Tpch *tpch, int64_t custkey, TpchParty *customer);
extern void tpch_order(const Tpch *tpch, int64_t number, TpchOrder *order);
extern const char *tpch_nation_name(int nationkey);
extern int tpch_nation_region(int nationkey);
extern const char *tpch_region_name(int regionkey);

/* tpch_text.c */
extern size_t tpch_part_name(const Tpch *tpch, int64_t partkey, char *text);
extern size_t tpch_part_comment(const Tpch *tpch, int64_t partkey, char *text);
extern size_t tpch_partsupp_comment(const Tpch *tpch, int64_t partkey, int which, char *text);
extern size_t tpch_supplier_address(const Tpch *tpch, int64_t suppkey, char *text);
extern size_t tpch_supplier_comment(const Tpch *tpch, int64_t suppkey, char *text);
extern size_t tpch_customer_address(const Tpch *tpch, int64_t custkey, char *text);
extern size_t tpch_customer_comment(const Tpch *tpch, int64_t custkey, char *text);
extern size_t tpch_order_comment(const Tpch *tpch, int64_t number, char *text);
extern size_t tpch_line_comment(const Tpch *tpch, int64_t number, int line, char *text);
extern size_t tpch_nation_comment(const Tpch *tpch, int nationkey, char *text);
extern size_t tpch_region_comment(const Tpch *tpch, int regionkey, char *text);

/* tpch_copy.c */
extern bool tpch_copy(const Tpch *tpch, const char *table, FILE *file);

#endif
