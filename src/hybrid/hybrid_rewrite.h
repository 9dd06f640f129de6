/*
 * hybrid_rewrite.h
 *		VACUUM FULL and CLUSTER (rule L2).
 */
#ifndef HYBRID_REWRITE_H
#define HYBRID_REWRITE_H

#include "access/tableam.h"

extern void hybrid_relation_copy_for_cluster(Relation old_table, Relation new_table,
											 Relation old_index, bool use_sort,
											 TransactionId oldest_xmin, TransactionId *xid_cutoff,
											 MultiXactId *multi_cutoff, double *num_tuples,
											 double *tups_vacuumed, double *tups_recently_dead);

#endif
