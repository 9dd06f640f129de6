/*
 * alex_unlink.c
 *		The ops of page deletion, executed.  Pure code.
 *
 * An inner page that loses a downlink, or whose first separator sinks, is fitted afresh
 * as a whole: it happens once per deleted page, and the plan is a few hundred bytes.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_apply.h"
#include "alex/alex_unlink.h"

/* InvalidBlockNumber: no parent goes with the leaf */
#define NO_PARENT 0xFFFFFFFFU

int
alex_unlink_edit(AlexItem *items, int n, int i)
{
	items[i].child = items[i + 1].child;
	memmove(&items[i + 1], &items[i + 2], (size_t) (n - i - 2) * sizeof(AlexItem));
	return n - 1;
}

void
alex_lower_first(AlexItem *items, AlexKey key, uint64 tag)
{
	items[0].key = key;
	items[0].tag = tag;
}

/* take everything off the page but its links, fences and flags */
static void
empty_page(char *page)
{
	AlexPageOpaque *o = alex_opaque(page);
	uint32 dir = ALEX_DIR_OFF(alex_page_form(page));

	memset(page + dir, 0, ALEX_SPECIAL_OFF - dir);
	alex_header(page)->lower = (uint16) dir;
	alex_header(page)->upper = ALEX_SPECIAL_OFF;
	o->nblocks = o->dirsize = o->nbase = o->nremoved = 0;
	o->ngap = o->ntail = 0;
	o->blocks_end = (uint16) dir;
}

/* the leaf becomes half-dead and empty; top: the parent that goes with it, or none */
static bool
make_half_dead(char *page, uint32 top)
{
	AlexPageOpaque *o = alex_opaque(page);

	if (o->kind != ALEX_KIND_LEAF ||
		(o->flags & (ALEX_ROOT | ALEX_INCOMPLETE_SPLIT | ALEX_DELETED | ALEX_HIGH_INF)))
		return false;
	empty_page(page);
	o->safexid = top;
	o->flags |= ALEX_HALF_DEAD;
	return true;
}

bool
alex_apply_half_dead(char *page, const char *p, uint32 len)
{
	uint32 top;

	if (len != 4 || alex_page_entries(page) != alex_opaque(page)->nremoved)
		return false;
	memcpy(&top, p, 4);
	return make_half_dead(page, top);
}

bool
alex_apply_merged(char *page)
{
	return !(alex_opaque(page)->flags & ALEX_HALF_DEAD) && make_half_dead(page, NO_PARENT);
}

bool
alex_apply_deleted(char *page, const char *p, uint32 len)
{
	AlexPageOpaque *o = alex_opaque(page);

	/* an inner page goes from live to deleted: its half-dead child said that it would */
	if (len != 8 || (o->flags & (ALEX_ROOT | ALEX_INCOMPLETE_SPLIT | ALEX_DELETED)) ||
		(o->kind == ALEX_KIND_LEAF) != ((o->flags & ALEX_HALF_DEAD) != 0))
		return false;
	empty_page(page);
	memcpy(&o->safexid, p, 8);
	o->flags &= (uint16) ~ALEX_HALF_DEAD;
	o->flags |= ALEX_DELETED;
	return true;
}

/* the page becomes what the plan makes of plan->stream */
static bool
refit(char *page, const char *p, uint32 len, AlexPlan *plan, char *image)
{
	int pos = 0;

	if (!alex_plan_read(page, p, len, plan))
		return false;
	for (int i = 0; i < plan->count; i++)
	{
		/* a copied block would bring back what was edited */
		if (plan->entries[i].kind != ALEX_PLAN_FIT)
			return false;
		pos += plan->entries[i].consume;
	}
	if (pos != plan->nstream)
		return false;
	if (!alex_rebuild_image(image, page, plan))
		return false;
	memcpy(page, image, BLCKSZ);
	return true;
}

bool
alex_apply_set_low(char *page, const char *p, uint32 len, AlexPlan *plan, char *image)
{
	AlexForm form = alex_page_form(page);
	uint32 head = 1 + ALEX_FENCE_BYTES(ALEX_KEY_BYTES(form));
	AlexRawEntry low;

	if (len < head || (!form.inner && len != head))
		return false;
	low = alex_fence_load(p + 1, form.wide);
	if (form.inner)
	{
		plan->nstream = alex_page_decode(page, NULL, plan->stream, plan->origin);
		if (plan->nstream < 1)
			return false;
		alex_lower_first(plan->stream, low.key, low.tag);
		if (!refit(page, p + head, len - head, plan, image))
			return false;
	}
	alex_page_set_low(page, low.key, low.tag);
	if (p[0])
		alex_opaque(page)->flags |= ALEX_LOW_INF;
	return true;
}

bool
alex_apply_unlink(char *page, const char *p, uint32 len, AlexPlan *plan, char *image)
{
	uint32 number;
	uint32 gone;
	uint32 heir;

	if (len < 12 || alex_opaque(page)->kind != ALEX_KIND_INNER)
		return false;
	memcpy(&number, p, 4);
	memcpy(&gone, p + 4, 4);
	memcpy(&heir, p + 8, 4);
	plan->nstream = alex_page_decode(page, NULL, plan->stream, plan->origin);
	if (plan->nstream < 2 || number >= (uint32) plan->nstream - 1 ||
		plan->stream[number].child != gone || plan->stream[number + 1].child != heir)
		return false;
	plan->nstream = alex_unlink_edit(plan->stream, plan->nstream, (int) number);
	return refit(page, p + 12, len - 12, plan, image);
}
