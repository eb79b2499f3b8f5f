/* The journal: what was appended comes back, whatever a kill, a disk or a stranger made of its bytes
 * is noticed, and nothing else is believed. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/rng.h"
#include "record/block.h"
#include "record/journal.h"
#include "record/standing.h"

TestSuite(journal, .init = folder_make, .fini = folder_remove);

#define STEPS 6

/* Row r of every field: bytes that name field and row. */
static void row_make(int f, int64_t r, unsigned char *to)
{
	int64_t bytes = ebb_field_row_bytes(&fields[f]);

	for (int64_t k = 0; k < bytes; k++)
		to[k] = (unsigned char)(37 * f + 11 * r + k);
}

static int append(struct ebb_journal *j, enum ebb_axis axis, int64_t first, int64_t n,
		  struct ebb_err *err)
{
	const void *row[N_FIELDS] = {0};
	int rc;

	for (int f = 0; f < N_FIELDS; f++) {
		int64_t bytes = ebb_field_row_bytes(&fields[f]);
		unsigned char *to = malloc((size_t)(n * bytes));

		for (int64_t r = 0; r < n; r++)
			row_make(f, first + r, to + r * bytes);
		row[f] = to;
	}
	rc = ebb_journal_append(j, axis, n, row, err);
	for (int f = 0; f < N_FIELDS; f++)
		free((void *)row[f]);
	return rc;
}

/* Are the view's rows those that were written? */
static bool rows_are_right(const struct ebb_journal_view *v)
{
	unsigned char want[512];

	for (int f = 0; f < v->n_fields; f++) {
		size_t bytes = (size_t)ebb_field_row_bytes(&v->field[f]);

		for (int64_t r = 0; r < v->mark.rows[v->field[f].axis]; r++) {
			row_make(f, r, want);
			if (memcmp((char *)v->row[f] + (size_t)r * bytes, want, bytes) != 0)
				return false;
		}
	}
	return true;
}

static void put(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	cr_assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	close(fd);
}

/* Steps one by one, two updates at a time, evaluations and snapshots now and then; the mark after
 * the third step, and at the end. */
static void journal_make(const char *path, struct ebb_journal_mark *middle,
			 struct ebb_journal_mark *end)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_journal *j;

	options_make(&o);
	OK(ebb_journal_open(&j, path, &head, fields, N_FIELDS, NULL, &err));
	for (int i = 0; i < STEPS; i++) {
		OK(append(j, EBB_AXIS_STEP, i, 1, &err));
		OK(append(j, EBB_AXIS_UPDATE, 2 * i, 2, &err));
		if (i % 2 == 0)
			OK(append(j, EBB_AXIS_EVAL, i / 2, 1, &err));
		if (i % 3 == 0)
			OK(append(j, EBB_AXIS_SNAPSHOT, i / 3, 1, &err));
		OK(append(j, EBB_AXIS_STEP, 0, 0, &err)); /* no rows, no block */
		if (i == 2)
			OK(ebb_journal_sync(j, middle, &err));
	}
	OK(ebb_journal_sync(j, end, &err));
	ebb_journal_close(j);
}

Test(journal, what_was_appended_comes_back)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_mark middle, end;
	struct ebb_journal_view v;
	struct ebb_options o;
	char *path = in_folder("a.rows");
	struct stat st;

	options_make(&o);
	journal_make(path, &middle, &end);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_size, end.bytes);
	OK(ebb_journal_read(&v, path, NULL, &err));
	cr_assert_eq(memcmp(&v.mark, &end, sizeof end), 0);
	cr_assert_eq(end.rows[EBB_AXIS_STEP], STEPS);
	cr_assert_eq(end.rows[EBB_AXIS_UPDATE], 2 * STEPS);
	cr_assert_eq(end.rows[EBB_AXIS_EVAL], 3);
	cr_assert_eq(end.rows[EBB_AXIS_SNAPSHOT], 2);
	cr_assert(rows_are_right(&v));
	cr_assert_str_eq(v.id, ID_A0);
	cr_assert_str_eq(v.label, "grpo clip.low=0.1");
	cr_assert_eq(v.seed, 18446744073709551615u);
	cr_assert_eq(v.steps, o.train.steps);
	cr_assert_eq(v.attempt, 2);
	cr_assert_eq(strlen(v.started), 20);
	cr_assert_eq(v.n_fields, N_FIELDS);
	for (int f = 0; f < N_FIELDS; f++) {
		cr_assert_str_eq(v.field[f].name, fields[f].name);
		cr_assert_str_eq(v.field[f].unit, fields[f].unit);
		cr_assert_str_eq(v.field[f].about, fields[f].about);
		cr_assert_str_eq(v.field[f].source, fields[f].source);
		cr_assert_eq(v.field[f].axis, fields[f].axis);
		cr_assert_eq(v.field[f].element, fields[f].element);
		cr_assert_eq(v.field[f].deterministic, fields[f].deterministic);
		cr_assert_eq(v.field[f].rank, fields[f].rank);
		for (int k = 0; k < fields[f].rank; k++) {
			cr_assert_eq(v.field[f].dim[k], fields[f].dim[k]);
			cr_assert_str_eq(v.field[f].dim_about[k], fields[f].dim_about[k]);
		}
	}
	ebb_journal_view_release(&v);
	ebb_journal_view_release(&v); /* safe when zero */

	OK(ebb_journal_read(&v, path, &middle, &err));
	cr_assert_eq(v.mark.rows[EBB_AXIS_STEP], 3);
	cr_assert(rows_are_right(&v));
	ebb_journal_view_release(&v);
	cr_assert_eq(ebb_journal_read(&v, "/nowhere/x.rows", NULL, &err), EBB_ENOENT);
	cr_assert_eq(ebb_journal_read(&v, folder, NULL, &err), EBB_EFORMAT);
	ebb_journal_close(NULL);
	free(path);
}

Test(journal, the_last_row_alone)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_mark middle, end;
	struct ebb_journal_view v;
	char *path = in_folder("a.rows"), *bytes;
	unsigned char want[512];
	size_t n;

	journal_make(path, &middle, &end);
	OK(ebb_file_read(path, 1 << 20, &bytes, &n, &err));
	for (int damaged = 0; damaged < 2; damaged++) {
		int64_t last;

		if (damaged) { /* in the last block, a snapshot's, the update's or the step's */
			bytes[n - 1] ^= 1;
			put(path, bytes, n);
		}
		for (int a = 0; a < EBB_N_AXES; a++) {
			OK(ebb_journal_last(&v, path, (enum ebb_axis)a, &err));
			last = v.mark.rows[a] - 1;
			if (!damaged)
				cr_assert_eq(memcmp(&v.mark, &end, sizeof end), 0);
			for (int f = 0; f < N_FIELDS; f++) {
				if ((int)fields[f].axis != a) {
					cr_assert_null(v.row[f]);
					continue;
				}
				row_make(f, last, want);
				cr_assert_eq(memcmp(v.row[f], want,
						    (size_t)ebb_field_row_bytes(&fields[f])),
					     0, "field %d, damaged %d", f, damaged);
			}
			if (damaged && a == EBB_AXIS_UPDATE)
				cr_assert_eq(last, 2 * STEPS - 3, "a damaged block counts");
			ebb_journal_view_release(&v);
		}
	}
	free(bytes);
	free(path);
}

Test(journal, goes_on_at_a_mark)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_mark middle, end, mark;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0), other = head_make(&o, ID_B0);
	struct ebb_field changed[N_FIELDS];
	struct ebb_journal_view v;
	struct ebb_journal *j;
	char *path = in_folder("a.rows"), *before, *after;
	size_t n, m;

	options_make(&o);
	journal_make(path, &middle, &end);
	OK(ebb_file_read(path, 1 << 20, &before, &n, &err));

	/* refused, and nothing is changed: another trial, other fields, other counts */
	cr_assert_eq(ebb_journal_open(&j, path, &other, fields, N_FIELDS, &middle, &err),
		     EBB_EFORMAT);
	cr_assert(strstr(err.text, ID_B0) && strstr(err.text, ID_A0), "%s", err.text);
	cr_assert_null(j);
	memcpy(changed, fields, sizeof fields);
	changed[OUTCOME].dim[0]++;
	cr_assert_eq(ebb_journal_open(&j, path, &head, changed, N_FIELDS, &middle, &err),
		     EBB_EFORMAT);
	cr_assert(strstr(err.text, "eval/pass@k"), "%s", err.text);
	cr_assert_eq(ebb_journal_open(&j, path, &head, fields, N_FIELDS - 1, &middle, &err),
		     EBB_EFORMAT);
	mark = middle;
	mark.rows[EBB_AXIS_EVAL]++;
	cr_assert_eq(ebb_journal_open(&j, path, &head, fields, N_FIELDS, &mark, &err), EBB_EFORMAT);
	mark = middle;
	mark.bytes--;
	cr_assert_eq(ebb_journal_open(&j, path, &head, fields, N_FIELDS, &mark, &err), EBB_EFORMAT);
	mark.bytes = INT64_MAX;
	cr_assert_eq(ebb_journal_open(&j, path, &head, fields, N_FIELDS, &mark, &err), EBB_EFORMAT);
	mark.bytes = -1;
	cr_assert_eq(ebb_journal_open(&j, path, &head, fields, N_FIELDS, &mark, &err), EBB_EFORMAT);
	OK(ebb_file_read(path, 1 << 20, &after, &m, &err));
	cr_assert(n == m && memcmp(before, after, n) == 0, "a refused journal was changed");
	free(after);

	/* the third attempt goes on at the middle, and the fourth at the same place */
	for (head.attempt = 3; head.attempt <= 4; head.attempt++) {
		OK(ebb_journal_open(&j, path, &head, fields, N_FIELDS, &middle, &err));
		OK(append(j, EBB_AXIS_STEP, 3, 5, &err));
		OK(ebb_journal_sync(j, &mark, &err));
		ebb_journal_close(j);
		OK(ebb_journal_read(&v, path, &mark, &err));
		cr_assert_eq(v.attempt, head.attempt);
		cr_assert_eq(v.mark.rows[EBB_AXIS_STEP], 8);
		cr_assert_eq(v.mark.rows[EBB_AXIS_UPDATE], 6);
		cr_assert(rows_are_right(&v));
		ebb_journal_view_release(&v);
	}
	OK(ebb_file_read(path, 1 << 20, &after, &m, &err));
	cr_assert_eq(memcmp(before, after, (size_t)middle.bytes), 0, "the prefix was changed");

	/* from nothing: empty again; and a mark without its file */
	OK(ebb_journal_open(&j, path, &head, fields, N_FIELDS, NULL, &err));
	OK(ebb_journal_sync(j, &mark, &err));
	cr_assert_eq(mark.rows[EBB_AXIS_STEP], 0);
	ebb_journal_close(j);
	unlink(path);
	cr_assert_eq(ebb_journal_open(&j, path, &head, fields, N_FIELDS, &middle, &err),
		     EBB_EFORMAT);
	cr_assert_not(ebb_file_exists(path));
	free(before);
	free(after);
	free(path);
}

Test(journal, torn_at_every_byte)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_mark middle, end;
	struct ebb_journal_view v;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_journal *j;
	char *path = in_folder("a.rows"), *bytes;
	int64_t rows = 0, good = 0;
	size_t n;

	options_make(&o);
	journal_make(path, &middle, &end);
	OK(ebb_file_read(path, 1 << 20, &bytes, &n, &err));
	for (size_t cut = 0; cut <= n; cut++) {
		int64_t now;
		int rc;

		put(path, bytes, cut);
		rc = ebb_journal_read(&v, path, NULL, &err);
		if (rc == 0) {
			now = v.mark.rows[0] + v.mark.rows[1] + v.mark.rows[2] + v.mark.rows[3];
			cr_assert(rows_are_right(&v), "cut at %zu", cut);
			cr_assert_leq(v.mark.bytes, (int64_t)cut);
			cr_assert_geq(now, rows, "cut at %zu: fewer rows than before", cut);
			rows = now;
			good++;
			ebb_journal_view_release(&v);
		} else {
			cr_assert_eq(rc, EBB_ENOENT, "cut at %zu: %s", cut, err.text);
			cr_assert_eq(good, 0, "cut at %zu: the whole file is refused", cut);
		}
		rc = ebb_journal_open(&j, path, &head, fields, N_FIELDS, &middle, &err);
		cr_assert_eq(rc, (int64_t)cut < middle.bytes ? EBB_EFORMAT : 0, "cut at %zu: %s",
			     cut, err.text);
		if (rc == 0)
			ebb_journal_close(j);
	}
	cr_assert_eq(rows, STEPS * 3 + 3 + 2);
	cr_assert_gt(good, 1000);
	free(bytes);
	free(path);
}

Test(journal, every_flipped_byte_is_noticed)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_mark middle, end;
	struct ebb_journal_view v;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_journal *j;
	char *path = in_folder("a.rows"), *bytes, *after;
	size_t n, m;

	options_make(&o);
	journal_make(path, &middle, &end);
	OK(ebb_file_read(path, 1 << 20, &bytes, &n, &err));
	for (size_t i = 0; i < n; i++) {
		static const unsigned char flip[] = {0x01, 0x80, 0xff};
		bool before = (int64_t)i < middle.bytes;

		for (int k = 0; k < 3; k++) {
			bytes[i] ^= (char)flip[k];
			put(path, bytes, n);
			if (ebb_journal_read(&v, path, NULL, &err) == 0) {
				cr_assert_lt(v.mark.bytes, end.bytes, "byte %zu", i);
				cr_assert(rows_are_right(&v), "byte %zu", i);
				ebb_journal_view_release(&v);
			}
			if (ebb_journal_last(&v, path, EBB_AXIS_STEP, &err) == 0)
				ebb_journal_view_release(&v);
			cr_assert_eq(ebb_journal_read(&v, path, &middle, &err),
				     before ? EBB_EFORMAT : 0, "byte %zu", i);
			ebb_journal_view_release(&v);
			if (before && k == 0) {
				cr_assert_eq(ebb_journal_open(&j, path, &head, fields, N_FIELDS,
							      &middle, &err),
					     EBB_EFORMAT, "byte %zu", i);
				OK(ebb_file_read(path, 1 << 20, &after, &m, &err));
				cr_assert(m == n && memcmp(after, bytes, n) == 0);
				free(after);
			}
			bytes[i] ^= (char)flip[k];
		}
	}
	free(bytes);
	free(path);
}

/* A file whose checksums are right and whose numbers are not. */
static void forge(const char *path, const char *text, int kind, int64_t first, int64_t rows,
		  int64_t payload)
{
	static const char zero[64];
	struct ebb_block head = {.kind = EBB_BLOCK_TEXT, .bytes = (int64_t)strlen(text)},
			 block = {.kind = kind, .first = first, .n = rows, .bytes = payload};
	unsigned char header[2][EBB_BLOCK_HEADER];
	struct ebb_buf all = EBB_BUF_INIT;

	if (payload < 0 || payload > (int64_t)sizeof zero) { /* the checksum of what is there */
		block.bytes = sizeof zero;
		ebb_block_pack(&block, zero, header[1]);
		block.bytes = payload;
		memcpy(header[1] + 24, &payload, 8);
	} else {
		ebb_block_pack(&block, zero, header[1]);
	}
	ebb_block_pack(&head, text, header[0]);
	ebb_buf_add(&all, header[0], EBB_BLOCK_HEADER);
	ebb_buf_add(&all, text, strlen(text));
	ebb_buf_add(&all, header[1], EBB_BLOCK_HEADER);
	ebb_buf_add(&all, zero,
		    payload >= 0 && payload < (int64_t)sizeof zero ? (size_t)payload : sizeof zero);
	put(path, all.data, all.len);
	ebb_buf_release(&all);
}

#define HEAD                                                                                       \
	"{\"format\":\"ebb-journal\",\"version\":1,\"id\":\"00\",\"label\":\"x\",\"seed\":\"1\","  \
	"\"steps\":3,\"attempt\":1,\"started\":\"\","
#define FIELD(dim)                                                                                 \
	"\"field\":[{\"name\":\"a\",\"unit\":\"\",\"about\":\"\",\"source\":\"\","                 \
	"\"axis\":\"step\",\"element\":\"f64\",\"deterministic\":true,\"dim\":[" dim "]}]}"

Test(journal, numbers_are_not_believed)
{
	static const char *const bad_text[] = {
		"",
		"{}",
		"[]",
		"\"ebb-journal\"",
		HEAD "\"field\":[]}",
		HEAD "\"field\":{}}",
		HEAD "\"field\":[1]}",
		HEAD "\"field\":[{}]}",
		HEAD FIELD("{\"size\":0,\"about\":\"\"}"),
		HEAD FIELD("{\"size\":-1,\"about\":\"\"}"),
		HEAD FIELD("{\"size\":1073741825,\"about\":\"\"}"),
		HEAD FIELD("{\"size\":1e3,\"about\":\"\"}"),
		HEAD FIELD("{\"size\":1000000,\"about\":\"\"},{\"size\":1000000,\"about\":\"\"}"),
		HEAD FIELD("1"),
		HEAD FIELD("{\"size\":1,\"about\":\"\"},{\"size\":1,\"about\":\"\"},"
			   "{\"size\":1,\"about\":\"\"},{\"size\":1,\"about\":\"\"}"),
		HEAD "\"steps\":4," FIELD(""),
	};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_view v;
	struct ebb_journal_mark mark = {0};
	char *path = in_folder("a.rows"), *deep;

	for (size_t i = 0; i < sizeof bad_text / sizeof *bad_text; i++) {
		forge(path, bad_text[i], 1, 0, 1, 8);
		cr_assert_eq(ebb_journal_read(&v, path, NULL, &err), EBB_EFORMAT, "text %zu", i);
		cr_assert_eq(ebb_journal_last(&v, path, EBB_AXIS_STEP, &err), EBB_EFORMAT);
	}
	deep = calloc(1, 200001);
	memset(deep, '[', 200000);
	forge(path, deep, 1, 0, 1, 8);
	cr_assert_eq(ebb_journal_read(&v, path, NULL, &err), EBB_EFORMAT);
	free(deep);

	/* a row block that fits, and ones that do not; none takes memory for what it claims */
#ifndef __SANITIZE_ADDRESS__ /* which maps terabytes itself */
	setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)4 << 30, RLIM_INFINITY});
#endif
	for (int i = 0; i < 9; i++) {
		static const struct {
			int kind;
			int64_t first, rows, payload, whole;
		} block[9] = {
			{1, 0, 1, 8, 1},
			{1, 1, 1, 8, 0},                               /* not the next row        */
			{1, 0, 2, 8, 0},                               /* too few bytes           */
			{1, 0, 1, 16, 0},                              /* too many                */
			{1, 0, 0, 0, 0},                               /* no rows                 */
			{1, 0, (int64_t)1 << 37, (int64_t)1 << 40, 0}, /* beyond the end  */
			{1, 0, INT64_MAX, -8, 0},
			{5, 0, 1, 8, 0},                /* no such axis            */
			{2, 0, (int64_t)1 << 39, 0, 0}, /* an axis without fields */
		};

		forge(path, HEAD FIELD(""), block[i].kind, block[i].first, block[i].rows,
		      block[i].payload);
		OK(ebb_journal_read(&v, path, NULL, &err));
		cr_assert_eq(v.mark.rows[0] + v.mark.rows[1], block[i].whole, "block %d", i);
		ebb_journal_view_release(&v);
		OK(ebb_journal_last(&v, path, EBB_AXIS_STEP, &err));
		ebb_journal_view_release(&v);
	}
	cr_assert_eq(ebb_journal_read(&v, path, &mark, &err), EBB_EFORMAT);
	free(path);
}

Test(journal, random_bytes)
{
	struct ebb_draw draw = {.seed = 3, .stream = EBB_STREAM_TEST};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_mark middle, end;
	struct ebb_journal_view v;
	char *path = in_folder("a.rows"), *whole, *bytes;
	size_t n;

	journal_make(path, &middle, &end);
	OK(ebb_file_read(path, 1 << 20, &whole, &n, &err));
	bytes = malloc(n);
	for (uint32_t round = 0; round < 3000; round++) {
		size_t from = ebb_below(&draw, 3 * round, (uint32_t)n),
		       length = ebb_below(&draw, 3 * round + 1, (uint32_t)(n - from));

		memcpy(bytes, whole, n);
		for (size_t k = 0; k < length; k++) /* moved about: real headers at odd places */
			bytes[from + k] = round % 2 ? whole[(from + 5 * k) % n]
						    : (char)ebb_below(&draw, (uint32_t)k, 256);
		put(path, bytes, n);
		if (ebb_journal_read(&v, path, NULL, &err) == 0) {
			cr_assert(rows_are_right(&v), "round %u", round);
			ebb_journal_view_release(&v);
		}
		if (ebb_journal_last(&v, path, EBB_AXIS_UPDATE, &err) == 0)
			ebb_journal_view_release(&v);
	}
	free(bytes);
	free(whole);
	free(path);
}

Test(journal, labels_of_any_bytes)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_journal_view v;
	struct ebb_journal *j;
	char *path = in_folder("a.rows"), longer[300];

	options_make(&o);
	memset(longer, 'x', sizeof longer);
	memcpy(longer + 125, "\xe2\x82\xac", 3); /* whole characters only */
	longer[299] = 0;
	for (const char *const *label =
		     (const char *const[]){"a\xff\xfe\"\\\n\x01", "\xc3\xa9t\xc3\xa9", longer,
					   "\xe2\x82", "\xed\xa0\x80", "", NULL};
	     *label; label++) {
		head.label = *label;
		OK(ebb_journal_open(&j, path, &head, fields, N_FIELDS, NULL, &err));
		ebb_journal_close(j);
		OK(ebb_journal_read(&v, path, NULL, &err));
		if (*label == longer)
			cr_assert_eq(strlen(v.label), 125);
		else if ((unsigned char)**label == 0xc3)
			cr_assert_str_eq(v.label, *label);
		else if (**label == 'a')
			cr_assert_str_eq(v.label, "a??\"\\ ?");
		ebb_journal_view_release(&v);
	}
	free(path);
}

/* ---- one writer ---- */

Test(journal, one_writer_at_a_time)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	char *path = in_folder("a.rows"), word;
	struct ebb_journal *j;
	int fd[2];
	pid_t pid;

	options_make(&o);
	cr_assert_eq(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		if (ebb_journal_open(&j, path, &head, fields, N_FIELDS, NULL, &err) < 0 ||
		    append(j, EBB_AXIS_STEP, 0, 3, &err) < 0 || write(fd[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	cr_assert_eq(read(fd[0], &word, 1), 1);
	cr_assert_eq(ebb_journal_open(&j, path, &head, fields, N_FIELDS, NULL, &err), EBB_EBUSY);
	cr_assert(strstr(err.text, "a.rows"), "%s", err.text);
	cr_assert_null(j);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	OK(ebb_journal_open(&j, path, &head, fields, N_FIELDS, NULL, &err));
	ebb_journal_close(j);
	free(path);
}

/* Two processes ask all the time whether the trial runs: the writer gets its lock nevertheless. */
Test(journal, those_who_ask_are_not_in_the_way)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_standing s;
	struct ebb_journal *j;
	char *path = in_folder("checkpoints/" ID_A0 ".rows"), *dir = in_folder("checkpoints");
	pid_t pid[2];

	options_make(&o);
	OK(ebb_dir_make(dir, &err));
	for (int k = 0; k < 2; k++) {
		pid[k] = fork();
		if (pid[k] == 0)
			for (;;) {
				ebb_standing_read(folder, ID_A0, &s);
				usleep(50);
			}
	}
	for (int i = 0; i < 300; i++) {
		OK(ebb_journal_open(&j, path, &head, fields, N_FIELDS, NULL, &err));
		ebb_standing_read(folder, ID_A0, &s);
		cr_assert_eq(s.state, EBB_STATE_RUNNING);
		ebb_journal_close(j);
	}
	for (int k = 0; k < 2; k++) {
		kill(pid[k], SIGKILL);
		waitpid(pid[k], NULL, 0);
	}
	free(path);
	free(dir);
}

/* ---- a full disk ---- */

Test(journal, a_full_disk_loses_nothing)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_journal_mark mark, last = {0};
	struct ebb_journal_view v;
	struct ebb_journal *j;
	char *path = in_folder("a.rows");
	struct stat st;
	int refused = 0;

	options_make(&o);
	signal(SIGXFSZ, SIG_IGN);
	OK(ebb_journal_open(&j, path, &head, fields, N_FIELDS, NULL, &err));
	for (int64_t r = 0; r < 100; r++) {
		OK(ebb_journal_sync(j, &last, &err));
		for (rlim_t room = 0; room < 90; room += 9) { /* a block has 68 */
			setrlimit(RLIMIT_FSIZE,
				  &(struct rlimit){(rlim_t)last.bytes + room, RLIM_INFINITY});
			if (append(j, EBB_AXIS_STEP, r, 1, &err) == 0)
				break;
			cr_assert_eq(err.code, EBB_EIO);
			cr_assert(strstr(err.text, "no room"), "%s", err.text);
			cr_assert_eq(stat(path, &st), 0);
			cr_assert_eq(st.st_size, last.bytes, "a torn block stays");
			OK(ebb_journal_sync(j, &mark, &err));
			cr_assert_eq(memcmp(&mark, &last, sizeof mark), 0);
			refused++;
		}
	}
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
	ebb_journal_close(j);
	cr_assert_gt(refused, 500);
	OK(ebb_journal_read(&v, path, NULL, &err));
	cr_assert_eq(v.mark.rows[EBB_AXIS_STEP], 100);
	cr_assert(rows_are_right(&v));
	ebb_journal_view_release(&v);

	/* no room for the first block: nothing is left */
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){100, RLIM_INFINITY});
	unlink(path);
	cr_assert_eq(ebb_journal_open(&j, path, &head, fields, N_FIELDS, NULL, &err), EBB_EIO);
	cr_assert_not(ebb_file_exists(path));
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
	free(path);
}
