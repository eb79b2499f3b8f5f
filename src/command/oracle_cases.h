/* Evaluating the cases of a file for ebb oracle, apart from files and streams. */
#ifndef EBB_COMMAND_ORACLE_CASES_H
#define EBB_COMMAND_ORACLE_CASES_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"

/* text: n bytes of JSON; name: the file's, for messages. out: a table, or JSON with every
 * coefficient. notes: a line for everything that is odd but no error, filled up to an error. */
int ebb_oracle_evaluate(const char *text, size_t n, const char *name, bool json,
			struct ebb_buf *out, struct ebb_buf *notes, struct ebb_err *err);

#endif
