/*
 * hybrid_compact.h
 *		omendb.compact(): freeze all that can be frozen, a group a transaction.
 */
#ifndef HYBRID_COMPACT_H
#define HYBRID_COMPACT_H


#endif
