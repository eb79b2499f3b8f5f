/*
 * Journals, any bytes: blocks are read as far as they are whole, and what is read is the same when
 * it is read again up to its own end. Checksums stop nearly every mutation, so the first byte says
 * what is done before reading:
 *
 *   'r'  nothing            's'  the checksum of every block that has a header is made anew
 */
#include <string.h>
#include "fuzz.h"
#include "made_run.h"
#include "options/text.h"
#include "record/block.h"
#include "record/journal.h"

#define ROOM (1 << 16)

static void seal_blocks(uint8_t *data, size_t n)
{
	struct ebb_block b;

	while (n >= EBB_BLOCK_HEADER && ebb_block_unpack(&b, data) &&
	       b.bytes <= (int64_t)(n - EBB_BLOCK_HEADER)) {
		ebb_block_pack(&b, data + EBB_BLOCK_HEADER, data);
		data += EBB_BLOCK_HEADER + b.bytes;
		n -= EBB_BLOCK_HEADER + (size_t)b.bytes;
	}
}

static uint32_t add_bytes(uint32_t sum, const void *p, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		sum = sum * 31 + ((const uint8_t *)p)[i];
	return sum;
}

/* Every byte of every row is there. */
static uint32_t digest(const struct ebb_journal_view *v)
{
	uint32_t sum = 0;

	for (int i = 0; i < v->n_fields; i++)
		sum = add_bytes(sum, v->row[i],
				v->mark.rows[v->field[i].axis] * ebb_field_row_bytes(&v->field[i]));
	return sum;
}

static void check_view(const struct ebb_journal_view *v, size_t size)
{
	bool has[EBB_N_AXES] = {false};

	FUZZ_HOLDS(v->n_fields > 0 && v->mark.bytes > 0 && v->mark.bytes <= (int64_t)size,
		   "%d fields, %lld of %zu bytes", v->n_fields, (long long)v->mark.bytes, size);
	FUZZ_HOLDS(ebb_text_is_plain(v->id) && ebb_text_is_plain(v->label) &&
			   ebb_text_is_plain(v->started),
		   "id '%s', label '%s', started '%s'", v->id, v->label, v->started);
	for (int i = 0; i < v->n_fields; i++) {
		has[v->field[i].axis] = true;
		FUZZ_HOLDS(ebb_text_is_plain(v->field[i].name), "field '%s'", v->field[i].name);
	}
	for (int a = 0; a < EBB_N_AXES; a++)
		FUZZ_HOLDS(v->mark.rows[a] >= 0 && (has[a] || v->mark.rows[a] == 0),
			   "%lld rows of axis %d, which has no field", (long long)v->mark.rows[a],
			   a);
}

/* Whole blocks up to the mark, each with the sum of its bytes. */
static void check_sums(const struct ebb_journal_view *v, const uint8_t *data)
{
	int64_t at = 0;

	while (at < v->mark.bytes) {
		unsigned char header[EBB_BLOCK_HEADER];
		struct ebb_block b;

		FUZZ_HOLDS(ebb_block_unpack(&b, data + at) &&
				   b.bytes <= v->mark.bytes - at - EBB_BLOCK_HEADER,
			   "no whole block at byte %lld", (long long)at);
		ebb_block_pack(&b, data + at + EBB_BLOCK_HEADER, header);
		FUZZ_HOLDS(memcmp(header, data + at, sizeof header) == 0,
			   "a damaged block at byte %lld was read", (long long)at);
		at += EBB_BLOCK_HEADER + b.bytes;
	}
}

static void check_again(const struct ebb_journal_view *v, const char *path)
{
	struct ebb_journal_view again;
	struct ebb_err err = EBB_ERR_INIT;
	int rc = ebb_journal_read(&again, path, &v->mark, &err);

	FUZZ_HOLDS(rc == 0, "its own mark is refused: %s", err.text);
	FUZZ_HOLDS(digest(&again) == digest(v) && again.attempt == v->attempt, "other rows");
	ebb_journal_view_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[ROOM];
	struct ebb_journal_view view;
	struct ebb_err err = EBB_ERR_INIT;
	const char *path;
	int rc;

	if (size < 1 || size > ROOM)
		return 0;
	size--;
	memcpy(bytes, data + 1, size);
	if (data[0] == 's')
		seal_blocks(bytes, size);
	path = fuzz_file(0, bytes, size);
	rc = ebb_journal_read(&view, path, NULL, &err);
	fuzz_check_err(rc, &err);
	if (rc == 0) {
		check_view(&view, size);
		check_sums(&view, bytes);
		check_again(&view, path);
	}
	fuzz_accepted = rc == 0;
	ebb_journal_view_release(&view);
	return 0;
}

static void words(struct fuzz_list *to)
{
	static const char *const word[] = {"ebbj",
					   "\"format\":\"ebb-journal\"",
					   "\"version\":1",
					   "\"id\":",
					   "\"label\":",
					   "\"seed\":\"",
					   "\"steps\":",
					   "\"attempt\":",
					   "\"started\":",
					   "\"field\":[",
					   "\"dim\":[{\"size\":1,\"about\":\"\"}]",
					   "\"axis\":\"update\"",
					   "\"element\":\"u8\"",
					   "\"deterministic\":true"};

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		fuzz_list_puts(to, word[i]);
	fuzz_list_add(to, "\0\0\0\0\0\0\0\0", 8, NULL);
	fuzz_list_add(to, "\377\377\377\377\377\377\377\177", 8, NULL);
	fuzz_list_add(to, "\0\0\0\0\0\1\0\0", 8, NULL);
}

/* ---- seeds ---- */

static void add_block(struct ebb_buf *to, int kind, int64_t first, int64_t n, const void *payload,
		      size_t bytes)
{
	struct ebb_block b = {.kind = kind, .first = first, .n = n, .bytes = (int64_t)bytes};
	unsigned char header[EBB_BLOCK_HEADER];

	ebb_block_pack(&b, payload, header);
	ebb_buf_add(to, header, sizeof header);
	ebb_buf_add(to, payload, bytes);
}

/* A journal with the field texts given, two blocks of steps, one snapshot and a second attempt. */
static void add_journal(struct fuzz_list *to, const char *name, const char *fields,
			size_t row_bytes)
{
	static const char zeros[64];
	char *head = ebb_xprintf("{\"format\":\"ebb-journal\",\"version\":1,\"id\":\"00ff\","
				 "\"label\":\"grpo\",\"seed\":\"100\",\"steps\":10,\"attempt\":%d,"
				 "\"started\":\"2031-01-02T03:04:05Z\"",
				 1);
	char *first = ebb_xprintf("%s,\"field\":[%s]}\n", head, fields);
	char *later = ebb_xprintf("%s}\n", head);
	struct ebb_buf bytes = EBB_BUF_INIT;

	ebb_buf_puts(&bytes, "s");
	add_block(&bytes, EBB_BLOCK_TEXT, 0, 0, first, strlen(first));
	add_block(&bytes, 1, 0, 2, zeros, 2 * row_bytes);
	add_block(&bytes, EBB_BLOCK_TEXT, 0, 0, later, strlen(later));
	add_block(&bytes, 1, 2, 1, zeros, row_bytes);
	fuzz_list_add(to, bytes.data, bytes.len, name);
	bytes.data[0] = 'r';
	fuzz_list_add(to, bytes.data, bytes.len, name);
	ebb_buf_release(&bytes);
	free(later);
	free(first);
	free(head);
}

#define FIELD(name, axis, element, dim)                                                            \
	"{\"name\":\"" name "\",\"unit\":\"\",\"about\":\"\",\"source\":\"\",\"axis\":\"" axis     \
	"\",\"element\":\"" element "\",\"deterministic\":true,\"dim\":[" dim "]}"
#define DIM(size) "{\"size\":" size ",\"about\":\"\"}"

static void seeds(struct fuzz_list *to)
{
	add_journal(to, "good-two",
		    FIELD("axis/step", "step", "f64", "") "," FIELD("a", "step", "i32", DIM("2")),
		    16);
	add_journal(to, "good-snapshot",
		    FIELD("axis/step", "step", "f64", "") "," FIELD("t", "snapshot", "u8",
								    DIM("3") "," DIM("2")),
		    8);
	add_journal(to, "good-large",
		    FIELD("axis/step", "step", "f64", "") "," FIELD(
			    "t", "snapshot", "f64", DIM("1024") "," DIM("1024") "," DIM("128")),
		    8);
	add_journal(to, NULL,
		    FIELD("t", "snapshot", "f64", DIM("1024") "," DIM("1024") "," DIM("1024")), 0);
	add_journal(to, NULL, FIELD("t\\u001b[31m", "eval", "u8", ""), 0);
	add_journal(to, NULL, FIELD("t", "snapshot", "u8", ""), 0);
	fuzz_list_puts(to, "r");
	fuzz_list_puts(to, "sebbj");
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_journal",
	.text = false,
	.max_bytes = 1 << 13,
	.words = words,
	.seeds = seeds,
};
