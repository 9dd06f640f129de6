/*
 * tpch_copy.c
 *		TPC-H's tables as COPY reads them: a line a row, tabs between columns.
 *		No value needs an escape, none is NULL.
 */
#include "tpch.h"

#include <string.h>

/* what a row has at most, and its texts */
#define ROW_MAX 1024
#define BUFFER_SIZE (64 * 1024)

typedef struct Output
{
	FILE *file;
	char *end;
	char dates[TPCH_LAST_DAY + 1][10];
	char buffer[BUFFER_SIZE];
} Output;

/* --- values ----------------------------------------------------------------------------------- */

static void
put_tab(Output *out)
{
	*out->end++ = '\t';
}

static void
put_string(Output *out, const char *string)
{
	size_t length = strlen(string);

	memcpy(out->end, string, length);
	out->end += length;
}

/* put_padded --- with zeros in front, at least so many digits */
static void
put_padded(Output *out, int64_t number, int digits)
{
	char reversed[24];
	int n = 0;

	do
	{
		reversed[n++] = (char) ('0' + number % 10);
		number /= 10;
	} while (number > 0 || n < digits);
	while (n > 0)
		*out->end++ = reversed[--n];
}

static void
put_integer(Output *out, int64_t number)
{
	put_padded(out, number, 1);
}

/* put_hundredths --- money, discount and tax */
static void
put_hundredths(Output *out, int64_t number)
{
	if (number < 0)
	{
		*out->end++ = '-';
		number = -number;
	}
	put_padded(out, number / 100, 1);
	*out->end++ = '.';
	put_padded(out, number % 100, 2);
}

static void
put_date(Output *out, int day)
{
	memcpy(out->end, out->dates[day], sizeof(out->dates[day]));
	out->end += sizeof(out->dates[day]);
}

static void
make_dates(Output *out)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int day = 0;

	for (int year = 1992; year <= 1998; year++)
		for (int month = 0; month < 12; month++)
		{
			int length = lengths[month] + (month == 1 && year % 4 == 0);

			for (int i = 1; i <= length; i++)
			{
				out->end = out->dates[day++];
				put_padded(out, year, 4);
				*out->end++ = '-';
				put_padded(out, month + 1, 2);
				*out->end++ = '-';
				put_padded(out, i, 2);
			}
		}
	out->end = out->buffer;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void
flush(Output *out)
{
	/* an error is remembered by the file */
	fwrite(out->buffer, 1, (size_t) (out->end - out->buffer), out->file);
	out->end = out->buffer;
}

static void
end_row(Output *out)
{
	*out->end++ = '\n';
	if (out->end > out->buffer + BUFFER_SIZE - ROW_MAX)
		flush(out);
}

static void
copy_region(const Tpch *tpch, Output *out)
{
	for (int key = 0; key < TPCH_REGIONS; key++)
	{
		put_integer(out, key);
		put_tab(out);
		put_string(out, tpch_region_name(key));
		put_tab(out);
		out->end += tpch_region_comment(tpch, key, out->end);
		end_row(out);
	}
}

static void
copy_nation(const Tpch *tpch, Output *out)
{
	for (int key = 0; key < TPCH_NATIONS; key++)
	{
		put_integer(out, key);
		put_tab(out);
		put_string(out, tpch_nation_name(key));
		put_tab(out);
		put_integer(out, tpch_nation_region(key));
		put_tab(out);
		out->end += tpch_nation_comment(tpch, key, out->end);
		end_row(out);
	}
}

static void
copy_part(const Tpch *tpch, Output *out)
{
	for (int64_t key = 1; key <= tpch->parts; key++)
	{
		TpchPart part;

		tpch_part(tpch, key, &part);
		put_integer(out, key);
		put_tab(out);
		out->end += tpch_part_name(tpch, key, out->end);
		put_string(out, "\tManufacturer#");
		put_integer(out, part.manufacturer);
		put_string(out, "\tBrand#");
		put_integer(out, part.manufacturer);
		put_integer(out, part.brand);
		for (int i = 0; i < 3; i++)
		{
			put_string(out, i == 0 ? "\t" : " ");
			put_string(out, part.type[i]);
		}
		put_tab(out);
		put_integer(out, part.size);
		put_tab(out);
		put_string(out, part.container[0]);
		put_string(out, " ");
		put_string(out, part.container[1]);
		put_tab(out);
		put_hundredths(out, part.retailprice);
		put_tab(out);
		out->end += tpch_part_comment(tpch, key, out->end);
		end_row(out);
	}
}

static void
copy_partsupp(const Tpch *tpch, Output *out)
{
	for (int64_t key = 1; key <= tpch->parts; key++)
		for (int i = 0; i < TPCH_PART_SUPPLIERS; i++)
		{
			TpchPartSupplier row;

			tpch_partsupp(tpch, key, i, &row);
			put_integer(out, key);
			put_tab(out);
			put_integer(out, row.suppkey);
			put_tab(out);
			put_integer(out, row.availqty);
			put_tab(out);
			put_hundredths(out, row.supplycost);
			put_tab(out);
			out->end += tpch_partsupp_comment(tpch, key, i, out->end);
			end_row(out);
		}
}

/* put_party --- from the country's code, which is its key and ten, to the balance */
static void
put_party(Output *out, const TpchParty *party)
{
	put_tab(out);
	put_integer(out, party->nationkey);
	put_tab(out);
	put_integer(out, party->nationkey + 10);
	for (int i = 0; i < 3; i++)
	{
		put_string(out, "-");
		put_integer(out, party->phone[i]);
	}
	put_tab(out);
	put_hundredths(out, party->acctbal);
	put_tab(out);
}

static void
copy_supplier(const Tpch *tpch, Output *out)
{
	for (int64_t key = 1; key <= tpch->suppliers; key++)
	{
		TpchParty supplier;

		tpch_supplier(tpch, key, &supplier);
		put_integer(out, key);
		put_string(out, "\tSupplier#");
		put_padded(out, key, 9);
		put_tab(out);
		out->end += tpch_supplier_address(tpch, key, out->end);
		put_party(out, &supplier);
		out->end += tpch_supplier_comment(tpch, key, out->end);
		end_row(out);
	}
}

static void
copy_customer(const Tpch *tpch, Output *out)
{
	for (int64_t key = 1; key <= tpch->customers; key++)
	{
		TpchParty customer;

		tpch_customer(tpch, key, &customer);
		put_integer(out, key);
		put_string(out, "\tCustomer#");
		put_padded(out, key, 9);
		put_tab(out);
		out->end += tpch_customer_address(tpch, key, out->end);
		put_party(out, &customer);
		put_string(out, customer.segment);
		put_tab(out);
		out->end += tpch_customer_comment(tpch, key, out->end);
		end_row(out);
	}
}

static void
copy_orders(const Tpch *tpch, Output *out)
{
	for (int64_t number = 0; number < tpch->orders; number++)
	{
		TpchOrder order;

		tpch_order(tpch, number, &order);
		put_integer(out, order.orderkey);
		put_tab(out);
		put_integer(out, order.custkey);
		put_tab(out);
		*out->end++ = order.status;
		put_tab(out);
		put_hundredths(out, order.totalprice);
		put_tab(out);
		put_date(out, order.date);
		put_tab(out);
		put_string(out, order.priority);
		put_string(out, "\tClerk#");
		put_padded(out, order.clerk, 9);
		put_string(out, "\t0\t");
		out->end += tpch_order_comment(tpch, number, out->end);
		end_row(out);
	}
}

static void
put_line(Output *out, const TpchLine *line)
{
	put_integer(out, line->quantity);
	put_tab(out);
	put_hundredths(out, line->extendedprice);
	put_tab(out);
	put_hundredths(out, line->discount);
	put_tab(out);
	put_hundredths(out, line->tax);
	put_tab(out);
	*out->end++ = line->returnflag;
	put_tab(out);
	*out->end++ = line->linestatus;
	put_tab(out);
	put_date(out, line->shipdate);
	put_tab(out);
	put_date(out, line->commitdate);
	put_tab(out);
	put_date(out, line->receiptdate);
	put_tab(out);
	put_string(out, line->instructions);
	put_tab(out);
	put_string(out, line->mode);
	put_tab(out);
}

static void
copy_lineitem(const Tpch *tpch, Output *out)
{
	for (int64_t number = 0; number < tpch->orders; number++)
	{
		TpchOrder order;

		tpch_order(tpch, number, &order);
		for (int i = 0; i < order.nlines; i++)
		{
			put_integer(out, order.orderkey);
			put_tab(out);
			put_integer(out, order.lines[i].partkey);
			put_tab(out);
			put_integer(out, order.lines[i].suppkey);
			put_tab(out);
			put_integer(out, i + 1);
			put_tab(out);
			put_line(out, &order.lines[i]);
			out->end += tpch_line_comment(tpch, number, i, out->end);
			end_row(out);
		}
	}
}

/*
 * tpch_copy --- a whole table; false if there is none of this name.  Whether
 * all could be written is for ferror() to say.
 */
bool
tpch_copy(const Tpch *tpch, const char *table, FILE *file)
{
	static const struct
	{
		const char *name;
		void (*copy)(const Tpch *tpch, Output *out);
	} tables[] = {
		{ "region", copy_region },	   { "nation", copy_nation },	  { "part", copy_part },
		{ "partsupp", copy_partsupp }, { "supplier", copy_supplier }, { "customer", copy_customer },
		{ "orders", copy_orders },	   { "lineitem", copy_lineitem },
	};
	static Output out;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (strcmp(table, tables[i].name) == 0)
		{
			out.file = file;
			make_dates(&out);
			tables[i].copy(tpch, &out);
			flush(&out);
			return true;
		}
	return false;
}
