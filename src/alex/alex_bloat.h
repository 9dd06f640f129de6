/*
 * alex_bloat.h
 *		How an alex index shows whether it is larger than a new one would be.
 */
#ifndef ALEX_BLOAT_H
#define ALEX_BLOAT_H

#include "base/index_bloat.h"

/* for om_bloat_register */
extern const OmBloatMethod alex_bloat_method;

#endif
