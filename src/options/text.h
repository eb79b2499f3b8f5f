/* What the files of this room share: tables by name, and showing a user's words in messages. */
#ifndef EBB_OPTIONS_TEXT_H
#define EBB_OPTIONS_TEXT_H

#include "base/near.h"
#include "options/definition.h"

#define EBB_SHOWN 64

/* A printable copy of at most EBB_SHOWN - 1 bytes: control bytes (they could drive a terminal) and
 * broken UTF-8 become '?', a longer text ends in "...". Returns out. */
const char *ebb_show(char out[EBB_SHOWN], const char *text);

/* Is this UTF-8 without control characters (line breaks count as such)? */
bool ebb_text_is_plain(const char *text);

/* The nearest word offered, unless it shares nothing with what was typed. Null: none. */
const char *ebb_near_word(const struct ebb_near *near);

/* Equal, case counting, '-' and '_' being the same. */
bool ebb_text_same(const char *a, const char *b);

/* The enumeration's text for a user's spelling of it, or null. */
const char *ebb_choice_find(const struct ebb_option *row, const char *text, int *value);

const struct ebb_preset *ebb_preset_find(const char *name);
const struct ebb_preset *ebb_preset_default(void);
const struct ebb_task_rows *ebb_task_rows_find(const struct ebb_catalog *catalog, const char *name);

/* Step through a settings text; false at its end. */
bool ebb_settings_next(const char **at, char key[EBB_STR_MAX], char value[EBB_STR_MAX]);

/* A decimal number, "inf" or ".inf" with a sign or without; no NaN, no hexadecimal, no overflow. */
bool ebb_parse_f64(const char *text, double *x);

/* Whole decimal number of 64 bits without sign; the text must hold nothing else. */
bool ebb_parse_u64(const char *text, uint64_t *value);

#endif
