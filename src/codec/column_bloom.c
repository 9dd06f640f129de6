/*
 * column_bloom.c
 *		The Bloom filter of a column: build one, ask one.  Pure code.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/column_bloom.h"
#include "codec/column_encode.h"

/*
 * 10 bits for each distinct value and 7 probes: one in 122 values that are not there seems to be, and, as sections have not all
 * the same number of values, in fact one in 120.
 */
#define BLOOM_BITS 10
#define BLOOM_PROBES 7

#define SECTION_BITS_MAX ((COL_BLOOM_SECTION_MAX - COL_BLOOM_SECTION_HEADER) * 8)

StaticAssertDecl(SECTION_BITS_MAX % 64 == 0, "sections are made of whole words");

/* hashes of the distinct values of a column: a table with open addressing, 0 = empty */
typedef struct ColBloom
{
	uint32 count;
	uint32 mask;
	bool zero; /* there is a hash of 0, too */
	uint64 slots[];
} ColBloom;

/* ---- bits of a section ---- */

/* where in a section of so many bits the bits of a value stand: at bloom_place(&at, bits), as often as there are probes */
typedef struct BloomPlaces
{
	uint32 at;
	uint32 step;
} BloomPlaces;

static inline BloomPlaces
bloom_places(uint64 hash)
{
	/* the hash has chosen the section already */
	uint64 h = column_mix(hash + UINT64CONST(0x9E3779B97F4A7C15));

	return (BloomPlaces){ (uint32) h, (uint32) (h >> 32) | 1 };
}

static inline uint32
bloom_place(BloomPlaces *places, uint32 bits)
{
	uint32 place = (uint32) ((uint64) places->at * bits >> 32);

	places->at += places->step;
	/* else two values with the same step would have more than one bit in common too often */
	places->step += 0x9E3779B8;
	return place;
}

static inline uint32
section_bits(const ColDesc *desc)
{
	return (desc->bloom_section - COL_BLOOM_SECTION_HEADER) * 8U;
}

const char *
column_check_bloom(const ColDesc *desc, uint32 section, const uint8 *data)
{
	uint32 stored[2];

	memcpy(stored, data, sizeof(stored));
	if (column_crc(data + sizeof(uint32), desc->bloom_section - sizeof(uint32)) != stored[0])
		return "checksum of the Bloom filter is wrong";
	return stored[1] != section ? "section of the Bloom filter is not where it belongs" : NULL;
}

bool
column_bloom_test(const ColDesc *desc, const uint8 *data, uint64 hash)
{
	BloomPlaces places = bloom_places(hash);
	uint32 bits = section_bits(desc);

	for (uint32 i = 0; i < desc->bloom_probes; i++)
	{
		uint32 bit = bloom_place(&places, bits);

		if (!bitmap_test(data + COL_BLOOM_SECTION_HEADER, bit))
			return false;
	}
	return true;
}

/* ---- building ---- */

static uint32
bloom_slots(uint32 values)
{
	uint32 slots = 16;

	while (slots < 2 * values)
		slots *= 2;
	return slots;
}

Size
column_bloom_memory(uint32 values)
{
	return sizeof(ColBloom) + bloom_slots(values) * sizeof(uint64) + values * BLOOM_BITS / 8;
}

static ColBloom *
collect_hashes(const ColInput *in, uint32 values)
{
	uint32 slots = bloom_slots(values);
	ColBloom *bloom;

	bloom = palloc0(sizeof(*bloom) + slots * sizeof(*bloom->slots));
	bloom->mask = slots - 1;
	for (uint32 row = 0; row < in->rows; row++)
	{
		uint64 hash;
		uint32 slot;

		if (column_input_null(in, row))
			continue;
		hash = in->store == COL_STORE_CODE ? column_hash_code(in->order, in->codes[row])
										   : column_hash_span(column_input_span(in, row));
		if (hash == 0)
		{
			bloom->zero = true;
			continue;
		}
		for (slot = (uint32) hash & bloom->mask;
			 bloom->slots[slot] != 0 && bloom->slots[slot] != hash; slot = (slot + 1) & bloom->mask)
			;
		bloom->count += bloom->slots[slot] == 0;
		bloom->slots[slot] = hash;
	}
	bloom->count += bloom->zero;
	return bloom;
}

/* is every value between the smallest and the greatest there? */
static bool
range_is_full(const ColDesc *desc, uint32 count)
{
	return desc->store == COL_STORE_CODE &&
		   (desc->min == desc->max ||
			((desc->order == COL_ORDER_SIGNED || desc->order == COL_ORDER_UNSIGNED) &&
			 desc->max - desc->min == count - UINT64CONST(1)));
}

void
column_plan_bloom(Encoder *enc)
{
	ColDesc *desc = enc->desc;
	uint64 bits;
	uint64 sections;
	ColBloom *bloom;

	if (!enc->in->bloom || desc->order == COL_ORDER_NONE || (desc->flags & COL_FLAG_DICT))
		return;
	bloom = collect_hashes(enc->in, enc->in->rows - desc->null_count);
	if (range_is_full(desc, bloom->count))
	{
		pfree(bloom);
		return;
	}
	enc->bloom = bloom;
	bits = bloom->count * (uint64) BLOOM_BITS;
	sections = (bits + SECTION_BITS_MAX - 1) / SECTION_BITS_MAX;
	desc->flags |= COL_FLAG_BLOOM;
	desc->bloom_offset =
		enc->vectors * (uint32) sizeof(ColVector) + (uint32) COL_ALIGN((uint64) desc->dict_bytes);
	desc->bloom_section = (uint16) (COL_BLOOM_SECTION_HEADER +
									(bits + sections * 64 - 1) / (sections * 64) * sizeof(uint64));
	desc->bloom_bytes = (uint32) sections * desc->bloom_section;
	desc->bloom_probes = BLOOM_PROBES;
}

static void
set_bits(const ColDesc *desc, uint8 *dst, uint64 hash)
{
	uint8 *bits =
		dst + column_bloom_section(desc, hash) * desc->bloom_section + COL_BLOOM_SECTION_HEADER;
	BloomPlaces places = bloom_places(hash);

	for (uint32 i = 0; i < desc->bloom_probes; i++)
		bitmap_set(bits, bloom_place(&places, section_bits(desc)));
}

void
column_write_bloom(const Encoder *enc, uint8 *dst)
{
	const ColDesc *desc = enc->desc;
	uint32 sections = desc->bloom_bytes / desc->bloom_section;

	if (enc->bloom->zero)
		set_bits(desc, dst, 0);
	for (uint32 slot = 0; slot <= enc->bloom->mask; slot++)
		if (enc->bloom->slots[slot] != 0)
			set_bits(desc, dst, enc->bloom->slots[slot]);
	for (uint32 i = 0; i < sections; i++)
	{
		uint8 *section = dst + i * desc->bloom_section;
		uint32 crc;

		memcpy(section + sizeof(crc), &i, sizeof(i));
		crc = column_crc(section + sizeof(crc), desc->bloom_section - sizeof(crc));
		memcpy(section, &crc, sizeof(crc));
	}
}

void
column_free_bloom(Encoder *enc)
{
	if (enc->bloom != NULL)
		pfree(enc->bloom);
	enc->bloom = NULL;
}
