/*
 * test_alex_damage.c
 *		Damaged pages and damaged ops: everything that reads or applies them ends,
 *		inside the page, with or without an answer.  The sanitizers are the
 *		judges.
 */
// sources: src/codec/linear.c src/codec/linear_wide.c src/alex/alex_page.c src/alex/alex_decode.c src/alex/alex_pagecheck.c src/alex/alex_fit.c src/alex/alex_cut.c src/alex/alex_plan.c src/alex/alex_apply.c src/alex/alex_op.c src/alex/alex_unlink.c
#include "alex_poke.h"
#include "alex_testing.h"

#define OPS_MAX 20

typedef struct Op
{
	uint32 len;
	char *bytes;
} Op;

typedef struct Sample
{
	const char *name;
	char *page;
	int nops;
	Op ops[OPS_MAX]; /* valid ones */
} Sample;

static Sample samples[16];
static int nsamples;

static void
add_op(Sample *s, uint32 len)
{
	s->ops[s->nops].len = len;
	s->ops[s->nops].bytes = malloc(len);
	memcpy(s->ops[s->nops++].bytes, level_op, len);
}

/* every op that is valid for the page */
static void
collect_ops(Sample *s)
{
	const AlexPageOpaque *o = alex_opaque(s->page);
	bool inner = o->kind == ALEX_KIND_INNER;
	uint32 bits = alex_page_entries(s->page);
	uint8 drops[ALEX_DROP_BITMAP_BYTES] = { 0 };
	AlexItem item = { 77, 88, 99, 0 };
	int cut;
	int cut_stream;

	add_op(s, alex_op_gap_insert(level_op, form_of(inner), o->ngap / 2, &item));
	add_op(s, alex_op_tail_append(level_op, form_of(inner), &item));
	check(alex_plan_seal(s->page, &level_plan), "seal");
	add_op(s, alex_op_seal(level_op, &level_plan, form_of(inner)));
	check(alex_plan_merge(s->page, NULL, &level_plan), "merge");
	add_op(s, alex_op_rebuild(level_op, &level_plan, form_of(inner), NULL, 0));
	check(alex_plan_split(s->page, &level_plan, form_of(inner), 50, &cut, &cut_stream), "split");
	add_op(s, alex_op_split_left(level_op, &level_plan, form_of(inner), cut, 7,
								 level_plan.stream[cut_stream].key,
								 level_plan.stream[cut_stream].tag));
	bitmap_set(drops, 3);
	bitmap_set(drops, bits - 1);
	check(alex_plan_merge(s->page, drops, &level_plan), "merge with drops");
	add_op(s, alex_op_rebuild(level_op, &level_plan, form_of(inner), drops, bits));
	for (uint32 i = 0; i < bits; i += 2)
		bitmap_set(drops, i);
	check(alex_plan_merge(s->page, drops, &level_plan), "merge with drops");
	add_op(s, alex_op_rebuild(level_op, &level_plan, form_of(inner), drops, bits));
	add_op(s, alex_op_mark(level_op, drops, bits));
	for (uint32 r = 0; r < o->nbase; r++)
		if (alex_run_item(s->page, r, &item) && (item.flags & ALEX_ITEM_REMOVED))
		{
			add_op(s, alex_op_unmark(level_op, r));
			break;
		}
	add_op(s, alex_op_set_left(level_op, 5));
	add_op(s, alex_op_clear_flags(level_op, ALEX_INCOMPLETE_SPLIT));
	add_op(s, alex_op_init(level_op, s->page));
	/* page deletion */
	add_op(s, alex_op_half_dead(level_op, 3));
	add_op(s, alex_op_deleted(level_op, 4));
	if (!inner)
		add_op(s, alex_op_set_low(level_op, NULL, form_of(false), true, 0, 0));
	for (uint32 i = 0; i < 2 && inner; i++)
	{
		uint32 gone;

		level_plan.nstream = alex_page_decode(s->page, NULL, level_plan.stream, level_plan.origin);
		gone = level_plan.stream[i].child;
		if (i == 1)
			level_plan.nstream = alex_unlink_edit(level_plan.stream, level_plan.nstream, 1);
		level_plan.count = 0;
		check(alex_plan_items(&level_plan, 0, level_plan.nstream, form_of(true)), "plan");
		add_op(s, i == 0 ? alex_op_set_low(level_op, &level_plan, form_of(true), true, 0, 0)
						 : alex_op_unlink(level_op, &level_plan, form_of(true), 1, gone,
										  level_plan.stream[1].child));
	}
}

static void
add_sample(const char *name, const char *page)
{
	Sample *s = &samples[nsamples++];

	s->name = name;
	s->page = new_page();
	memcpy(s->page, page, BLCKSZ);
	check(alex_page_check(page) == NULL, "%s: %s", name, alex_page_check(page));
	collect_ops(s);
}

/* the first page of a level grown to n entries, with something in gap run and tail */
static void
grow_sample(const char *name, AlexDist dist, bool inner, uint32 n, bool marks)
{
	static Level level;
	Arrivals a;
	const AlexPageOpaque *o;

	level_start(&level, inner, ALEX_LEAF_ENTRIES_MAX);
	level.targets = 0;
	arrivals_start(&a, dist, inner);
	for (uint32 i = 0; i < n || alex_opaque(level.nodes[0].page)->ngap < 3; i++)
	{
		AlexItem item = next_arrival(&a);

		(void) level_insert(&level, &item);
	}
	o = alex_opaque(level.nodes[0].page);
	if (marks)
		level_delete(&level, 0, 5, true);
	/* the tail: above everything, if the page is the last one */
	while (o->ntail < 9 && (o->flags & ALEX_HIGH_INF))
	{
		AlexItem item = { test_wide ? ALEX_KEY_ALL_ONES : PG_UINT64_MAX,
						  ALEX_COLD_TID + (UINT64CONST(1) << 63) + o->ntail + 1U, 0, 0 };

		(void) level_insert(&level, &item);
	}
	check(o->nbase > 0 && o->ngap > 0, "%s: nbase %u ngap %u", name, o->nbase, o->ngap);
	add_sample(name, level.nodes[0].page);
	level_free(&level);
}

/* every op of a sample on a damaged page */
static void
apply_all(const Sample *s, const char *damaged, char *scratch)
{
	for (int i = 0; i < s->nops; i++)
	{
		memcpy(scratch, damaged, BLCKSZ);
		if (alex_apply(scratch, s->ops[i].bytes, s->ops[i].len))
			(void) alex_page_check(scratch);
	}
}

/* change every byte outside the hole; the expensive calls for one value of it only */
static void
flip_bytes(const Sample *s)
{
	char *page = new_page();
	char *scratch = new_page();
	uint32 lower = alex_header(s->page)->lower;
	uint32 upper = alex_header(s->page)->upper;
	uint32 noticed = 0;
	uint32 total = 0;

	for (uint32 at = 0; at < BLCKSZ; at++)
	{
		static const uint8 flips[] = { 0xFF, 0x01, 0x80, 0x10 };

		if (at >= lower && at < upper)
			continue;
		for (uint32 f = 0; f < lengthof(flips); f++)
		{
			memcpy(page, s->page, BLCKSZ);
			page[at] = (char) (f < 3 ? (uint8) page[at] ^ flips[f] : (uint8) unit_random());
			noticed += alex_page_check(page) != NULL;
			total++;
			poke_page(page, unit_random, scratch, f == at % 4);
			if (f == (at + 1) % 4)
				apply_all(s, page, scratch);
		}
	}
	printf("# %s: %u entries, %u of %u changes noticed\n", s->name, alex_page_entries(s->page),
		   noticed, total);
	free(page);
	free(scratch);
}

/* u16 values that overflow something, at every even place of header, directory and special */
static void
hostile_words(const Sample *s)
{
	static const uint16 words[] = { 0, 1, 0x7FFF, 0x8000, 0xFFFF, 0xFF00, BLCKSZ - 41, 8193 };
	AlexForm form = alex_page_form(s->page);
	char *page = new_page();
	char *scratch = new_page();

	for (uint32 at = 0; at < BLCKSZ; at += 2)
	{
		if (at >= ALEX_DIR_OFF(form) + alex_opaque(s->page)->dirsize * ALEX_DIR_ENTRY_BYTES(form) +
					  64 &&
			at < ALEX_SPECIAL_OFF - 64)
			continue;
		for (uint32 w = 0; w < lengthof(words); w++)
		{
			memcpy(page, s->page, BLCKSZ);
			memcpy(page + at, &words[w], 2);
			poke_page(page, unit_random, scratch, w == at / 2 % lengthof(words));
			if (w == (at / 2 + 1) % lengthof(words))
				apply_all(s, page, scratch);
		}
	}
	free(page);
	free(scratch);
}

/* many random changes at once, the header kept or not */
static void
shower(const Sample *s, uint32 rounds)
{
	char *page = new_page();
	char *scratch = new_page();

	for (uint32 round = 0; round < rounds; round++)
	{
		uint32 changes = 1 + (uint32) unit_random_below(40);
		AlexForm form = alex_page_form(s->page);

		memcpy(page, s->page, BLCKSZ);
		for (uint32 i = 0; i < changes; i++)
		{
			uint32 at = ALEX_DIR_OFF(form) + (uint32) unit_random_below(ALEX_PAGE_ROOM(form));

			page[at] = (char) unit_random();
		}
		poke_page(page, unit_random, scratch, true);
		apply_all(s, page, scratch);
	}
	free(page);
	free(scratch);
}

/* damaged ops on a valid page, and pure noise */
static void
damaged_ops(const Sample *s, uint32 rounds)
{
	char *scratch = new_page();
	char *work = new_page();

	for (int i = 0; i < s->nops; i++)
	{
		const Op *op = &s->ops[i];

		for (uint32 round = 0; round < rounds; round++)
		{
			uint32 len = round % 4 == 0 ? 1 + (uint32) unit_random_below(op->len) : op->len;
			char *bytes = malloc(len);
			uint32 changes = (uint32) unit_random_below(5);

			memcpy(bytes, op->bytes, len);
			for (uint32 k = 0; k < changes; k++)
			{
				/* the first bytes decide most */
				uint32 at = (uint32) unit_random_below(unit_random_below(2) ? len : Min(len, 64));

				bytes[at] =
					(char) (unit_random_below(3) == 0 ? unit_random()
													  : bytes[at] ^ 1 << unit_random_below(8));
			}
			memcpy(work, s->page, BLCKSZ);
			if (alex_apply(work, bytes, len))
				poke_page(work, unit_random, scratch, round % 16 == 0);
			free(bytes);
		}
	}
	for (uint32 round = 0; round < rounds; round++)
	{
		uint32 len = 1 + (uint32) unit_random_below(200);
		char *bytes = malloc(len);

		for (uint32 k = 0; k < len; k++)
			bytes[k] = (char) unit_random();
		bytes[0] = (char) unit_random_below(ALEX_OP_MERGED + 2);
		memcpy(work, s->page, BLCKSZ);
		if (alex_apply(work, bytes, len))
			poke_page(work, unit_random, scratch, false);
		free(bytes);
	}
	free(work);
	free(scratch);
}

/* the numbers of a model in a plan, each set to its extremes */
static void
hostile_models(const Sample *s)
{
	char *scratch = new_page();
	char *work = new_page();

	for (int i = 0; i < s->nops; i++)
	{
		const Op *op = &s->ops[i];
		char *bytes;

		if (op->bytes[0] != ALEX_OP_SEAL && op->bytes[0] != ALEX_OP_REBUILD &&
			op->bytes[0] != ALEX_OP_SPLIT_LEFT && op->bytes[0] != ALEX_OP_UNLINK &&
			op->bytes[0] != ALEX_OP_SET_LOW)
			continue;
		bytes = malloc(op->len);
		for (uint32 at = 1; at < Min(op->len, 1500); at++)
			for (int k = 0; k < 5; k++)
			{
				static const uint8 values[] = { 0, 0xFF, 0x80, 0x7F, 0x31 };

				memcpy(bytes, op->bytes, op->len);
				bytes[at] = (char) values[k];
				memcpy(work, s->page, BLCKSZ);
				if (alex_apply(work, bytes, op->len))
					poke_page(work, unit_random, scratch, false);
			}
		free(bytes);
	}
	free(work);
	free(scratch);
}

/*
 * A plan that claims more cold entries than entries: its size wraps around, its
 * columns do not.
 */
static void
cold_overflow(void)
{
	char *work = new_page();
	char op[2 + 4 + sizeof(AlexModel)];
	static AlexItem items[128];
	uint32 n = sorted_arrivals(DIST_UNIFORM, false, items, 128);

	test_page_init(work, false);
	for (uint32 i = 0; i < n; i++)
		check(alex_apply(work, level_op, alex_op_tail_append(level_op, form_of(false), &items[i])),
			  "append");
	for (uint32 ncold = 129; ncold < 256; ncold++)
		for (uint32 t2width = 0; t2width <= 48; t2width++)
		{
			AlexModel m;
			uint16 consume = (uint16) n;
			char *page = new_page();

			alex_fit(items, n, form_of(false), &m);
			m.enc |= ALEX_ENC_TWO_TIDS;
			m.twidth = 48;
			m.t2width = (uint8) t2width;
			m.ncold = (uint8) ncold;
			op[0] = ALEX_OP_SEAL;
			op[1] = ALEX_PLAN_FIT;
			op[2] = 0;
			memcpy(op + 3, &consume, 2);
			alex_model_write(&m, form_of(false), op + 5);
			memcpy(page, work, BLCKSZ);
			check(!alex_apply(page, op, 5 + alex_model_bytes(&m, form_of(false))),
				  "%u cold entries of %u are accepted", ncold, n);
			free(page);
		}
	free(work);
}

int
main(void)
{
	grow_sample("mixed leaf", DIST_HOT_COLD, false, 230, true);
	grow_sample("leaf with null masks", DIST_NULL_MASKS, false, 220, false);
	grow_sample("leaf of any tags", DIST_ANY_TAG, false, 200, true);
	grow_sample("inner page", DIST_SHUFFLED, true, 240, false);
	grow_sample("inner page of any tags", DIST_ANY_TAG, true, 180, false);
	test_wide = true;
	grow_sample("wide leaf", DIST_HOT_COLD, false, 230, true);
	grow_sample("wide leaf with null masks", DIST_NULL_MASKS, false, 220, false);
	grow_sample("wide inner page", DIST_CLUSTERED, true, 200, false);
	for (int i = 0; i < nsamples; i++)
	{
		const Sample *s = &samples[i];

		test_wide = alex_page_form(s->page).wide;
		flip_bytes(s);
		ok(true, "%s: every byte changed", s->name);
		hostile_words(s);
		ok(true, "%s: hostile numbers", s->name);
		shower(s, 300);
		ok(true, "%s: many changes", s->name);
		damaged_ops(s, 400);
		ok(true, "%s: damaged ops", s->name);
		hostile_models(s);
		ok(true, "%s: hostile models", s->name);
	}
	for (int wide = 0; wide <= 1; wide++)
	{
		test_wide = wide;
		cold_overflow();
		ok(true, "a plan whose size overflows");
	}
	return done();
}
