#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "record/build_info.h"
#include "record/record.h"

/* Features that choose a kernel or change its speed. */
static const char *const features[] = {
	"sse4_2",   "avx",      "f16c",     "fma",      "avx2",        "avx512f",
	"avx512bw", "avx512dq", "avx512vl", "avx512cd", "avx512_vnni", "avx512_bf16",
	"amx_tile", "amx_bf16", "asimd",    "asimddp",  "bf16",        "sve",
};

static struct ebb_provenance_row row[24];
static struct ebb_provenance provenance = {.row = row};

static void add(const char *name, char *value)
{
	if (provenance.n == (int)(sizeof row / sizeof *row))
		EBB_BUG("no room for provenance '%s'", name);
	row[provenance.n++] = (struct ebb_provenance_row){name, value};
}

/* The difference may have been cut inside a character: drop the torn tail, and mask every byte
 * that is no UTF-8 (a patch of a Latin-1 file), so that readers can decode the attribute. */
static char *utf8(const unsigned char *s, size_t n)
{
	char *out = ebb_xcalloc(n + 1, 1);
	size_t k = 0;

	for (size_t i = 0; i < n;) {
		int more = s[i] < 0x80                   ? 0
			   : s[i] >= 0xc2 && s[i] < 0xe0 ? 1
			   : (s[i] & 0xf0) == 0xe0       ? 2
			   : s[i] >= 0xf0 && s[i] < 0xf5 ? 3
							 : -1;
		bool whole = more >= 0;

		if (more > 0 && i + (size_t)more >= n)
			break;
		for (int j = 1; j <= more; j++)
			whole = whole && (s[i + (size_t)j] & 0xc0) == 0x80;
		if (whole) {
			memcpy(out + k, s + i, (size_t)more + 1);
			k += (size_t)more + 1;
			i += (size_t)more + 1;
		} else {
			out[k++] = '?';
			i++;
		}
	}
	return out;
}

/* "key<tabs>: value" of /proc/cpuinfo, first occurrence; empty where there is none. */
static char *cpu_line(const char *info, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = info; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0 && strchr(" \t:", line[n])) {
			const char *value = strchr(line, ':'), *end = strchr(line, '\n');

			if (!value || (end && value > end))
				continue;
			value += value[1] == ' ' ? 2 : 1;
			return ebb_xprintf("%.*s", end ? (int)(end - value) : (int)strlen(value),
					   value);
		}
	}
	return ebb_xstrdup("");
}

static char *cpu_features(const char *flags)
{
	struct ebb_buf out = EBB_BUF_INIT;
	char *padded = ebb_xprintf(" %s ", flags);

	for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
		char *word = ebb_xprintf(" %s ", features[i]);

		if (strstr(padded, word))
			ebb_buf_printf(&out, out.len ? " %s" : "%s", features[i]);
		free(word);
	}
	free(padded);
	return ebb_buf_take(&out);
}

static void add_cpu(void)
{
	char *info = NULL, *flags;
	size_t n;

	if (ebb_file_read("/proc/cpuinfo", 1 << 24, &info, &n, NULL) < 0)
		info = ebb_xstrdup("");
	flags = cpu_line(info, "flags");
	if (!*flags) { /* what ARM calls them */
		free(flags);
		flags = cpu_line(info, "Features");
	}
	add("cpu", cpu_line(info, "model name"));
	add("cpu_features", cpu_features(flags));
	add("cpu_count", ebb_xprintf("%ld", sysconf(_SC_NPROCESSORS_ONLN)));
	free(flags);
	free(info);
}

/* Words are quoted where a shell would take them apart. */
static char *command_line(void)
{
	struct ebb_buf out = EBB_BUF_INIT;
	char *raw = NULL, *text;
	size_t n = 0;

	if (ebb_file_read("/proc/self/cmdline", 1 << 22, &raw, &n, NULL) < 0)
		n = 0;
	for (size_t i = 0; i < n; i += strlen(raw + i) + 1) {
		const char *word = raw + i;

		if (out.len)
			ebb_buf_puts(&out, " ");
		if (*word && !strpbrk(word, " \t\n'\"\\$&|;<>()*?[]#~`!{}")) {
			ebb_buf_puts(&out, word);
			continue;
		}
		ebb_buf_puts(&out, "'");
		for (const char *c = word; *c; c++) {
			if (*c == '\'')
				ebb_buf_puts(&out, "'\\''");
			else
				ebb_buf_add(&out, c, 1);
		}
		ebb_buf_puts(&out, "'");
	}
	free(raw);
	text = utf8((const unsigned char *)(out.len ? out.data : ""), out.len);
	ebb_buf_release(&out);
	return text;
}

static void gather(void)
{
	unsigned major = 0, minor = 0, release = 0;
	struct utsname u = {0};
	char host[256] = "";

	H5get_libversion(&major, &minor, &release);
	uname(&u);
	gethostname(host, sizeof host - 1);
	add("ebb_version", ebb_xstrdup(EBB_BUILD_VERSION));
	add("git_commit", ebb_xstrdup(EBB_BUILD_GIT_COMMIT));
	add("git_describe", ebb_xstrdup(EBB_BUILD_GIT_DESCRIBE));
	add("git_dirty", ebb_xstrdup(EBB_BUILD_GIT_DIRTY));
	add("git_diff", utf8(ebb_build_diff, sizeof ebb_build_diff - 1));
	add("sources_sha256", ebb_xstrdup(EBB_BUILD_SOURCES));
	add("compiler", ebb_xstrdup(EBB_BUILD_COMPILER));
	add("compiler_flags", ebb_xstrdup(EBB_BUILD_FLAGS));
	add("build_type", ebb_xstrdup(EBB_BUILD_TYPE));
	add("hdf5_version", ebb_xprintf("%u.%u.%u", major, minor, release));
	add("gsl_version", ebb_xstrdup(EBB_BUILD_GSL));
	add("kernel", ebb_xprintf("%s %s %s", u.sysname, u.release, u.machine));
	add_cpu();
	add("device", ebb_xstrdup("CPU"));
	add("hostname", ebb_xstrdup(host));
	add("command_line", command_line());
}

const struct ebb_provenance *ebb_provenance_get(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, gather);
	return &provenance;
}

void ebb_provenance_device(const char *name)
{
	ebb_provenance_get();
	for (int i = 0; i < provenance.n; i++)
		if (strcmp(row[i].name, "device") == 0) {
			free(row[i].value);
			row[i].value = ebb_xstrdup(name);
		}
}

static char build_id[65];

static void make_build_id(void)
{
	static const char facts[] = EBB_BUILD_SOURCES "\n" EBB_BUILD_COMPILER "\n" EBB_BUILD_FLAGS
						      "\n" EBB_BUILD_TYPE;

	ebb_sha256_hex(facts, sizeof facts - 1, build_id, 64);
}

const char *ebb_build_id(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_build_id);
	return build_id;
}
