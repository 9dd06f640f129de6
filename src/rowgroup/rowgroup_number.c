/*
 * rowgroup_number.c
 *		Row numbers of a group that was rewritten without some of its rows.
 */
#include "postgres.h"

#include "rowgroup/rowgroup_group.h"

bool
rg_has_numbers(const RgGroup *group)
{
	return group->numbers.desc != NULL;
}

uint32
rg_row_number(RgGroup *group, uint32 row)
{
	return rg_has_numbers(group) ? (uint32) rg_code_at(group, &group->numbers, row) : row;
}

void
rg_vector_numbers(RgGroup *group, uint32 vector, uint32 *numbers)
{
	uint32 rows = rg_vector_rows(group, vector);
	const uint64 *codes;

	if (!rg_has_numbers(group))
	{
		for (uint32 i = 0; i < rows; i++)
			numbers[i] = vector * COL_VECTOR_ROWS + i;
		return;
	}
	codes = rg_codes(group, &group->numbers, vector);
	for (uint32 i = 0; i < rows; i++)
		numbers[i] = (uint32) codes[i];
}

/* rg_find_vector --- the last vector that begins at or before the number; false if none does */
static bool
rg_find_vector(const RgGroup *group, const ColVector *vectors, uint32 number, uint32 *vector)
{
	uint32 low = 0;
	uint32 high = group->header->vectors;

	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;

		if (vectors[middle].min <= number)
			low = middle + 1;
		else
			high = middle;
	}
	*vector = low - 1;
	return low > 0;
}

bool
rg_find_number(RgGroup *group, uint32 number, uint32 *row)
{
	const ColVector *vectors;
	uint32 vector;
	uint32 low;
	uint32 high;

	if (!rg_has_numbers(group))
	{
		*row = number;
		return number < group->header->rows;
	}
	vectors = rg_load_vectors(group, &group->numbers);
	if (!rg_find_vector(group, vectors, number, &vector) || vectors[vector].max < number)
		return false;
	low = vector * COL_VECTOR_ROWS;
	high = low + rg_vector_rows(group, vector);
	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;
		uint64 found = rg_code_at(group, &group->numbers, middle);

		if (found == number)
		{
			*row = middle;
			return true;
		}
		if (found < number)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
