/*
 * omendb.h
 *		What identifies the extension: names and numbers that other systems see.
 */
#ifndef OMENDB_H
#define OMENDB_H

#define OMENDB_VERSION "0.1.0"
#define OMENDB_SCHEMA "omendb"

/*
 * WAL resource manager.  128 is PostgreSQL's number for experiments
 * (RM_EXPERIMENTAL_ID); a number of our own is to be reserved before the first
 * release.  info = module << 4, see base/om_wal.h.
 */
#define OMENDB_RMGR_ID 128

/* page ids: the last two bytes of every page; core uses 0xFF80-0xFF83, pgvector 0xFF84, 0xFF90 */
#define OMENDB_ALEX_PAGE_ID 0xFFA1
#define OMENDB_HYBRID_PAGE_ID 0xFFA2

#endif
