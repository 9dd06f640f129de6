/*
 * alex_fit.c
 *		Entries -> the models of one block, and models + entries -> bytes.
 *
 * TIDs are linearised before they are fitted (design rule F1): with M = the
 * largest offset seen, lin = block * M + offset - 1 is a dense sequence when
 * heap pages are full and rows arrive in order.  A block whose entries lie in
 * both regions of a hybrid table (hot: physical blocks, cold: top bit set) gets two
 * TID models, each over the entries of its region.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_fit.h"

static inline uint64
item_tid(const AlexItem *item)
{
	return item->tag & ALEX_TAG_TID_MASK;
}

static inline bool
item_cold(const AlexItem *item)
{
	return (item->tag & ALEX_COLD_TID) != 0;
}

/* block << 16 | offset -> block * mul + offset - 1; mul = 0 keeps the raw form */
static inline uint64
lin_of_tid(uint64 tid, uint32 mul)
{
	if (mul == 0)
		return tid;
	return (tid >> 16) * mul + (tid & 0xFFFF) - 1;
}

/* TIDs of the entries of one region: model, M */
static uint32
fit_tids(const uint64 *tids, uint32 n, LinearModel *model)
{
	uint64 lin[ALEX_BLOCK_ENTRIES_MAX];
	uint32 mul = 1;
	bool raw = false;

	for (uint32 i = 0; i < n; i++)
	{
		uint32 offset = tids[i] & 0xFFFF;

		mul = Max(mul, offset);
		/* offset 0 is no TID, but an inner page's truncated separator has it */
		if (offset == 0)
			raw = true;
	}
	if (raw)
		mul = 0;
	for (uint32 i = 0; i < n; i++)
		lin[i] = lin_of_tid(tids[i], mul);
	*model = linear_fit_any(lin, n);
	if (model->width > 48)
	{
		/* cannot happen: two 48-bit values are at most 48 bits apart */
		model->slope = 0;
		model->base = 0;
		model->width = 48;
	}
	return mul;
}

/* mixed: of both regions */
static void
fit_tid_columns(const AlexItem *items, uint32 n, bool mixed, AlexModel *m)
{
	uint64 first[ALEX_BLOCK_ENTRIES_MAX]; /* the only region's, or the hot one's */
	uint64 cold[ALEX_BLOCK_ENTRIES_MAX];
	uint32 nfirst = 0;
	uint32 ncold = 0;
	LinearModel model;

	if (!mixed)
		for (; nfirst < n; nfirst++)
			first[nfirst] = item_tid(&items[nfirst]);
	else
	{
		for (uint32 i = 0; i < n; i++)
		{
			if (item_cold(&items[i]))
				cold[ncold++] = item_tid(&items[i]);
			else
				first[nfirst++] = item_tid(&items[i]);
		}
		m->enc |= ALEX_ENC_TWO_TIDS;
		m->ncold = (uint8) ncold;
		m->t2mul = (uint16) fit_tids(cold, ncold, &model);
		m->t2slope = model.slope;
		m->t2base = model.base & ALEX_TAG_TID_MASK;
		m->t2width = (uint8) model.width;
	}
	m->tmul = (uint16) fit_tids(first, nfirst, &model);
	m->tslope = model.slope;
	m->tbase = model.base & ALEX_TAG_TID_MASK;
	m->twidth = (uint8) model.width;
}

static void
fit_keys(const AlexItem *items, uint32 n, AlexForm form, AlexModel *m)
{
	if (form.wide)
	{
		AlexKey values[ALEX_BLOCK_ENTRIES_MAX] = { 0 };
		LinearWideModel model;

		for (uint32 i = 0; i < n; i++)
			values[i] = items[i].key;
		model = linear_wide_fit_sorted(values, n);
		m->kslope = model.slope;
		m->kbase = model.base;
		m->kwidth = (uint8) model.width;
	}
	else
	{
		uint64 values[ALEX_BLOCK_ENTRIES_MAX];
		LinearModel model;

		values[0] = 0; /* n >= 1, which the compiler cannot see */
		for (uint32 i = 0; i < n; i++)
			values[i] = (uint64) items[i].key;
		model = linear_fit_sorted(values, n);
		m->kslope = model.slope;
		m->kbase = model.base;
		m->kwidth = (uint8) model.width;
	}
}

void
alex_fit(const AlexItem *items, uint32 n, AlexForm form, AlexModel *m)
{
	uint32 nulls_min = ALEX_TAG_NULLS(items[0].tag);
	uint32 nulls_max = nulls_min;
	uint64 differ = 0;
	uint8 flags = 0;

	Assert(n >= 1 && n <= ALEX_BLOCK_ENTRIES_MAX);
	memset(m, 0, sizeof(*m));
	m->enc = ALEX_ENC_LINEAR;
	m->n = (uint8) n;

	/* null flags, regions and marks are nearly always all the same */
	for (uint32 i = 0; i < n; i++)
	{
		differ |= items[i].tag ^ items[0].tag;
		flags |= items[i].flags;
	}
	for (uint32 i = 0; ALEX_TAG_NULLS(differ) != 0 && i < n; i++)
	{
		uint32 nulls = ALEX_TAG_NULLS(items[i].tag);

		nulls_min = Min(nulls_min, nulls);
		nulls_max = Max(nulls_max, nulls);
	}
	if (flags & ALEX_ITEM_REMOVED)
		m->enc |= ALEX_ENC_REMOVED;
	fit_keys(items, n, form, m);
	m->nbase = (uint16) nulls_min;
	m->nwidth = (uint8) bitpack_width(nulls_max - nulls_min);

	fit_tid_columns(items, n, (differ & ALEX_COLD_TID) != 0, m);
	if (form.inner)
	{
		uint64 values[ALEX_BLOCK_ENTRIES_MAX] = { 0 };
		LinearModel model;

		for (uint32 i = 0; i < n; i++)
			values[i] = items[i].child;
		model = linear_fit_any(values, n);
		m->cslope = model.slope;
		m->cbase = model.base & 0xFFFFFFFF;
		m->cwidth = (uint8) model.width;
		Assert(model.width <= 32);
	}
}

void
alex_model_of_block(const AlexBlock *blk, AlexModel *m)
{
	memset(m, 0, sizeof(*m));
	m->kbase = blk->kbase;
	m->kslope = blk->kslope;
	m->tslope = blk->tslope;
	m->tbase = blk->tbase;
	m->tmul = (uint16) blk->tmul;
	m->nbase = (uint16) blk->nbase;
	m->enc = ALEX_ENC_LINEAR | (blk->removed ? ALEX_ENC_REMOVED : 0) |
			 (blk->has_dead ? 0 : ALEX_ENC_NO_DEAD) | (blk->two_tids ? ALEX_ENC_TWO_TIDS : 0);
	m->n = (uint8) blk->n;
	m->idx0 = (uint8) blk->idx0;
	m->kwidth = (uint8) blk->kwidth;
	m->twidth = (uint8) blk->twidth;
	m->nwidth = (uint8) blk->nwidth;
	if (blk->inner)
	{
		m->cslope = blk->cslope;
		m->cbase = blk->cbase;
		m->cwidth = (uint8) blk->cwidth;
	}
	if (blk->two_tids)
	{
		m->t2slope = blk->t2slope;
		m->t2base = blk->t2base;
		m->t2mul = (uint16) blk->t2mul;
		m->t2width = (uint8) blk->t2width;
		m->hot0 = (uint8) blk->hot0;
		m->cold0 = (uint8) blk->cold0;
		m->ncold = (uint8) bitmap_rank128(blk->region, blk->n);
	}
}

void
alex_model_slice(const AlexModel *m, const AlexItem *items, uint32 from, uint32 n,
				 uint32 cold_before, AlexModel *slice)
{
	*slice = *m;
	slice->n = (uint8) n;
	slice->idx0 = (uint8) (m->idx0 + from);
	slice->enc &= ~(ALEX_ENC_REMOVED | ALEX_ENC_NO_DEAD);
	slice->ncold = 0;
	for (uint32 i = 0; i < n; i++)
	{
		/* a second column only where there has been one: a slice must not be larger than the block */
		if (items[i].flags & ALEX_ITEM_REMOVED)
			slice->enc |= m->enc & ALEX_ENC_REMOVED ? m->enc & (ALEX_ENC_REMOVED | ALEX_ENC_NO_DEAD)
													: ALEX_ENC_REMOVED | ALEX_ENC_NO_DEAD;
		if (item_cold(&items[i]))
			slice->ncold++;
	}
	if (m->enc & ALEX_ENC_TWO_TIDS)
	{
		/* a slice may lie in one region only; it keeps both models all the same */
		slice->hot0 = (uint8) (m->hot0 + from - cold_before);
		slice->cold0 = (uint8) (m->cold0 + cold_before);
	}
}

bool
alex_model_valid(const AlexModel *m, AlexForm form)
{
	return (m->enc & ALEX_ENC_KIND_MASK) == ALEX_ENC_LINEAR && (m->enc & ~ALEX_ENC_VALID) == 0 &&
		   (m->enc & (ALEX_ENC_REMOVED | ALEX_ENC_NO_DEAD)) != ALEX_ENC_NO_DEAD && m->n > 0 &&
		   (uint32) m->n + m->idx0 <= ALEX_BLOCK_ENTRIES_MAX &&
		   m->kwidth <= 8 * ALEX_KEY_BYTES(form) && m->twidth <= 48 && m->nwidth <= 16 &&
		   m->cwidth <= 32 && m->t2width <= 48 && m->ncold <= m->n;
}

uint32
alex_model_size(const AlexModel *m, AlexForm form)
{
	uint32 bitmap_bytes = ((uint32) m->n + 7) / 8;
	uint32 bytes = ALEX_DIR_ENTRY_BYTES(form) + bitmap_bytes;

	/* dead bits, removed bits, or both */
	if ((m->enc & ALEX_ENC_REMOVED) && !(m->enc & ALEX_ENC_NO_DEAD))
		bytes += bitmap_bytes;
	bytes += BITPACK_BYTES(m->n, m->kwidth) + BITPACK_BYTES(m->n, m->nwidth);
	if (m->enc & ALEX_ENC_TWO_TIDS)
		bytes += sizeof(AlexTid2Ext) + bitmap_bytes + BITPACK_BYTES(m->n - m->ncold, m->twidth) +
				 BITPACK_BYTES(m->ncold, m->t2width);
	else
		bytes += BITPACK_BYTES(m->n, m->twidth);
	if (form.inner)
		bytes += sizeof(AlexChildExt) + BITPACK_BYTES(m->n, m->cwidth);
	return bytes;
}

/* residuals of one TID column; false if one exceeds the width */
static bool
encode_tids(const AlexItem *items, uint32 n, bool mixed, bool cold, const LinearModel *model,
			uint32 mul, uint32 first, uint8 **out)
{
	uint64 r[ALEX_BLOCK_ENTRIES_MAX];
	LinearWalk walk = linear_walk(model->slope, first);
	uint32 k = 0;
	uint64 excess = 0;

	for (uint32 i = 0; i < n; i++)
	{
		uint64 tid = item_tid(&items[i]);

		if (mixed && item_cold(&items[i]) != cold)
			continue;
		if (mul > 0 && ((tid & 0xFFFF) == 0 || (tid & 0xFFFF) > mul))
			return false;
		r[k] = (lin_of_tid(tid, mul) - model->base - linear_next(&walk)) & ALEX_TAG_TID_MASK;
		excess |= r[k] & ~bitpack_mask(model->width);
		k++;
	}
	*out += bitpack_put_all(*out, r, k, model->width);
	return excess == 0;
}

/* keys; the result is 0 if every residual fits its width */
static uint64
encode_keys8(const AlexItem *items, const AlexModel *m, uint8 **out)
{
	uint64 r[ALEX_BLOCK_ENTRIES_MAX];
	LinearWalk walk = linear_walk(m->kslope, m->idx0);
	uint64 excess = 0;

	for (uint32 i = 0; i < m->n; i++)
	{
		r[i] = (uint64) items[i].key - (uint64) m->kbase - linear_next(&walk);
		excess |= r[i] & ~bitpack_mask(m->kwidth);
	}
	*out += bitpack_put_all(*out, r, m->n, m->kwidth);
	return excess;
}

static uint64
encode_keys16(const AlexItem *items, const AlexModel *m, uint8 **out)
{
	AlexKey r[ALEX_BLOCK_ENTRIES_MAX];
	AlexKey excess = 0;

	for (uint32 i = 0; i < m->n; i++)
	{
		r[i] = items[i].key - m->kbase - linear_wide_delta(m->kslope, i + m->idx0);
		if (m->kwidth < 128)
			excess |= r[i] >> m->kwidth;
	}
	*out += bitpack_put_all_wide(*out, r, m->n, m->kwidth);
	return (uint64) excess | (uint64) (excess >> 64);
}

/* null flags; the result is 0 if every residual fits its width */
static uint64
encode_nulls(const AlexItem *items, const AlexModel *m, uint8 **out)
{
	uint64 r[ALEX_BLOCK_ENTRIES_MAX];
	uint64 excess = 0;

	if (m->nwidth == 0)
	{
		/* nothing to write; but the flags must be what the model says */
		for (uint32 i = 0; i < m->n; i++)
			excess |= ALEX_TAG_NULLS(items[i].tag) ^ (uint64) m->nbase;
		return excess;
	}
	for (uint32 i = 0; i < m->n; i++)
	{
		r[i] = ALEX_TAG_NULLS(items[i].tag) - (uint64) m->nbase;
		excess |= r[i] & ~bitpack_mask(m->nwidth);
	}
	*out += bitpack_put_all(*out, r, m->n, m->nwidth);
	return excess;
}

/* downlinks, likewise */
static uint64
encode_children(const AlexItem *items, const AlexModel *m, uint8 **out)
{
	uint64 r[ALEX_BLOCK_ENTRIES_MAX];
	uint64 excess = 0;

	for (uint32 i = 0; i < m->n; i++)
	{
		r[i] = (items[i].child - m->cbase - linear_delta(m->cslope, i + m->idx0)) & 0xFFFFFFFF;
		excess |= r[i] & ~bitpack_mask(m->cwidth);
	}
	*out += bitpack_put_all(*out, r, m->n, m->cwidth);
	return excess;
}

uint32
alex_encode(const AlexItem *items, const AlexModel *m, AlexForm form, uint8 *out,
			AlexBlockDesc *desc)
{
	uint32 n = m->n;
	uint32 bitmap_bytes = (n + 7) / 8;
	uint8 *p = out;
	uint64 excess = 0;
	uint32 ncold = 0;
	bool mixed = (m->enc & ALEX_ENC_TWO_TIDS) != 0;
	LinearModel tids = { m->tslope, m->tbase, m->twidth };

	if (!alex_model_valid(m, form))
		return 0;

	/* dead bits, removed bits; not a byte more than the block has: the gap run may follow */
	if (!(m->enc & ALEX_ENC_NO_DEAD))
	{
		memset(p, 0, bitmap_bytes);
		for (uint32 i = 0; i < n; i++)
		{
			if (items[i].flags & ALEX_ITEM_DEAD)
				bitmap_set(p, i);
			/* a removed entry must not come back to life */
			if ((items[i].flags & ALEX_ITEM_REMOVED) && !(m->enc & ALEX_ENC_REMOVED))
				return 0;
		}
		p += bitmap_bytes;
	}
	if (m->enc & ALEX_ENC_REMOVED)
	{
		memset(p, 0, bitmap_bytes);
		for (uint32 i = 0; i < n; i++)
			if (items[i].flags & ALEX_ITEM_REMOVED)
				bitmap_set(p, i);
		p += bitmap_bytes;
	}

	/* extensions */
	if (mixed)
	{
		AlexTid2Ext ext = { (uint32) m->t2slope,
							(uint32) (m->t2slope >> 32),
							(uint32) m->t2base,
							(uint16) (m->t2base >> 32),
							m->t2mul,
							m->t2width,
							m->hot0,
							m->cold0,
							0 };

		memcpy(p, &ext, sizeof(ext));
		p += sizeof(ext);
	}
	if (form.inner)
	{
		AlexChildExt ext = { (uint32) m->cslope,
							 (uint32) (m->cslope >> 32),
							 (uint32) m->cbase,
							 m->cwidth,
							 { 0, 0, 0 } };

		memcpy(p, &ext, sizeof(ext));
		p += sizeof(ext);
	}

	/* keys */
	excess |= form.wide ? encode_keys16(items, m, &p) : encode_keys8(items, m, &p);

	/* TIDs */
	if (mixed)
	{
		LinearModel tids2 = { m->t2slope, m->t2base, m->t2width };

		memset(p, 0, bitmap_bytes);
		for (uint32 i = 0; i < n; i++)
			if (item_cold(&items[i]))
			{
				bitmap_set(p, i);
				ncold++;
			}
		p += bitmap_bytes;
		if (ncold != m->ncold || m->hot0 + n - ncold > ALEX_BLOCK_ENTRIES_MAX ||
			m->cold0 + ncold > ALEX_BLOCK_ENTRIES_MAX ||
			!encode_tids(items, n, true, false, &tids, m->tmul, m->hot0, &p) ||
			!encode_tids(items, n, true, true, &tids2, m->t2mul, m->cold0, &p))
			return 0;
	}
	else if (!encode_tids(items, n, false, false, &tids, m->tmul, m->idx0, &p))
		return 0;

	excess |= encode_nulls(items, m, &p);
	if (form.inner)
		excess |= encode_children(items, m, &p);
	if (excess != 0)
		return 0;

	desc->kslope_lo = (uint32) m->kslope;
	desc->kslope_hi = (uint32) (m->kslope >> 32);
	desc->tslope_lo = (uint32) m->tslope;
	desc->tslope_hi = (uint32) (m->tslope >> 32);
	desc->tbase_lo = (uint32) m->tbase;
	desc->tbase_hi = (uint16) (m->tbase >> 32);
	desc->tmul = m->tmul;
	desc->off = 0;
	desc->cum = 0;
	desc->nbase = m->nbase;
	desc->enc = m->enc;
	desc->n = m->n;
	desc->idx0 = m->idx0;
	desc->kwidth = m->kwidth;
	desc->twidth = m->twidth;
	desc->nwidth = m->nwidth;
	return (uint32) (p - out);
}

/* what WAL carries of the struct behind kbase, without and with what few blocks have */
#define MODEL_BASE_BYTES (offsetof(AlexModel, cslope) - offsetof(AlexModel, kslope))
#define MODEL_INNER_BYTES (offsetof(AlexModel, t2slope) - offsetof(AlexModel, kslope))
#define MODEL_WHOLE_BYTES (sizeof(AlexModel) - offsetof(AlexModel, kslope))

uint32
alex_model_bytes(const AlexModel *m, AlexForm form)
{
	uint32 bytes = MODEL_BASE_BYTES;

	if (m->enc & ALEX_ENC_TWO_TIDS)
		bytes = MODEL_WHOLE_BYTES;
	else if (form.inner)
		bytes = MODEL_INNER_BYTES;
	return ALEX_KEY_BYTES(form) + bytes;
}

void
alex_model_write(const AlexModel *m, AlexForm form, char *dst)
{
	uint32 keybytes = ALEX_KEY_BYTES(form);

	alex_key_store(dst, form.wide, m->kbase);
	memcpy(dst + keybytes, &m->kslope, alex_model_bytes(m, form) - keybytes);
}

uint32
alex_model_read(const char *src, uint32 avail, AlexForm form, AlexModel *m)
{
	uint32 keybytes = ALEX_KEY_BYTES(form);
	uint32 bytes;

	memset(m, 0, sizeof(*m));
	if (avail < keybytes + MODEL_BASE_BYTES)
		return 0;
	/* enc says how much there is */
	memcpy(&m->kslope, src + keybytes, MODEL_BASE_BYTES);
	bytes = alex_model_bytes(m, form);
	if (avail < bytes)
		return 0;
	memcpy(&m->kslope, src + keybytes, bytes - keybytes);
	m->kbase = alex_key_load(src, form.wide);
	return bytes;
}
