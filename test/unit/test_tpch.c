/*
 * test_tpch.c
 *		The generator of TPC-H's tables keeps the rules of the specification:
 *		number of rows, keys that refer to one another, ranges and shares of
 *		values, sums and dates; and makes the same bytes each time.
 */
// sources: bench/tpch/tpch_copy.c bench/tpch/tpch_rows.c bench/tpch/tpch_text.c
#include "../../bench/tpch/tpch.h"
#include "unit.h"

#include <math.h>

static Tpch tpch;

/* --- keys and rows ---------------------------------------------------------------------------- */

static void
scales(void)
{
	Tpch other;

	ok(tpch_init(&other, 1, TPCH_SEED) && other.suppliers == 10000 && other.parts == 200000 &&
		   other.customers == 150000 && other.orders == 1500000 && other.clerks == 1000,
	   "rows at scale 1");
	ok(tpch.suppliers == 100 && tpch.parts == 2000 && tpch.customers == 1500 &&
		   tpch.orders == 15000 && tpch.clerks == 10,
	   "rows at scale 0.01");
	ok(!tpch_init(&other, 0, TPCH_SEED) && !tpch_init(&other, -1, TPCH_SEED) &&
		   !tpch_init(&other, 1e9, TPCH_SEED) && !tpch_init(&other, NAN, TPCH_SEED),
	   "no such scales");
}

static void
part_suppliers(void)
{
	static const double some[] = { 0.001, 0.002, 0.004, 0.006, 0.01, 0.012, 0.0235, 0.1, 1, 10 };

	for (size_t s = 0; s < sizeof(some) / sizeof(some[0]); s++)
	{
		Tpch other;
		int64_t step;

		check(tpch_init(&other, some[s], TPCH_SEED), "scale %g", some[s]);
		step = other.parts / 5000 + 1;
		for (int64_t part = 1; part <= other.parts; part += step)
		{
			int64_t of[TPCH_PART_SUPPLIERS];

			for (int i = 0; i < TPCH_PART_SUPPLIERS; i++)
			{
				of[i] = tpch_part_supplier(&other, part, i);
				check(of[i] >= 1 && of[i] <= other.suppliers, "scale %g: no supplier %lld", some[s],
					  (long long) of[i]);
				for (int j = 0; j < i; j++)
					check(of[i] != of[j], "scale %g: part %lld has supplier %lld twice", some[s],
						  (long long) part, (long long) of[i]);
			}
		}
	}
	ok(true, "four suppliers a part at all scales");
	check(tpch_init(&tpch, 1, TPCH_SEED), "scale 1");
	ok(tpch_part_supplier(&tpch, 1, 0) == 2 && tpch_part_supplier(&tpch, 1, 3) == 7502 &&
		   tpch_part_supplier(&tpch, 199999, 1) == 2519,
	   "which ones at scale 1");
	tpch_init(&tpch, 0.01, TPCH_SEED);
}

static void
prices(void)
{
	ok(tpch_retail_price(1) == 90100 && tpch_retail_price(999) == 189999 &&
		   tpch_retail_price(1000) == 90100 && tpch_retail_price(199999) == 209899,
	   "retail prices");
}

/* --- shares of values ------------------------------------------------------------------------- */

/* fair --- all of n values come up about equally often, each at least once */
static void
fair(const char *what, const int64_t *counts, int n)
{
	int64_t total = 0;
	double squares = 0;
	double expected;

	for (int i = 0; i < n; i++)
		total += counts[i];
	expected = (double) total / n;
	for (int i = 0; i < n; i++)
		squares += ((double) counts[i] - expected) * ((double) counts[i] - expected) / expected;
	/* chi-square, five standard deviations; the seed is fixed, so this never fails by chance */
	check(squares < n - 1 + 5 * sqrt(2.0 * (n - 1)), "%s: shares of %d values differ: %g", what, n,
		  squares);
}

#define COUNT(counts, value, low, high) \
	do \
	{ \
		check((value) >= (low) && (value) <= (high), #counts ": %lld is none", \
			  (long long) (value)); \
		(counts)[(value) - (low)]++; \
	} while (0)

static int64_t quantity[50], discount[11], tax[9], lines[TPCH_LINES_MAX], days[2406], ship[121],
	commit[61], receipt[30], customers_used[1501], clerk[10], parts_used[2001];

static void
one_line(const TpchOrder *order, const TpchLine *line)
{
	bool supplied = false;

	COUNT(parts_used, line->partkey, 0, tpch.parts);
	for (int i = 0; i < TPCH_PART_SUPPLIERS; i++)
		supplied |= line->suppkey == tpch_part_supplier(&tpch, line->partkey, i);
	check(supplied, "part %lld is not from supplier %lld", (long long) line->partkey,
		  (long long) line->suppkey);
	COUNT(quantity, line->quantity, 1, 50);
	COUNT(discount, line->discount, 0, 10);
	COUNT(tax, line->tax, 0, 8);
	COUNT(ship, line->shipdate - order->date, 1, 121);
	COUNT(commit, line->commitdate - order->date, 30, 90);
	COUNT(receipt, line->receiptdate - line->shipdate, 1, 30);
	check(line->extendedprice == line->quantity * tpch_retail_price(line->partkey), "price");
	check(line->linestatus == (line->shipdate > TPCH_TODAY ? 'O' : 'F'), "line's status");
	check((line->returnflag == 'N') == (line->receiptdate > TPCH_TODAY), "return flag");
	check(strchr("NAR", line->returnflag) != NULL, "return flag %c", line->returnflag);
}

static void
orders(void)
{
	int64_t last = 0;
	int64_t all = 0;
	int64_t returned = 0;
	int64_t accepted = 0;
	int64_t partly = 0;
	int64_t buyers = 0;

	for (int64_t n = 0; n < tpch.orders; n++)
	{
		TpchOrder order;
		double total = 0;
		int open = 0;

		tpch_order(&tpch, n, &order);
		check(order.orderkey > last && (order.orderkey - 1) % 32 < 8, "key %lld after %lld",
			  (long long) order.orderkey, (long long) last);
		last = order.orderkey;
		COUNT(customers_used, order.custkey, 0, tpch.customers);
		COUNT(days, order.date, 0, 2405);
		COUNT(clerk, order.clerk, 1, 10);
		COUNT(lines, order.nlines, 1, TPCH_LINES_MAX);
		for (int i = 0; i < order.nlines; i++)
		{
			const TpchLine *line = &order.lines[i];

			one_line(&order, line);
			open += line->linestatus == 'O';
			returned += line->returnflag == 'R';
			accepted += line->returnflag == 'A';
			total += (double) line->extendedprice * (1 + line->tax / 100.0) *
					 (1 - line->discount / 100.0);
		}
		all += order.nlines;
		partly += order.status == 'P';
		check(order.status == (open == 0 ? 'F' : open == order.nlines ? 'O' : 'P'), "status");
		check(fabs(total - (double) order.totalprice) <= 0.51, "total price");
	}
	ok(last == 15000 / 8 * 32 - 24, "order keys are sparse");
	ok(all > tpch.orders * 39 / 10 && all < tpch.orders * 41 / 10, "four lines an order");
	ok(true, "lines: prices, dates, flags, and suppliers that have the part");

	fair("quantity", quantity, 50);
	fair("discount", discount, 11);
	fair("tax", tax, 9);
	fair("lines", lines, TPCH_LINES_MAX);
	fair("order date", days, 2406);
	fair("days to ship", ship, 121);
	fair("days to commit", commit, 61);
	fair("days to receive", receipt, 30);
	fair("clerk", clerk, 10);
	fair("part", parts_used + 1, (int) tpch.parts);
	ok(true, "all values alike");

	for (int64_t key = 1; key <= tpch.customers; key++)
	{
		check(key % 3 != 0 || customers_used[key] == 0, "customer %lld orders", (long long) key);
		buyers += customers_used[key] != 0;
	}
	ok(buyers > tpch.customers * 66 / 100, "every third customer never orders, the others do");
	ok(labs((long) (returned - accepted)) < (returned + accepted) / 50, "half are returned");
	ok(partly > tpch.orders / 50 && partly < tpch.orders / 20, "few orders are partly shipped");
}

static void
parties(void)
{
	static int64_t nation[TPCH_NATIONS], balance[100], area[900];
	int64_t in_region[TPCH_REGIONS] = { 0 };

	for (int64_t key = 1; key <= tpch.customers; key++)
	{
		TpchParty row;

		tpch_customer(&tpch, key, &row);
		COUNT(nation, row.nationkey, 0, TPCH_NATIONS - 1);
		check(row.acctbal >= -99999 && row.acctbal <= 999999, "balance");
		balance[(row.acctbal + 99999) / 11000]++;
		COUNT(area, row.phone[0], 100, 999);
		check(row.phone[2] >= 1000 && row.phone[2] <= 9999, "phone");
	}
	fair("nation", nation, TPCH_NATIONS);
	fair("balance", balance, 100);
	fair("phone", area, 900);
	for (int key = 0; key < TPCH_NATIONS; key++)
		in_region[tpch_nation_region(key)]++;
	for (int key = 0; key < TPCH_REGIONS; key++)
		check(in_region[key] == 5, "region %d has %d nations", key, (int) in_region[key]);
	ok(true, "customers, nations and regions");
}

/* --- texts ------------------------------------------------------------------------------------ */

/* rest --- a text has so many bytes, none that COPY would have to escape; returns it as a string */
static const char *
rest(char *text, size_t length, size_t min, size_t max)
{
	check(length >= min && length <= max, "a text of %zu bytes", length);
	for (size_t i = 0; i < length; i++)
		check(text[i] >= ' ' && text[i] <= 'z' && text[i] != '\\', "byte %d", text[i]);
	text[length] = '\0';
	return text;
}

static void
texts(void)
{
	char text[TPCH_TEXT_MAX];
	int asked = 0;
	int complaints = 0;
	int recommendations = 0;
	Tpch one;

	for (int64_t n = 0; n < tpch.orders; n++)
	{
		const char *found =
			strstr(rest(text, tpch_order_comment(&tpch, n, text), 19, 78), "special");

		asked += found != NULL && strstr(found, "requests") != NULL;
		rest(text, tpch_line_comment(&tpch, n, 0, text), 10, 43);
	}
	ok(asked > tpch.orders / 200 && asked < tpch.orders / 50, "some special requests: %d", asked);
	for (int64_t key = 1; key <= tpch.parts; key++)
	{
		const char *name = rest(text, tpch_part_name(&tpch, key, text), 5 * 3 + 4, 55);
		int spaces = 0;

		for (; *name != '\0'; name++)
			spaces += *name == ' ';
		check(spaces == 4, "a name has five words");
		rest(text, tpch_part_comment(&tpch, key, text), 5, 22);
		rest(text, tpch_partsupp_comment(&tpch, key, 3, text), 49, 198);
	}
	for (int64_t key = 1; key <= tpch.customers; key++)
	{
		rest(text, tpch_customer_address(&tpch, key, text), 10, 40);
		rest(text, tpch_customer_comment(&tpch, key, text), 29, 116);
	}
	check(tpch_init(&one, 1, TPCH_SEED), "scale 1");
	for (int64_t key = 1; key <= one.suppliers; key++)
	{
		const char *found;

		rest(text, tpch_supplier_address(&one, key, text), 10, 40);
		found = strstr(rest(text, tpch_supplier_comment(&one, key, text), 25, 100), "Customer");
		complaints += found != NULL && strstr(found, "Complaints") != NULL;
		recommendations += found != NULL && strstr(found, "Recommends") != NULL;
	}
	ok(complaints == 5 && recommendations == 5, "five suppliers with complaints, five others not");
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* copied --- FNV-1a of a table's text; number of its lines */
static uint64_t
copied(const Tpch *of, const char *table, int64_t *rows)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);
	uint64_t hash = UINT64_C(0xCBF29CE484222325);

	check(file != NULL && tpch_copy(of, table, file) && fclose(file) == 0, "%s", table);
	*rows = 0;
	for (size_t i = 0; i < length; i++)
	{
		hash = (hash ^ (unsigned char) text[i]) * UINT64_C(0x100000001B3);
		*rows += text[i] == '\n';
	}
	free(text);
	return hash;
}

static void
bytes(void)
{
	/* figures of one version of the generator are not comparable with those of another */
	static const struct
	{
		const char *table;
		int64_t rows;
		uint64_t hash;
	} tables[] = {
		{ "region", 5, UINT64_C(0x4FD84ABB31637639) },
		{ "nation", 25, UINT64_C(0xD02D6A41F6D3D811) },
		{ "part", 2000, UINT64_C(0xFE2737BBADD4A677) },
		{ "partsupp", 8000, UINT64_C(0xA49E00F5C70B7D49) },
		{ "supplier", 100, UINT64_C(0x055789D6E38CA194) },
		{ "customer", 1500, UINT64_C(0xAD89D2293604D279) },
		{ "orders", 15000, UINT64_C(0x7BAE0AD803C8185E) },
		{ "lineitem", 60259, UINT64_C(0x282A357A8B51B543) },
	};
	Tpch other;
	int64_t rows;

	tpch_init(&other, 0.01, TPCH_SEED + 1);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
	{
		const char *table = tables[i].table;
		uint64_t hash = copied(&tpch, table, &rows);

		ok(rows == tables[i].rows && hash == tables[i].hash, "%s: %lld rows, hash 0x%016llX", table,
		   (long long) rows, (unsigned long long) hash);
		check(copied(&other, table, &rows) != hash, "%s: another seed, the same rows", table);
	}
	ok(!tpch_copy(&tpch, "lines", stdout), "no such table");
}

int
main(void)
{
	check(tpch_init(&tpch, 0.01, TPCH_SEED), "scale 0.01");
	scales();
	part_suppliers();
	prices();
	orders();
	parties();
	texts();
	bytes();
	return done();
}
