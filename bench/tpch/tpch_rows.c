/*
 * tpch_rows.c
 *		Keys, numbers, dates and chosen words of TPC-H's tables.
 */
#include "tpch.h"
#include "tpch_draw.h"

#include <math.h>

#define choose(draw, words) \
	((words)[draw_between((draw), 0, (int64_t) (sizeof(words) / sizeof((words)[0])) - 1)])

/* between an order and the last receipt of one of its lines lie 151 days at most */
#define LAST_ORDER_DAY (TPCH_LAST_DAY - 151)

static const char *const regions[TPCH_REGIONS] = { "AFRICA", "AMERICA", "ASIA", "EUROPE",
												   "MIDDLE EAST" };

static const struct
{
	const char *name;
	int region;
} nations[TPCH_NATIONS] = {
	{ "ALGERIA", 0 },		{ "ARGENTINA", 1 }, { "BRAZIL", 1 }, { "CANADA", 1 },
	{ "EGYPT", 4 },			{ "ETHIOPIA", 0 },	{ "FRANCE", 3 }, { "GERMANY", 3 },
	{ "INDIA", 2 },			{ "INDONESIA", 2 }, { "IRAN", 4 },	 { "IRAQ", 4 },
	{ "JAPAN", 2 },			{ "JORDAN", 4 },	{ "KENYA", 0 },	 { "MOROCCO", 0 },
	{ "MOZAMBIQUE", 0 },	{ "PERU", 1 },		{ "CHINA", 2 },	 { "ROMANIA", 3 },
	{ "SAUDI ARABIA", 4 },	{ "VIETNAM", 2 },	{ "RUSSIA", 3 }, { "UNITED KINGDOM", 3 },
	{ "UNITED STATES", 1 },
};

static const char *const type_1[] = { "STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO" };
static const char *const type_2[] = { "ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED" };
static const char *const type_3[] = { "TIN", "NICKEL", "BRASS", "STEEL", "COPPER" };
static const char *const container_1[] = { "SM", "LG", "MED", "JUMBO", "WRAP" };
static const char *const container_2[] = {
	"CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM"
};
static const char *const segments[] = { "AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY",
										"HOUSEHOLD" };
static const char *const priorities[] = { "1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED",
										  "5-LOW" };
static const char *const instructions[] = { "DELIVER IN PERSON", "COLLECT COD", "NONE",
											"TAKE BACK RETURN" };
static const char *const modes[] = { "REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB" };

/*
 * tpch_init --- false if there is no such scale.
 */
bool
tpch_init(Tpch *tpch, double scale, uint64_t seed)
{
	if (!(scale >= TPCH_SCALE_MIN && scale <= TPCH_SCALE_MAX))
		return false;
	tpch->seed = seed;
	tpch->suppliers = llround(scale * 10000);
	tpch->parts = llround(scale * 200000);
	tpch->customers = llround(scale * 150000);
	tpch->orders = tpch->customers * 10;
	tpch->clerks = llround(scale * 1000);
	return true;
}

int64_t
tpch_retail_price(int64_t partkey)
{
	return 90000 + partkey / 10 % 20001 + 100 * (partkey % 1000);
}

/*
 * tpch_part_supplier --- the specification's spread of a part's suppliers.  At scales it does not
 * know, below 0.024, its step would now and then lead to the same supplier twice.
 */
int64_t
tpch_part_supplier(const Tpch *tpch, int64_t partkey, int which)
{
	int64_t n = tpch->suppliers;
	int64_t step = n / TPCH_PART_SUPPLIERS + (partkey - 1) / n;

	for (int i = 1; i < TPCH_PART_SUPPLIERS; i++)
		if (i * step % n == 0)
			step = n / TPCH_PART_SUPPLIERS;
	return (partkey + which * step) % n + 1;
}

void
tpch_part(const Tpch *tpch, int64_t partkey, TpchPart *part)
{
	TpchDraw draw = draw_begin(tpch, STREAM_PART, partkey);

	part->manufacturer = (int) draw_between(&draw, 1, 5);
	part->brand = (int) draw_between(&draw, 1, 5);
	part->type[0] = choose(&draw, type_1);
	part->type[1] = choose(&draw, type_2);
	part->type[2] = choose(&draw, type_3);
	part->size = (int) draw_between(&draw, 1, 50);
	part->container[0] = choose(&draw, container_1);
	part->container[1] = choose(&draw, container_2);
	part->retailprice = tpch_retail_price(partkey);
}

void
tpch_partsupp(const Tpch *tpch, int64_t partkey, int which, TpchPartSupplier *row)
{
	TpchDraw draw = draw_begin(tpch, STREAM_PARTSUPP, partkey * TPCH_PART_SUPPLIERS + which);

	row->suppkey = tpch_part_supplier(tpch, partkey, which);
	row->availqty = (int) draw_between(&draw, 1, 9999);
	row->supplycost = draw_between(&draw, 100, 100000);
}

static void
party(TpchDraw *draw, TpchParty *row)
{
	row->nationkey = (int) draw_between(draw, 0, TPCH_NATIONS - 1);
	row->phone[0] = (int) draw_between(draw, 100, 999);
	row->phone[1] = (int) draw_between(draw, 100, 999);
	row->phone[2] = (int) draw_between(draw, 1000, 9999);
	row->acctbal = draw_between(draw, -99999, 999999);
	row->segment = choose(draw, segments);
}

void
tpch_supplier(const Tpch *tpch, int64_t suppkey, TpchParty *supplier)
{
	TpchDraw draw = draw_begin(tpch, STREAM_SUPPLIER, suppkey);

	party(&draw, supplier);
}

void
tpch_customer(const Tpch *tpch, int64_t custkey, TpchParty *customer)
{
	TpchDraw draw = draw_begin(tpch, STREAM_CUSTOMER, custkey);

	party(&draw, customer);
}

static void
order_line(const Tpch *tpch, TpchDraw *draw, int orderdate, TpchLine *line)
{
	line->partkey = draw_between(draw, 1, tpch->parts);
	line->suppkey = tpch_part_supplier(tpch, line->partkey,
									   (int) draw_between(draw, 0, TPCH_PART_SUPPLIERS - 1));
	line->quantity = (int) draw_between(draw, 1, 50);
	line->extendedprice = line->quantity * tpch_retail_price(line->partkey);
	line->discount = (int) draw_between(draw, 0, 10);
	line->tax = (int) draw_between(draw, 0, 8);
	line->shipdate = orderdate + (int) draw_between(draw, 1, 121);
	line->commitdate = orderdate + (int) draw_between(draw, 30, 90);
	line->receiptdate = line->shipdate + (int) draw_between(draw, 1, 30);
	line->returnflag = draw_between(draw, 0, 1) == 0 ? 'R' : 'A';
	if (line->receiptdate > TPCH_TODAY)
		line->returnflag = 'N';
	line->linestatus = line->shipdate > TPCH_TODAY ? 'O' : 'F';
	line->instructions = choose(draw, instructions);
	line->mode = choose(draw, modes);
}

/*
 * tpch_order --- an order and its lines.  Of each 32 keys the first 8 are
 * used; every third customer never orders anything.
 */
void
tpch_order(const Tpch *tpch, int64_t number, TpchOrder *order)
{
	TpchDraw draw = draw_begin(tpch, STREAM_ORDER, number);
	int64_t customer = draw_between(&draw, 0, tpch->customers - tpch->customers / 3 - 1);
	int64_t total = 0;
	int open = 0;

	order->orderkey = number / 8 * 32 + number % 8 + 1;
	order->custkey = customer / 2 * 3 + customer % 2 + 1;
	order->date = (int) draw_between(&draw, 0, LAST_ORDER_DAY);
	order->priority = choose(&draw, priorities);
	order->clerk = draw_between(&draw, 1, tpch->clerks);
	order->nlines = (int) draw_between(&draw, 1, TPCH_LINES_MAX);
	for (int i = 0; i < order->nlines; i++)
	{
		TpchLine *line = &order->lines[i];

		order_line(tpch, &draw, order->date, line);
		total += line->extendedprice * (100 + line->tax) * (100 - line->discount);
		open += line->linestatus == 'O';
	}
	order->status = open == 0 ? 'F' : open == order->nlines ? 'O' : 'P';
	order->totalprice = (total + 5000) / 10000;
}

const char *
tpch_nation_name(int nationkey)
{
	return nations[nationkey].name;
}

int
tpch_nation_region(int nationkey)
{
	return nations[nationkey].region;
}

const char *
tpch_region_name(int regionkey)
{
	return regions[regionkey];
}
