/*
 * alex_scan_ahead.c
 *		Where a scan begins, and reading ahead of it.
 *
 * The model cache knows the leaves that a range lies on before the first of them is read, so all
 * can be under way at once; without a copy of the parent page it is the right neighbour, once its link
 * is known.  A scan without an upper end may be given up soon: it begins to read ahead with its second
 * leaf.  Asking is all that is done here: which page comes next is not decided by it.
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/spccache.h"

#include "alex/alex_buf.h"
#include "alex/alex_scan_state.h"

/* the range's upper end */
static inline AlexRawEntry
upper_end(const AlexBounds *b)
{
	if (b->hi_inf)
		return (AlexRawEntry){ ALEX_KEY_ALL_ONES, PG_UINT64_MAX };
	return (AlexRawEntry){ b->hi_key, b->hi_tag };
}

Buffer
alex_scan_first_leaf(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	Relation rel = scan->indexRelation;
	const AlexBounds *b = &so->bounds;
	AlexRawEntry end;

	so->ahead = 0;
	if (ScanDirectionIsForward(dir))
	{
		/* entries of one key hardly ever lie on several leaves */
		if (b->hi_inf || b->hi_key == b->lo_key)
			return alex_descend(rel, 0, b->lo_key, b->lo_tag, false, BUFFER_LOCK_SHARE, false);
		return alex_descend_range(rel, (AlexRawEntry){ b->lo_key, b->lo_tag }, upper_end(b),
								  &so->ahead);
	}
	end = upper_end(b);
	return alex_descend(rel, 0, end.key, end.tag, !b->hi_inf, BUFFER_LOCK_SHARE, false);
}

void
alex_scan_read_ahead(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	Relation rel = scan->indexRelation;

	if (so->ahead > 0 || so->cursor.state != SCAN_PAGE || scan->parallel_scan != NULL ||
		alex_scan_range_ends(so, ForwardScanDirection) ||
		get_tablespace_io_concurrency(rel->rd_rel->reltablespace) == 0)
		return;
	so->ahead = alex_prefetch_leaves(rel, alex_page_high(so->page), upper_end(&so->bounds));
	/* a link that is damaged is for who follows it to find */
	if (so->ahead == 0 && BlockNumberIsValid(alex_opaque(so->page)->right))
	{
		(void) PrefetchBuffer(rel, MAIN_FORKNUM, alex_opaque(so->page)->right);
		so->ahead = 1;
	}
}
