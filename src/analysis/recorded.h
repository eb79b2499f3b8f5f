/*
 * The definition that a run recorded, made again from its index: arms with label, axes and resolved
 * options, seeds, overrides. Claims are judged by what was run, whatever today's file or today's
 * presets say. Plans, figures and places are left out; an option that this version does not know is
 * too, because no claim can name it.
 */
#ifndef EBB_ANALYSIS_RECORDED_H
#define EBB_ANALYSIS_RECORDED_H

#include "options/definition.h"
#include "record/record.h"

/* EBB_EINVAL for joined runs (record/join.h) and for values or tasks that this version does not have,
 * EBB_EFORMAT for a damaged index. *def is always safe to release (ebb_definition_release). */
int ebb_recorded_read(struct ebb_definition *def, const struct ebb_run *run,
		      const struct ebb_catalog *catalog, struct ebb_err *err);

#endif
