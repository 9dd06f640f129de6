/*
 * alex_testing.h
 *		What the tests of alex pages share: distributions of arriving entries, and
 *		a level of pages kept by the insertion policy of src/alex/README.md,
 *		with a sorted array of the live entries beside each page as the oracle.
 *
 * Pages are allocated one by one, so that the sanitizer sees a step beyond
 * one.
 */
#ifndef ALEX_TESTING_H
#define ALEX_TESTING_H

#include "alex/alex_apply.h"
#include "unit.h"

/* do the pages being made have 16-byte keys? */
static bool test_wide;

static inline AlexForm
form_of(bool inner)
{
	return (AlexForm){ .inner = inner, .wide = test_wide };
}

static inline void
test_page_init(char *page, bool inner)
{
	alex_page_init(page, inner ? ALEX_KIND_INNER : ALEX_KIND_LEAF, inner,
				   (uint8) ALEX_KEY_BYTES(form_of(inner)), 1);
}

/* ---- distributions, in order of arrival ---- */

typedef enum AlexDist
{
	/* those of the prototype's table */
	DIST_SEQUENTIAL,
	DIST_RAGGED, /* 190-226 rows a heap page */
	DIST_GAPS,
	DIST_POISSON,
	DIST_OUT_OF_ORDER,
	DIST_BURSTS,
	DIST_SHUFFLED,
	DIST_LOGNORMAL,
	DIST_UNIFORM,
	DIST_CLUSTERED,
	DIST_FEW_VALUES,
	DIST_TEN_ROWS,
	/* nastier ones */
	DIST_EXTREMES, /* alternating from both ends of the key range */
	DIST_FAR_TID,  /* one far TID a block */
	DIST_HOT_COLD,
	DIST_ONE_COLD,
	DIST_CONSTANT,
	DIST_POWERS,
	DIST_NULLS,
	DIST_NULL_MASKS, /* up to 16 null bits */
	DIST_ANY_TAG,	 /* all 64 bits random, offset 0 included */
	DIST_CLIMB,		 /* mostly ascending, with inserts below */
	DIST_SPIKES,	 /* dense keys, then a spike far away beside each */
	DIST_COUNT
} AlexDist;

static const char *const dist_names[] = { "sequential",
										  "ragged heap pages",
										  "serial with gaps",
										  "timestamps",
										  "out of order",
										  "bursts",
										  "dense shuffled",
										  "lognormal",
										  "uniform",
										  "uniform clustered",
										  "few values",
										  "ten rows a value",
										  "alternating extremes",
										  "one far TID a block",
										  "hot and cold",
										  "one cold TID",
										  "one value",
										  "powers of two",
										  "nulls",
										  "null masks",
										  "any tag",
										  "climbing",
										  "spikes" };

StaticAssertDecl(lengthof(dist_names) == DIST_COUNT, "names");

typedef struct Arrivals
{
	AlexDist dist;
	uint64 i; /* arrivals so far */
	uint64 key;
	uint64 heap_block;
	uint32 heap_offset;
	uint32 heap_rows;
	bool inner; /* children too, and no NULLs */
} Arrivals;

static inline void
arrivals_start(Arrivals *a, AlexDist dist, bool inner)
{
	memset(a, 0, sizeof(*a));
	a->dist = dist;
	a->heap_block = unit_random_below(1000);
	a->heap_rows = 226;
	a->inner = inner;
	a->key = unit_random() >> 8;
}

static inline uint64
next_tid(Arrivals *a)
{
	if (++a->heap_offset > a->heap_rows)
	{
		a->heap_offset = 1;
		a->heap_block++;
		if (a->dist == DIST_RAGGED)
			a->heap_rows = 190 + (uint32) unit_random_below(37);
	}
	return a->heap_block << 16 | a->heap_offset;
}

static inline uint64
some_tid(uint64 blocks)
{
	return unit_random_below(blocks) << 16 | (1 + unit_random_below(226));
}

static inline void
next_key(Arrivals *a, AlexItem *item)
{
	uint64 i = a->i++;

	item->tag = next_tid(a);
	item->key = a->key + i;
	switch (a->dist)
	{
		case DIST_SEQUENTIAL:
		case DIST_RAGGED:
			break;
		case DIST_GAPS:
			item->key = a->key += 1 + (unit_random_below(10) == 0 ? unit_random_below(20) : 0);
			break;
		case DIST_POISSON:
			item->key = a->key += unit_random_below(2000);
			break;
		case DIST_OUT_OF_ORDER:
			item->key = a->key + (i + unit_random_below(50)) * 1000 + unit_random_below(1000);
			break;
		case DIST_BURSTS:
			item->key = a->key +=
				unit_random_below(300) == 0 ? UINT64CONST(3600000000) : unit_random_below(200);
			break;
		case DIST_SHUFFLED:
			item->key = 1000 + (i * 12345677 & 0xFFFF);
			break;
		case DIST_LOGNORMAL:
			item->key = unit_random() >> unit_random_below(40);
			item->tag = some_tid(100000);
			break;
		case DIST_UNIFORM:
			item->key = unit_random();
			item->tag = some_tid(100000);
			break;
		case DIST_CLUSTERED:
			item->key = unit_random();
			item->tag = (item->key >> 59) << 16 | (1 + (item->key >> 51 & 0xFF) % 226);
			break;
		case DIST_FEW_VALUES:
			item->key = unit_random_below(12) * 1000000;
			break;
		case DIST_TEN_ROWS:
			item->key = unit_random_below(500);
			item->tag = some_tid(100000);
			break;
		case DIST_EXTREMES:
			item->key = i & 1 ? i / 2 : PG_UINT64_MAX - i / 2;
			item->tag = some_tid(UINT64CONST(1) << 31);
			break;
		case DIST_FAR_TID:
			item->key = 1000 + (i * 12345677 & 0xFFFF);
			item->tag = (item->key / 4) << 16 | (item->key % 4 + 1);
			if (unit_random_below(120) == 0)
				item->tag = (UINT64CONST(0x7F000000) + unit_random_below(1000)) << 16 | 7;
			break;
		case DIST_HOT_COLD:
		case DIST_ONE_COLD:
			item->key = 1000 + (i * 12345677 & 0xFFFF);
			if (unit_random_below(a->dist == DIST_HOT_COLD ? 3 : 80) == 0)
				item->tag = ALEX_COLD_TID | some_tid(1000);
			break;
		case DIST_CONSTANT:
			item->key = 42;
			item->tag = unit_random() & ALEX_TAG_TID_MASK;
			break;
		case DIST_POWERS:
			item->key = (UINT64CONST(1) << unit_random_below(64)) + unit_random_below(40);
			break;
		case DIST_NULLS:
			item->key = unit_random_below(5000);
			if (unit_random_below(3) == 0)
			{
				item->key = PG_UINT64_MAX;
				item->tag |= UINT64CONST(1) << ALEX_TAG_TID_BITS;
			}
			break;
		case DIST_NULL_MASKS:
			item->key = unit_random_below(30);
			item->tag |= unit_random() << ALEX_TAG_TID_BITS;
			break;
		case DIST_ANY_TAG:
			item->key = unit_random_bits();
			item->tag = unit_random();
			if (unit_random_below(8) == 0)
				item->tag &= ~UINT64CONST(0xFFFF);
			break;
		case DIST_CLIMB:
			item->key = a->key + 64 * i;
			if (unit_random_below(4) == 0)
				item->key -= unit_random_below(64 * Min(i, 3000) + 1);
			break;
		case DIST_SPIKES:
			item->key = (i / 2 * 12345677 & 0x3FF) << 40 | (unit_random_below(50));
			item->tag = i & 1 ? some_tid(UINT64CONST(1) << 31) : item->tag;
			break;
		case DIST_COUNT:
			break;
	}
}

/* 16-byte keys of four shapes: low, with noise below, (device, time), across both halves */
static inline AlexKey
widen(AlexDist dist, AlexKey key)
{
	switch ((uint32) dist % 4)
	{
		case 0:
			return key;
		case 1:
			return key << 64 | (uint64) key * UINT64CONST(0x9E3779B97F4A7C15);
		case 2:
			return (key % 16) << 64 | key;
		default:
			return key << 29;
	}
}

static inline AlexItem
next_arrival(Arrivals *a)
{
	AlexItem item = { 0 };

	next_key(a, &item);
	if (test_wide)
		item.key = widen(a->dist, item.key);
	if (a->inner)
	{
		uint32 kind = (uint32) a->dist % 3;

		item.child = kind == 0	 ? (uint32) a->i
					 : kind == 1 ? (uint32) unit_random()
								 : (uint32) (unit_random_below(20) == 0 ? ~a->i : 1000 + a->i * 3);
		/* separators are often truncated to the key */
		if (unit_random_below(5) == 0)
			item.tag = 0;
	}
	return item;
}

static inline int
compare_items(const void *a, const void *b)
{
	const AlexItem *x = a;
	const AlexItem *y = b;

	if (alex_less(x->key, x->tag, y->key, y->tag))
		return -1;
	return alex_less(y->key, y->tag, x->key, x->tag);
}

/* n distinct entries of a distribution, sorted; returns how many there are */
static inline uint32
sorted_arrivals(AlexDist dist, bool inner, AlexItem *items, uint32 n)
{
	Arrivals a;
	uint32 distinct = 0;

	arrivals_start(&a, dist, inner);
	for (uint32 i = 0; i < n; i++)
		items[i] = next_arrival(&a);
	qsort(items, n, sizeof(AlexItem), compare_items);
	for (uint32 i = 0; i < n; i++)
		if (distinct == 0 || compare_items(&items[distinct - 1], &items[i]) < 0)
			items[distinct++] = items[i];
	return distinct;
}

/* ---- pages ---- */

static inline char *
new_page(void)
{
	char *page = NULL;

	if (posix_memalign((void **) &page, 64, BLCKSZ) != 0)
		abort();
	return page;
}

static inline bool
same_item(const AlexItem *a, const AlexItem *b)
{
	return a->key == b->key && a->tag == b->tag && a->child == b->child && a->flags == b->flags;
}

/* bytes outside the hole */
static inline bool
same_page(const char *a, const char *b)
{
	uint32 lower = alex_header(a)->lower;
	uint32 upper = alex_header(a)->upper;

	if (lower != alex_header(b)->lower || upper != alex_header(b)->upper)
		return false;
	return memcmp(a, b, lower) == 0 && memcmp(a + upper, b + upper, BLCKSZ - upper) == 0;
}

/* directory and payload bytes of all blocks */
static inline uint32
base_bytes(const char *page, bool *two_tids)
{
	uint32 bytes = 0;
	AlexBlock blk;

	*two_tids = false;
	for (uint32 b = 0; b < alex_opaque(page)->nblocks; b++)
	{
		check(alex_block_open(page, b, &blk), "block %u does not open", b);
		bytes += blk.bytes + ALEX_DIR_ENTRY_BYTES(form_of(blk.inner));
		*two_tids |= blk.two_tids;
	}
	return bytes;
}

/* free bytes */
static inline uint32
hole_of(const char *page)
{
	return (uint32) alex_header(page)->upper - alex_header(page)->lower;
}

/* ---- every entry of a page against naive code ---- */

static AlexItem check_items[ALEX_ITEMS_MAX];
static AlexItem check_run[ALEX_ITEMS_MAX];
static uint16 check_origin[ALEX_ITEMS_MAX];

static inline void
check_target(const char *page, int count, AlexKey key, uint64 tag)
{
	for (int or_equal = 0; or_equal <= 1; or_equal++)
	{
		AlexPagePos want = { 0, 0 };
		AlexPagePos pos;
		AlexItem child;
		int last = -1;

		for (int i = 0; i < count; i++)
		{
			const AlexItem *it = &check_items[i];

			if (!alex_less(it->key, it->tag, key, tag) &&
				!(or_equal && it->key == key && it->tag == tag))
				break;
			last = i;
			if (check_origin[i] == ALEX_ORIGIN_GAP)
				want.gap++;
			else
				want.run++;
		}
		check(alex_page_search(page, key, tag, or_equal, &pos), "search finds damage");
		check(pos.run == want.run && pos.gap == want.gap,
			  "search: run %u gap %u, expected %u and %u", pos.run, pos.gap, want.run, want.gap);
		if (alex_opaque(page)->kind != ALEX_KIND_INNER)
			continue;
		check(alex_inner_child(page, key, tag, !or_equal, &child), "no child");
		check(same_item(&child, &check_items[Max(last, 0)]), "wrong child");
	}
}

/*
 * The page is valid, its live entries are those of `live`, and search and
 * ranks agree with a naive look at the decoded entries.
 */
static inline void
check_page(const char *page, const AlexItem *live, int nlive, int targets)
{
	const char *problem = alex_page_check(page);
	uint32 run = 0;
	int seen = 0;
	int count;
	AlexItem item;

	check(problem == NULL, "page check: %s", problem);
	count = alex_page_decode(page, NULL, check_items, check_origin);
	check(count == (int) alex_page_entries(page), "decode returns %d of %u", count,
		  alex_page_entries(page));
	for (int i = 0; i < count; i++)
	{
		if (check_origin[i] != ALEX_ORIGIN_GAP)
			check_run[run++] = check_items[i];
		if (check_items[i].flags & ALEX_ITEM_REMOVED)
			continue;
		check(seen < nlive && same_item(&check_items[i], &live[seen]),
			  "live entry %d differs from the oracle's of %d", seen, nlive);
		seen++;
	}
	check(seen == nlive, "%d live entries, expected %d", seen, nlive);
	check(!alex_run_item(page, run, &item), "there is an entry behind the run");
	for (int t = 0; t < targets; t++)
	{
		AlexKey key = (AlexKey) unit_random_bits() << (test_wide ? unit_random_below(65) : 0);
		uint64 tag = unit_random_bits();

		if (run > 0)
		{
			uint32 r = (uint32) unit_random_below(run);

			check(alex_run_item(page, r, &item) && same_item(&item, &check_run[r]),
				  "entry %u of the run", r);
		}
		if (count > 0 && unit_random_below(4) > 0)
		{
			int i = (int) unit_random_below((uint64) count);

			key = check_items[i].key;
			tag = check_items[i].tag + unit_random_below(3) - 1;
			if (unit_random_below(3) == 0)
				key += unit_random_below(3);
			if (unit_random_below(3) == 0 && key > 0)
				key--;
			if (!test_wide)
				key = (uint64) key;
		}
		check_target(page, count, key, tag);
	}
}

/* ---- a level of pages ---- */

#define NODES_MAX 400

typedef struct Node
{
	char *page;
	AlexItem *live; /* ALEX_ITEMS_MAX */
	int nlive;
} Node;

typedef struct Level
{
	bool inner;
	uint32 cap;
	uint32 spare; /* free bytes a rebuilt page and the halves of a split must have */
	int targets;  /* searches after each op */
	int count;
	Node nodes[NODES_MAX];
	/* what happened */
	uint32 inserts, seals, rebuilds, splits, marks, unmarks, drops;
	uint32 worst_rebuild; /* largest use of the bound of F4, in percent */
} Level;

static AlexPlan level_plan;
static char level_op[ALEX_OP_BYTES_MAX];
static char *level_twin;

/* apply to the page and to what redo would see: the same page with an empty hole */
static inline void
level_apply(char *page, uint32 len)
{
	char *op = malloc(len); /* to the byte */

	check(len <= ALEX_OP_BYTES_MAX, "op of %u bytes", len);
	if (level_twin == NULL)
		level_twin = new_page();
	memcpy(op, level_op, len);
	memcpy(level_twin, page, BLCKSZ);
	if (op[0] == ALEX_OP_INIT)
		memset(level_twin, 0x5A, BLCKSZ);
	else
	{
		memset(level_twin + alex_header(page)->lower, 0,
			   alex_header(page)->upper - alex_header(page)->lower);
		/* as if the version before had written it */
		alex_opaque(level_twin)->version = ALEX_VERSION_MIN;
	}
	check(alex_apply(page, op, len), "op %d does not apply", op[0]);
	check(alex_apply(level_twin, op, len), "op %d does not apply twice", op[0]);
	check(same_page(page, level_twin), "op %d depends on more than the page", op[0]);
	free(op);
}

/* hints are lost where a block gave up its dead bits; returns how many such blocks there are */
static inline uint32
forget_hints(const Node *n)
{
	const AlexPageOpaque *o = alex_opaque(n->page);
	uint32 count = 0;
	int next = 0;
	int entries;
	static uint16 origin[ALEX_ITEMS_MAX];
	static AlexItem items[ALEX_ITEMS_MAX];

	for (uint32 b = 0; b < o->nblocks; b++)
		count += (alex_dir_desc(n->page, b)->enc & ALEX_ENC_NO_DEAD) != 0;
	if (count == 0)
		return 0;
	entries = alex_page_decode(n->page, NULL, items, origin);
	for (int i = 0; i < entries; i++)
	{
		if (items[i].flags & ALEX_ITEM_REMOVED)
			continue;
		if (origin[i] < ALEX_ORIGIN_GAP &&
			(alex_dir_desc(n->page, origin[i])->enc & ALEX_ENC_NO_DEAD) && next < n->nlive)
			n->live[next].flags &= (uint8) ~ALEX_ITEM_DEAD;
		next++;
	}
	return count;
}

static inline void
level_check(const Level *l, int node)
{
	const Node *n = &l->nodes[node];

	(void) forget_hints(n);
	check_page(n->page, n->live, n->nlive, l->targets);
}

/* where in the sorted array */
static inline int
find_live(const Node *n, AlexKey key, uint64 tag)
{
	int lo = 0;
	int hi = n->nlive;

	while (lo < hi)
	{
		int mid = (lo + hi) / 2;

		if (alex_less(n->live[mid].key, n->live[mid].tag, key, tag))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline int
find_node(const Level *l, const AlexItem *item)
{
	int lo = 0;
	int hi = l->count - 1;

	while (lo < hi)
	{
		int mid = (lo + hi) / 2;

		if (alex_page_beyond(l->nodes[mid].page, item->key, item->tag))
			lo = mid + 1;
		else
			hi = mid;
	}
	check(!alex_page_below(l->nodes[lo].page, item->key, item->tag) &&
			  !alex_page_beyond(l->nodes[lo].page, item->key, item->tag),
		  "no page for an entry");
	return lo;
}

static inline void
level_start(Level *l, bool inner, uint32 cap)
{
	memset(l, 0, sizeof(*l));
	l->inner = inner;
	l->cap = cap;
	l->spare = ALEX_GAP_HEADER_BYTES + 12 * ALEX_RAW_BYTES(form_of(inner));
	l->targets = 2;
	l->count = 1;
	l->nodes[0].page = new_page();
	l->nodes[0].live = malloc(ALEX_ITEMS_MAX * sizeof(AlexItem));
	test_page_init(l->nodes[0].page, inner);
	if (inner)
	{
		AlexItem first = { 0, 0, 1, 0 };

		level_apply(l->nodes[0].page, alex_op_tail_append(level_op, form_of(true), &first));
		l->nodes[0].live[l->nodes[0].nlive++] = first;
	}
	level_check(l, 0);
}

/*
 * A level of one page, built from as many of the sorted items as leave `spare` bytes.
 */
static inline void
level_build(Level *l, bool inner, uint32 cap, const AlexItem *items, uint32 n, uint32 spare)
{
	uint32 lo = 1;
	Node *node = &l->nodes[0];

	level_start(l, inner, cap);
	n = Min(n, cap);
	memcpy(level_plan.stream, items, n * sizeof(AlexItem));
	for (uint32 i = 0; i < n && !inner; i++)
		level_plan.stream[i].child = 0;
	if (inner)
		level_plan.stream[0] = node->live[0];
	while (lo < n)
	{
		uint32 mid = (lo + n + 1) / 2;

		level_plan.count = 0;
		check(alex_plan_items(&level_plan, 0, (int) mid, form_of(inner)), "plan of %u entries",
			  mid);
		if (alex_plan_fits(form_of(l->inner), level_plan.bytes, spare))
			lo = mid;
		else
			n = mid - 1;
	}
	level_plan.count = 0;
	check(alex_plan_items(&level_plan, 0, (int) lo, form_of(inner)), "plan of %u entries", lo);
	test_page_init(node->page, inner);
	check(alex_assemble(node->page, NULL, &level_plan, 0, level_plan.count), "assemble");
	memcpy(node->live, level_plan.stream, lo * sizeof(AlexItem));
	node->nlive = (int) lo;
	level_check(l, 0);
}

static inline void
level_free(Level *l)
{
	for (int i = 0; i < l->count; i++)
	{
		free(l->nodes[i].page);
		free(l->nodes[i].live);
	}
}

static inline void
live_insert(Node *n, const AlexItem *item)
{
	int at = find_live(n, item->key, item->tag);

	memmove(&n->live[at + 1], &n->live[at], (size_t) (n->nlive - at) * sizeof(AlexItem));
	n->live[at] = *item;
	n->nlive++;
}

/* what is in the way of an insert */
typedef enum Place
{
	PLACE_DONE,
	PLACE_SEAL,
	PLACE_REBUILD,
	PLACE_SPLIT
} Place;

/* as try_place() of alex_split.c; *append: the entry is greater than all of the page */
static inline Place
level_put(Level *l, int node, const AlexItem *item, bool after_split, bool *append)
{
	Node *n = &l->nodes[node];
	const AlexPageOpaque *o = alex_opaque(n->page);
	uint32 raw = alex_raw_bytes(n->page);
	uint32 run = (uint32) o->nbase + o->ntail;
	AlexPagePos pos;
	AlexItem at;

	check(alex_page_search(n->page, item->key, item->tag, false, &pos), "search");
	*append = pos.run == run && pos.gap == o->ngap;
	if (pos.run < run && alex_run_item(n->page, pos.run, &at) && compare_items(&at, item) == 0)
	{
		/* the live ones are known to differ */
		check(at.flags & ALEX_ITEM_REMOVED, "entry is there already");
		level_apply(n->page, alex_op_unmark(level_op, pos.run));
		live_insert(n, item);
		l->unmarks++;
		return PLACE_DONE;
	}
	if (alex_page_entries(n->page) >= (after_split ? ALEX_LEAF_ENTRIES_MAX : l->cap))
		return o->nremoved > 0 ? PLACE_REBUILD : PLACE_SPLIT;
	if (*append)
	{
		if (o->ntail == ALEX_TAIL_MAX ||
			hole_of(n->page) < raw + (o->ntail == 0 ? ALEX_TAIL_DEAD_BYTES : 0))
			return o->nremoved > 0 ? PLACE_REBUILD : PLACE_SEAL;
		level_apply(n->page, alex_op_tail_append(level_op, form_of(l->inner), item));
	}
	else
	{
		if (o->ngap == ALEX_GAP_MAX_OF(o->keybytes) ||
			hole_of(n->page) < raw + (o->ngap == 0 ? ALEX_GAP_HEADER_BYTES : 0))
			return PLACE_REBUILD;
		level_apply(n->page, alex_op_gap_insert(level_op, form_of(l->inner), pos.gap, item));
	}
	live_insert(n, item);
	l->inserts++;
	return PLACE_DONE;
}

/*
 * Rule F4: what a merge may cost.  Two directory entries and one raw entry for each inserted
 * entry; a slice repeats the extension of its block, and a block of one has
 * one.  The tail: two chunks of entries at most as large as raw ones.
 */
static inline void
check_merge_bound(Level *l, const char *page, const AlexPlan *plan)
{
	const AlexPageOpaque *o = alex_opaque(page);
	bool two_tids;
	AlexForm form = form_of(l->inner);
	uint32 base = base_bytes(page, &two_tids);
	uint32 each = 2 * ALEX_DIR_ENTRY_BYTES(form) + alex_raw_bytes(page);
	uint32 bound;

	if (two_tids)
		each += sizeof(AlexTid2Ext);
	if (l->inner)
		each += 2 * sizeof(AlexChildExt);
	bound = base + o->ngap * each;
	if (o->ntail > 0)
		bound += 2 * (ALEX_DIR_ENTRY_BYTES(form) + 2 * sizeof(AlexTid2Ext)) +
				 o->ntail * (alex_raw_bytes(page) + 1U);
	check(plan->bytes <= bound, "%s: merge takes %u bytes, base %u, gap %u, tail %u, bound %u",
		  l->inner ? "inner" : "leaf", plan->bytes, base, o->ngap, o->ntail, bound);
	if (bound > base)
		l->worst_rebuild = Max(
			l->worst_rebuild, plan->bytes < base ? 0 : 100 * (plan->bytes - base) / (bound - base));
}

/* the right half of a split */
static inline void
make_right(Level *l, int node, int cut, AlexKey key, uint64 tag)
{
	Node *left = &l->nodes[node];
	Node *right = &l->nodes[node + 1];
	char *image = new_page();
	const AlexPageOpaque *o = alex_opaque(left->page);
	uint32 id = (uint32) l->count + 100;
	AlexRawEntry high = alex_page_high(left->page);
	int at = find_live(left, key, tag);

	check(l->count < NODES_MAX, "too many pages");
	memmove(right + 1, right, (size_t) (l->count - node - 1) * sizeof(Node));
	l->count++;
	right->page = new_page();
	right->live = malloc(ALEX_ITEMS_MAX * sizeof(AlexItem));
	right->nlive = left->nlive - at;
	memcpy(right->live, left->live + at, (size_t) right->nlive * sizeof(AlexItem));
	left->nlive = at;

	alex_page_init(image, o->kind, o->level, o->keybytes, o->natts);
	if (cut >= 0)
		check(alex_assemble(image, left->page, &level_plan, cut, level_plan.count),
			  "right half does not assemble");
	alex_page_set_low(image, key, tag);
	if (!(o->flags & ALEX_HIGH_INF))
		alex_page_set_high(image, high.key, high.tag);
	alex_opaque(image)->left = 1;
	alex_opaque(image)->right = o->right;
	level_apply(right->page, alex_op_init(level_op, image));
	check(same_page(image, right->page), "INIT makes another page");
	level_apply(left->page,
				alex_op_split_left(level_op, &level_plan, form_of(l->inner), cut, id, key, tag));
	check(alex_opaque(left->page)->flags & ALEX_INCOMPLETE_SPLIT, "split is not marked");
	check(alex_opaque(left->page)->right == id, "right link");
	if (node + 2 < l->count)
		level_apply(l->nodes[node + 2].page, alex_op_set_left(level_op, id));
	level_apply(left->page, alex_op_clear_flags(level_op, ALEX_INCOMPLETE_SPLIT));
	free(image);
	l->splits++;
	level_check(l, node);
	level_check(l, node + 1);
}

/* do plan entries [from, to) fit a page, with room for inserts? */
static inline bool
half_fits(const Level *l, int from, int to)
{
	uint32 bytes = 0;
	uint32 nbase = 0;

	for (int i = from; i < to; i++)
	{
		const AlexPlanEntry *e = &level_plan.entries[i];

		bytes += e->bytes;
		nbase += e->kind == ALEX_PLAN_COPY ? e->consume : e->model.n;
	}
	check(nbase > 0 && nbase < ALEX_LEAF_ENTRIES_MAX, "a half of %u entries", nbase);
	return alex_plan_fits(form_of(l->inner), bytes, l->spare);
}

/* a cut in proportion misses the asked-for share by little: columns of a block are even */
static inline void
check_balance(uint32 whole, int cut, uint32 left_percent)
{
	uint32 left = 0;
	uint32 want = whole * left_percent / 100;

	for (int i = 0; i < cut; i++)
		left += level_plan.entries[i].bytes;
	check(left <= want + 400 && want <= left + 400, "split leaves %u of %u bytes left, not %u",
		  left, whole, want);
}

/* as split_page() of alex_split.c */
static inline void
level_split(Level *l, int node, const AlexItem *item, bool append)
{
	Node *n = &l->nodes[node];
	AlexItem first;
	AlexItem last;
	uint32 whole;
	int cut = -1;
	int cut_stream;

	if (!l->inner && append && (alex_opaque(n->page)->flags & ALEX_HIGH_INF))
	{
		int count = alex_page_decode(n->page, NULL, check_items, NULL);

		check(count > 0, "an empty page is split");
		last = check_items[count - 1];
		first = *item;
		/* nothing moves; what stays is packed, if it fits */
		check(alex_plan_merge(n->page, NULL, &level_plan), "merge plan");
		if (alex_plan_fits(form_of(l->inner), level_plan.bytes, 0))
			cut = level_plan.count;
	}
	else
	{
		check(alex_plan_merge(n->page, NULL, &level_plan), "merge plan");
		check_merge_bound(l, n->page, &level_plan);
		whole = level_plan.bytes;
		check(alex_plan_split(n->page, &level_plan, form_of(l->inner), append ? 90 : 50, &cut,
							  &cut_stream),
			  "no split point");
		check_balance(whole, cut, append ? 90 : 50);
		if (!half_fits(l, 0, cut) || !half_fits(l, cut, level_plan.count))
		{
			whole = level_plan.bytes;
			check(alex_plan_split(n->page, &level_plan, form_of(l->inner), 50, &cut, &cut_stream),
				  "no split point");
			check_balance(whole, cut, 50);
		}
		check(cut > 0 && cut < level_plan.count && cut_stream > 0, "split point");
		check(half_fits(l, 0, cut), "left half of %u bytes does not fit", level_plan.bytes);
		check(half_fits(l, cut, level_plan.count), "right half of %u bytes does not fit",
			  level_plan.bytes);
		first = level_plan.stream[cut_stream];
		last = level_plan.stream[cut_stream - 1];
	}
	if (!l->inner && alex_less(last.key, last.tag, first.key, first.tag & ~ALEX_TAG_TID_MASK))
		first.tag &= ~ALEX_TAG_TID_MASK;
	make_right(l, node, cut, first.key, first.tag);
}

static inline bool
level_seal(Level *l, int node)
{
	Node *n = &l->nodes[node];
	const AlexPageOpaque *o = alex_opaque(n->page);
	uint32 lower;
	uint32 need;

	if (o->ntail == 0)
		return false;
	check(alex_plan_seal(n->page, &level_plan), "seal plan");
	lower = o->blocks_end + level_plan.bytes + 4 * ALEX_DIR_ENTRY_BYTES(form_of(l->inner));
	need = alex_raw_bytes(n->page) + ALEX_TAIL_DEAD_BYTES;
	if (lower + need > alex_header(n->page)->upper)
		return false;
	level_apply(n->page, alex_op_seal(level_op, &level_plan, form_of(l->inner)));
	l->seals++;
	level_check(l, node);
	return true;
}

static inline bool
level_rebuild(Level *l, int node)
{
	Node *n = &l->nodes[node];

	check(alex_plan_merge(n->page, NULL, &level_plan), "merge plan");
	check_merge_bound(l, n->page, &level_plan);
	if (level_plan.nbase + 12 > l->cap ||
		!alex_plan_fits(form_of(l->inner), level_plan.bytes, l->spare))
		return false;
	level_apply(n->page, alex_op_rebuild(level_op, &level_plan, form_of(l->inner), NULL, 0));
	l->rebuilds++;
	level_check(l, node);
	return true;
}

/* as alex_add_entry() of alex_split.c; false if there is such an entry already */
static inline bool
level_insert(Level *l, const AlexItem *arrived)
{
	AlexItem copy = *arrived;
	const AlexItem *item = &copy;
	int node = find_node(l, item);
	Node *n = &l->nodes[node];
	int at = find_live(n, item->key, item->tag);
	bool append;
	Place place;

	if (at < n->nlive && compare_items(&n->live[at], item) == 0)
		return false;
	copy.flags = 0;
	if (!l->inner)
		copy.child = 0;
	place = level_put(l, node, item, false, &append);
	if ((place == PLACE_SEAL && level_seal(l, node)) ||
		(place == PLACE_REBUILD && level_rebuild(l, node)))
		place = level_put(l, node, item, false, &append);
	if (place != PLACE_DONE)
	{
		level_split(l, node, item, append);
		node = find_node(l, item);
		place = level_put(l, node, item, true, &append);
	}
	check(place == PLACE_DONE, "no room after a split");
	level_check(l, node);
	return true;
}

/* VACUUM of one page: entries die with a chance of 1 in `odds`; mark = by MARK only */
static inline void
level_delete(Level *l, int node, uint64 odds, bool mark)
{
	Node *n = &l->nodes[node];
	const AlexPageOpaque *o = alex_opaque(n->page);
	static uint16 origin[ALEX_ITEMS_MAX];
	static AlexItem items[ALEX_ITEMS_MAX];
	uint8 drops[ALEX_DROP_BITMAP_BYTES] = { 0 };
	uint32 bits = alex_page_entries(n->page);
	uint32 base = 0;
	uint32 gap = 0;
	uint32 tail = 0;
	int kept = 0;
	int count = alex_page_decode(n->page, NULL, items, origin);

	for (int i = 0; i < count; i++)
	{
		bool drop = unit_random_below(odds) == 0;
		uint32 bit = origin[i] == ALEX_ORIGIN_GAP	 ? o->nbase + alex_gap_order(n->page)[gap++]
					 : origin[i] == ALEX_ORIGIN_TAIL ? o->nbase + o->ngap + tail++
													 : base++;

		if (drop)
			bitmap_set(drops, bit);
		else if (!(items[i].flags & ALEX_ITEM_REMOVED))
			n->live[kept++] = items[i];
	}
	n->nlive = kept;
	if (!mark)
	{
		check(alex_plan_merge(n->page, drops, &level_plan), "merge plan with drops");
		if (alex_plan_fits(form_of(l->inner), level_plan.bytes, 0))
		{
			level_apply(n->page,
						alex_op_rebuild(level_op, &level_plan, form_of(l->inner), drops, bits));
			l->drops++;
			level_check(l, node);
			return;
		}
	}
	level_apply(n->page, alex_op_mark(level_op, drops, bits));
	l->marks++;
	level_check(l, node);
}

/* hints, set as a scan sets them: in place */
static inline void
level_kill(Level *l, int node, uint64 odds)
{
	Node *n = &l->nodes[node];
	const AlexPageOpaque *o = alex_opaque(n->page);
	AlexBlock blk;

	for (uint32 b = 0; b < o->nblocks; b++)
	{
		check(alex_block_open(n->page, b, &blk), "block");
		for (uint32 i = 0; i < blk.n; i++)
			if (unit_random_below(odds) == 0 && blk.has_dead)
				bitmap_set((uint8 *) blk.dead, i);
	}
	for (uint32 i = 0; i < o->ntail; i++)
		if (unit_random_below(odds) == 0)
			bitmap_set(alex_tail_dead(n->page), i);
	for (uint32 i = 0; i < o->ngap; i++)
		if (unit_random_below(odds) == 0)
			bitmap_set(alex_gap_dead(n->page), i);
	{
		int count = alex_page_decode(n->page, NULL, check_items, NULL);
		int k = 0;

		for (int i = 0; i < count; i++)
			if (!(check_items[i].flags & ALEX_ITEM_REMOVED))
				n->live[k++].flags = check_items[i].flags;
	}
	level_check(l, node);
}

#endif
