/*
 * test_alex_unlink.c
 *		The ops of page deletion: what they make of a page, that redo makes the same,
 *		and what they refuse.
 */
// sources: src/codec/linear.c src/codec/linear_wide.c src/alex/alex_page.c src/alex/alex_decode.c src/alex/alex_pagecheck.c src/alex/alex_fit.c src/alex/alex_cut.c src/alex/alex_plan.c src/alex/alex_apply.c src/alex/alex_op.c src/alex/alex_unlink.c
#include "alex/alex_unlink.h"
#include "alex_testing.h"

#define INVALID_BLOCK 0xFFFFFFFFU

static AlexPlan plan;
static AlexItem items[2048];
static char *before;

/* a page in the middle of its level: both fences, both links; as many of the items as it holds */
static uint32
middle_page(char *page, bool inner, uint32 n)
{
	AlexForm form = form_of(inner);

	test_page_init(page, inner);
	for (;; n = n * 3 / 4)
	{
		memcpy(plan.stream, items, n * sizeof(AlexItem));
		for (uint32 i = 0; i < n && !inner; i++)
			plan.stream[i].child = 0;
		plan.nstream = (int) n;
		plan.count = 0;
		check(alex_plan_items(&plan, 0, (int) n, form), "plan of %u entries", n);
		if (alex_plan_fits(form, plan.bytes, 1500))
			break;
	}
	check(alex_assemble(page, NULL, &plan, 0, plan.count), "assemble");
	alex_page_set_low(page, items[0].key, items[0].tag);
	alex_page_set_high(page, items[n - 1].key, items[n - 1].tag + 1);
	alex_opaque(page)->left = 11;
	alex_opaque(page)->right = 12;
	if (!inner)
		for (uint32 i = 0; i < n; i++)
			items[i].child = 0;
	check_page(page, items, (int) n, 5);
	return n;
}

/* in level_op: refused, whatever it has done to a copy */
static bool
refused(const char *page, uint32 len)
{
	char *copy = new_page();
	char *op = malloc(len);
	bool applied;

	memcpy(copy, page, BLCKSZ);
	memcpy(op, level_op, len); /* to the byte */
	applied = alex_apply(copy, op, len);
	free(op);
	free(copy);
	return !applied;
}

/* no beginning of the op in level_op is an op */
static void
refuses_shorter(const char *page, uint32 len, const char *what)
{
	uint32 step = len > 200 ? len / 100 : 1;

	for (uint32 part = 1; part < len; part += step)
		check(refused(page, part), "%s: %u bytes of %u apply", what, part, len);
	level_op[len] = 0;
	check(refused(page, len + 1), "%s: a byte more applies", what);
}

/* ---- leaves ---- */

/* links and fences of the page are those of `before` */
static void
same_place(const char *page, const char *what)
{
	check(memcmp(page + ALEX_PAGE_HEADER_BYTES, before + ALEX_PAGE_HEADER_BYTES,
				 ALEX_DIR_OFF(alex_page_form(page)) - ALEX_PAGE_HEADER_BYTES) == 0 &&
			  alex_opaque(page)->left == 11 && alex_opaque(page)->right == 12,
		  "%s: fences or links differ", what);
}

static void
remove_all(char *page)
{
	uint8 drops[ALEX_DROP_BITMAP_BYTES];
	uint32 bits = alex_page_entries(page);

	memset(drops, 0xFF, sizeof(drops));
	level_apply(page, alex_op_mark(level_op, drops, bits));
}

/* live -> removed entries only -> half-dead, with and without a top parent -> deleted */
static void
leaf_dies(AlexDist dist)
{
	static const uint16 busy[] = { ALEX_ROOT, ALEX_INCOMPLETE_SPLIT, ALEX_DELETED, ALEX_HIGH_INF };
	char *page = new_page();
	uint32 n = sorted_arrivals(dist, false, items, 700);
	AlexPageOpaque *o = alex_opaque(page);
	uint32 top;

	(void) middle_page(page, false, n);
	check(refused(page, alex_op_half_dead(level_op, INVALID_BLOCK)), "a leaf with entries dies");
	check(refused(page, alex_op_deleted(level_op, 77)), "a live leaf is deleted");

	/* merged: with entries, too; once */
	memcpy(before, page, BLCKSZ);
	for (uint32 i = 0; i < lengthof(busy); i++)
	{
		o->flags |= busy[i];
		check(refused(page, alex_op_merged(level_op)), "a leaf with flag %u is merged", busy[i]);
		o->flags &= (uint16) ~busy[i];
	}
	level_apply(page, alex_op_merged(level_op));
	check((o->flags & ALEX_HALF_DEAD) && o->safexid == INVALID_BLOCK &&
			  alex_page_entries(page) == 0,
		  "merged: flags %x, names %u", o->flags, (uint32) o->safexid);
	check_page(page, NULL, 0, 5);
	same_place(page, "merged");
	check(refused(page, alex_op_merged(level_op)), "merged twice");
	memcpy(page, before, BLCKSZ);

	remove_all(page);
	if (unit_random_below(2))
	{
		/* one entry in the gap run, or back to life, is one too many */
		AlexItem one = items[0];
		uint32 len = unit_random_below(2)
						 ? alex_op_unmark(level_op, (uint32) unit_random_below(o->nbase))
						 : alex_op_gap_insert(level_op, form_of(false), 0, &one);

		memcpy(before, page, BLCKSZ);
		check(alex_apply(before, level_op, len), "one entry");
		check(refused(before, alex_op_half_dead(level_op, INVALID_BLOCK)),
			  "a leaf with an entry dies");
	}
	for (uint32 i = 0; i < lengthof(busy); i++)
	{
		o->flags |= busy[i];
		check(refused(page, alex_op_half_dead(level_op, INVALID_BLOCK)), "a leaf with flag %u dies",
			  busy[i]);
		o->flags &= (uint16) ~busy[i];
	}
	memcpy(before, page, BLCKSZ);
	top = unit_random_below(2) ? INVALID_BLOCK : (uint32) unit_random();
	refuses_shorter(page, alex_op_half_dead(level_op, top), "HALF_DEAD");
	level_apply(page, alex_op_half_dead(level_op, top));
	check((o->flags & ALEX_HALF_DEAD) && o->safexid == top && alex_page_entries(page) == 0,
		  "half-dead: flags %x, names %u", o->flags, (uint32) o->safexid);
	check_page(page, NULL, 0, 5);
	same_place(page, "half-dead");

	/* the name comes off; nothing is inserted any more, nothing split */
	level_apply(page, alex_op_half_dead(level_op, INVALID_BLOCK));
	check(o->safexid == INVALID_BLOCK, "the name is still there");
	for (uint32 i = 0; i < 3; i++)
	{
		o->flags |= busy[i];
		check(refused(page, alex_op_deleted(level_op, 77)), "flag %u: deleted", busy[i]);
		o->flags &= (uint16) ~busy[i];
	}
	refuses_shorter(page, alex_op_deleted(level_op, 77), "DELETED");
	level_apply(page, alex_op_deleted(level_op, UINT64CONST(0x123456789ABC)));
	check((o->flags & (ALEX_HALF_DEAD | ALEX_DELETED)) == ALEX_DELETED &&
			  o->safexid == UINT64CONST(0x123456789ABC),
		  "deleted: flags %x", o->flags);
	check_page(page, NULL, 0, 5);
	same_place(page, "deleted");
	check(refused(page, alex_op_deleted(level_op, 78)), "deleted twice");
	check(refused(page, alex_op_half_dead(level_op, 5)), "a deleted page dies again");
	free(page);
}

/* the heir's low fence sinks; its entries stay, and smaller ones have room then */
static void
leaf_inherits(AlexDist dist)
{
	char *page = new_page();
	uint32 n = sorted_arrivals(dist, false, items, 700);
	AlexRawEntry low;
	AlexKey below;
	uint64 below_tag;
	uint32 len;

	/* the page begins behind the first entry, which has to be inserted later */
	AlexItem first = items[0];

	memmove(items, items + 1, --n * sizeof(AlexItem));
	n = middle_page(page, false, n);
	memcpy(before, page, BLCKSZ);
	below = first.key;
	below_tag = first.tag;
	len = alex_op_set_low(level_op, NULL, form_of(false), false, below, below_tag);
	refuses_shorter(page, len, "SET_LOW");
	len = alex_op_set_low(level_op, NULL, form_of(false), false, below, below_tag);
	level_apply(page, len);
	low = alex_page_low(page);
	check(low.key == below && low.tag == below_tag, "low fence");
	check(alex_page_high(page).key == alex_page_high(before).key &&
			  alex_page_high(page).tag == alex_page_high(before).tag,
		  "high fence");
	check(!(alex_opaque(page)->flags & ALEX_LOW_INF), "infinite");
	check_page(page, items, (int) n, 10);
	first.child = 0;
	level_apply(page, alex_op_gap_insert(level_op, form_of(false), 0, &first));
	memmove(items + 1, items, n * sizeof(AlexItem));
	items[0] = first;
	check_page(page, items, (int) n + 1, 10);

	/* leftmost of its level */
	memcpy(page, before, BLCKSZ);
	alex_opaque(page)->left = INVALID_BLOCK;
	level_apply(page, alex_op_set_low(level_op, NULL, form_of(false), true, 0, 0));
	check(alex_opaque(page)->flags & ALEX_LOW_INF, "not infinite");
	memmove(items, items + 1, n * sizeof(AlexItem));
	check_page(page, items, (int) n, 10);
	check(!alex_page_below(page, 0, 0), "below infinity");
	free(page);
}

/* ---- inner pages ---- */

/* the fit of plan.stream */
static bool
fit(void)
{
	plan.count = 0;
	return alex_plan_items(&plan, 0, plan.nstream, form_of(true)) &&
		   alex_plan_fits(form_of(true), plan.bytes, 0);
}

static void
decode(const char *page)
{
	plan.nstream = alex_page_decode(page, NULL, plan.stream, plan.origin);
	check(plan.nstream > 0, "decode");
}

/* UNLINK of entry i in level_op; 0 if the page would not fit */
static uint32
write_unlink(const char *page, uint32 i, uint32 gone, uint32 heir)
{
	decode(page);
	plan.nstream = alex_unlink_edit(plan.stream, plan.nstream, (int) i);
	if (!fit())
		return 0;
	return alex_op_unlink(level_op, &plan, form_of(true), i, gone, heir);
}

/* some separators in gap run and tail, so that the op merges */
static uint32
unpacked(char *page, uint32 n)
{
	AlexRawEntry high = alex_page_high(page);

	for (int k = 0; k < 20 && n > 2; k++)
	{
		uint32 i = 1 + (uint32) unit_random_below(n - 1);
		AlexItem item = items[i - 1];
		AlexPagePos pos;

		item.tag++;
		item.child = (uint32) unit_random();
		if (!alex_less(item.key, item.tag, items[i].key, items[i].tag))
			continue;
		check(alex_page_search(page, item.key, item.tag, false, &pos), "search");
		level_apply(page, alex_op_gap_insert(level_op, form_of(true), pos.gap, &item));
		memmove(items + i + 1, items + i, (n - i) * sizeof(AlexItem));
		items[i] = item;
		n++;
	}
	for (int k = 0; k < 5; k++)
	{
		AlexItem item = { high.key, high.tag + (uint64) k, 5000 + (uint32) k, 0 };

		alex_page_set_high(page, item.key, item.tag + 1);
		level_apply(page, alex_op_tail_append(level_op, form_of(true), &item));
		items[n++] = item;
	}
	check_page(page, items, (int) n, 5);
	return n;
}

/* downlinks go, one after the other, until one is left */
static void
downlinks_go(AlexDist dist)
{
	char *page = new_page();
	uint32 n = sorted_arrivals(dist, true, items, 600);
	uint32 gone;
	uint32 heir;
	uint32 i;
	uint32 len;

	n = unpacked(page, middle_page(page, true, n));
	while (n > 1)
	{
		/* the last has no heir */
		decode(page);
		plan.nstream--;
		check(!fit() || refused(page, alex_op_unlink(level_op, &plan, form_of(true), n - 1,
													 items[n - 1].child, items[n - 1].child)),
			  "the last downlink goes");

		i = unit_random_below(4) == 0 ? 0 : (uint32) unit_random_below(n - 1);
		gone = items[i].child;
		heir = items[i + 1].child;
		len = write_unlink(page, i, gone + 1, heir);
		if (len == 0)
			break;
		check(refused(page, len), "another child goes");
		check(refused(page, write_unlink(page, i, gone, heir + 1)), "another child inherits");
		if (i + 2 < n && items[i + 1].child != gone)
		{
			len = write_unlink(page, i, gone, heir);
			level_op[1]++; /* the number's low byte */
			check(level_op[1] == 0 || refused(page, len), "another number");
		}
		len = write_unlink(page, i, gone, heir);
		if (unit_random_below(8) == 0)
		{
			refuses_shorter(page, len, "UNLINK");
			len = write_unlink(page, i, gone, heir);
		}
		memcpy(before, page, BLCKSZ);
		level_apply(page, len);
		items[i].child = heir;
		memmove(items + i + 1, items + i + 2, (n - i - 2) * sizeof(AlexItem));
		n--;
		same_place(page, "unlinked");
		check_page(page, items, (int) n, n % 16 == 0 ? 10 : 0);
		/* the same again is another change: the heir has gone, or the page is short of it */
		if (n > 1 && items[i].child != gone)
			check(refused(page, len), "the same op again");
		/* not one at a time all the way */
		if (n > 40)
		{
			decode(page);
			plan.nstream = (int) n - 30;
			memcpy(items, plan.stream, (size_t) plan.nstream * sizeof(AlexItem));
			n = middle_page(page, true, (uint32) plan.nstream);
		}
	}
	free(page);
}

/* make the plan one that brings back an old block, or that takes less or more than all entries */
static void
spoil_plan(int way)
{
	if (way == 0)
		plan.entries[0].kind = ALEX_PLAN_COPY;
	else if (way == 1)
		plan.entries[0].kind = ALEX_PLAN_KEEP;
	else if (way == 2)
		plan.count--;
	else if (way == 3)
		plan.entries[0].model.n--;
	else
		plan.entries[0].kind = ALEX_PLAN_SKIP;
}

/* an op with such a plan is refused */
static void
wrong_plans(AlexDist dist)
{
	char *page = new_page();
	uint32 n = sorted_arrivals(dist, true, items, 600);
	uint32 len;

	n = middle_page(page, true, n);
	for (int other = 0; other < 5; other++)
	{
		decode(page);
		plan.nstream = alex_unlink_edit(plan.stream, plan.nstream, 0);
		check(fit(), "fit");
		spoil_plan(other);
		len = alex_op_unlink(level_op, &plan, form_of(true), 0, items[0].child, items[1].child);
		check(refused(page, len), "UNLINK with wrong plan %d", other);

		decode(page);
		check(fit(), "fit");
		spoil_plan(other);
		len = alex_op_set_low(level_op, &plan, form_of(true), false, items[0].key, items[0].tag);
		check(refused(page, len), "SET_LOW with wrong plan %d", other);
	}
	/* a plan on a leaf, none on an inner page */
	len = alex_op_set_low(level_op, NULL, form_of(true), false, items[0].key, items[0].tag);
	check(refused(page, len), "SET_LOW of an inner page without a plan");
	check(refused(page, alex_op_half_dead(level_op, 5)), "an inner page is half-dead");
	check(refused(page, alex_op_merged(level_op)), "an inner page is merged");
	decode(page);
	plan.nstream = alex_unlink_edit(plan.stream, plan.nstream, 0);
	check(fit(), "fit");
	len = alex_op_unlink(level_op, &plan, form_of(true), 0, items[0].child, items[1].child);
	n = sorted_arrivals(dist, false, items, 300);
	(void) middle_page(page, false, n);
	check(refused(page, len), "UNLINK on a leaf");
	free(page);
}

/* the first separator of an inner page sinks with its low fence; the page itself goes */
static void
inner_inherits(AlexDist dist)
{
	char *page = new_page();
	uint32 n = sorted_arrivals(dist, true, items, 600);
	AlexItem first = items[0];
	AlexPageOpaque *o = alex_opaque(page);
	uint32 len;

	memmove(items, items + 1, --n * sizeof(AlexItem));
	n = middle_page(page, true, n);
	n = unpacked(page, n);
	for (int infinite = 0; infinite <= 1; infinite++)
	{
		AlexKey key = infinite ? 0 : first.key;
		uint64 tag = infinite ? 0 : first.tag;

		decode(page);
		alex_lower_first(plan.stream, key, tag);
		if (!fit())
			continue;
		len = alex_op_set_low(level_op, &plan, form_of(true), infinite, key, tag);
		refuses_shorter(page, len, "SET_LOW of an inner page");
		len = alex_op_set_low(level_op, &plan, form_of(true), infinite, key, tag);
		if (infinite)
			o->left = INVALID_BLOCK;
		level_apply(page, len);
		items[0].key = key;
		items[0].tag = tag;
		check(alex_page_low(page).key == key && alex_page_low(page).tag == tag, "low fence");
		check(((o->flags & ALEX_LOW_INF) != 0) == infinite, "infinite");
		check_page(page, items, (int) n, 10);
	}

	o->left = 11;
	memcpy(before, page, BLCKSZ);
	level_apply(page, alex_op_deleted(level_op, 99));
	check((o->flags & ALEX_DELETED) && o->safexid == 99 && alex_page_entries(page) == 0, "deleted");
	same_place(page, "deleted inner page");
	check_page(page, NULL, 0, 0);
	free(page);
}

/* links: each side alone */
static void
links(void)
{
	char *page = new_page();
	uint32 n = sorted_arrivals(DIST_GAPS, false, items, 300);

	n = middle_page(page, false, n);
	memcpy(before, page, BLCKSZ);
	level_apply(page, alex_op_set_left(level_op, 4711));
	check(alex_opaque(page)->left == 4711 && alex_opaque(page)->right == 12, "left link");
	level_apply(page, alex_op_set_left(level_op, 11));
	level_apply(page, alex_op_set_right(level_op, 815));
	check(alex_opaque(page)->left == 11 && alex_opaque(page)->right == 815, "right link");
	level_apply(page, alex_op_set_right(level_op, 12));
	check(memcmp(page, before, BLCKSZ) == 0, "more than links changed");
	refuses_shorter(page, alex_op_set_right(level_op, 1), "SET_RIGHT");
	refuses_shorter(page, alex_op_set_left(level_op, 1), "SET_LEFT");
	check_page(page, items, (int) n, 5);
	free(page);
}

int
main(void)
{
	before = new_page();
	for (int wide = 0; wide <= 1; wide++)
	{
		test_wide = wide;
		for (int dist = 0; dist < DIST_COUNT; dist++)
		{
			for (int round = 0; round < 4; round++)
				leaf_dies((AlexDist) dist);
			leaf_inherits((AlexDist) dist);
			downlinks_go((AlexDist) dist);
			wrong_plans((AlexDist) dist);
			inner_inherits((AlexDist) dist);
			ok(true, "page deletion, %s, %d-byte keys", dist_names[dist], wide ? 16 : 8);
		}
		links();
		ok(true, "sibling links, %d-byte keys", wide ? 16 : 8);
	}
	return done();
}
