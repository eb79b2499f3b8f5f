#include "sweep/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/buf.h"
#include "base/file.h"

#define LOG_MAX     ((size_t)1 << 28)
#define HISTORY_MAX 200 /* events of one trial that its record keeps */

void ebb_log_open(struct ebb_log *log, const char *run_dir)
{
	char *path = ebb_path_join(run_dir, "log.jsonl");
	struct ebb_err ignored;
	size_t n;

	if (ebb_file_read(path, LOG_MAX, &log->past, &n, &ignored) < 0) {
		log->past = ebb_xstrdup("");
		n = 0;
	}
	log->file = fopen(path, "ae");
	if (log->file && n > 0 && log->past[n - 1] != '\n') /* cut by a kill or a full disk */
		fputc('\n', log->file);
	free(path);
}

void ebb_log_close(struct ebb_log *log)
{
	if (log->file)
		fclose(log->file);
	free(log->past);
	*log = (struct ebb_log){0};
}

void ebb_log_event(struct ebb_log *log, const char *event, const char *trial, int64_t step,
		   const char *text)
{
	struct ebb_buf b = EBB_BUF_INIT;
	struct timespec now;
	struct tm tm;
	char when[32];

	if (!log->file)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	ebb_buf_printf(&b, "{\"time\":\"%s\",\"event\":\"%s\"", when, event);
	if (trial)
		ebb_buf_printf(&b, ",\"trial\":\"%s\"", trial);
	if (step >= 0)
		ebb_buf_printf(&b, ",\"step\":%" PRId64, step);
	if (text && text[0]) {
		ebb_buf_puts(&b, ",\"text\":");
		ebb_buf_json(&b, text);
	}
	ebb_buf_puts(&b, "}\n");
	fwrite(b.data, 1, b.len, log->file);
	fflush(log->file);
	ebb_buf_release(&b);
}

/* The value of a member that we wrote ourselves, "key":"value" or "key":number; empty: none. */
static void member(const char *line, const char *key, char value[64])
{
	char *want = ebb_xprintf("\"%s\":", key);
	const char *at = strstr(line, want);

	value[0] = 0;
	if (at) {
		at += strlen(want);
		at += *at == '"';
		snprintf(value, 64, "%.*s", (int)strcspn(at, "\",}"), at);
	}
	free(want);
}

void ebb_log_history(const struct ebb_log *log, const char *trial, struct ebb_history *h)
{
	char *want = ebb_xprintf("\"trial\":\"%s\"", trial);
	int lines = 0;

	*h = (struct ebb_history){.line = ebb_xcalloc(HISTORY_MAX + 1, sizeof *h->line)};
	for (const char *at = log->past; (at = strstr(at, want)); at++) {
		char event[64], when[64], step[64], *line;
		const char *begin = at;

		while (begin > log->past && begin[-1] != '\n')
			begin--;
		line = ebb_xprintf("%.*s", (int)strcspn(begin, "\n"), begin);
		member(line, "event", event);
		member(line, "time", when);
		member(line, "step", step);
		free(line);
		h->attempts += strcmp(event, "started") == 0;
		if (lines < HISTORY_MAX)
			h->line[lines++] = ebb_xprintf("attempt %d %s%s%s %s", h->attempts, event,
						       step[0] ? " at step " : "", step, when);
	}
	free(want);
}

void ebb_history_release(struct ebb_history *h)
{
	for (int i = 0; h->line && h->line[i]; i++)
		free(h->line[i]);
	free(h->line);
	*h = (struct ebb_history){0};
}
