/*
 * hybrid_ddl.h
 *		Files of omendb tables: create, truncate, size.
 */
#ifndef HYBRID_DDL_H
#define HYBRID_DDL_H

#include "access/tableam.h"

#include "base/pg_compat.h"

extern void hybrid_relation_set_new_file(Relation rel, const OmRelFile *newrlocator,
										 char persistence, TransactionId *freezeXid,
										 MultiXactId *minmulti);
extern void hybrid_relation_nontransactional_truncate(Relation rel);

#endif
