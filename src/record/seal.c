#include "record/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/hash.h"

#define MAGIC      "\nebb-seal crc32="
#define SEAL_BYTES (sizeof MAGIC - 1 + 8 + 1)
#define BLOCK      (1 << 18)
#define SEEN       4096

static int crc_of(int fd, int64_t n, const char *path, uint32_t *crc, struct ebb_err *err)
{
	unsigned char *block = ebb_calloc(1, BLOCK, err);
	int rc = block ? 0 : EBB_ENOMEM;

	*crc = 0;
	for (int64_t at = 0; at < n && rc == 0;) {
		ssize_t k = pread(fd, block, (size_t)(n - at < BLOCK ? n - at : BLOCK), at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			rc = ebb_err_set(err, EBB_EIO, "cannot read '%s': %s", path,
					 k ? strerror(errno) : "it became shorter");
		else
			*crc = ebb_crc32(*crc, block, (size_t)k);
		at += k;
	}
	free(block);
	return rc;
}

static void seal_text(uint32_t crc, char text[SEAL_BYTES + 1])
{
	snprintf(text, SEAL_BYTES + 1, MAGIC "%08x\n", (unsigned)crc);
}

int ebb_seal_write(const char *path, struct ebb_err *err)
{
	char text[SEAL_BYTES + 1];
	int fd = open(path, O_RDWR | O_CLOEXEC), rc;
	struct stat st;
	uint32_t crc;

	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = ebb_err_set(err, EBB_EIO, "cannot seal '%s': %s", path, strerror(errno));
	} else {
		rc = crc_of(fd, st.st_size, path, &crc, err);
		if (rc == 0) {
			seal_text(crc, text);
			if (pwrite(fd, text, SEAL_BYTES, st.st_size) != (ssize_t)SEAL_BYTES)
				rc = ebb_err_set(err, EBB_EIO, "cannot seal '%s': %s", path,
						 strerror(errno ? errno : ENOSPC));
		}
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

bool ebb_seal_there(const char *path)
{
	char text[SEAL_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool there = fd >= 0 && fstat(fd, &st) == 0 && st.st_size > (off_t)SEAL_BYTES &&
		     pread(fd, text, SEAL_BYTES, st.st_size - (off_t)SEAL_BYTES) ==
			     (ssize_t)SEAL_BYTES &&
		     memcmp(text, MAGIC, sizeof MAGIC - 1) == 0;

	if (fd >= 0)
		close(fd);
	return there;
}

/* Files found intact by this process, so that reading many datasets of one file checks it once. A
 * file that changes has another size or time and is looked at again. */
struct seen {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};
static struct seen seen[SEEN];
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;

static bool seen_is(const struct stat *st, bool remember)
{
	struct seen *s = &seen[(st->st_ino * 2654435761u >> 7) % SEEN];
	bool same;

	pthread_mutex_lock(&seen_lock);
	same = s->dev == st->st_dev && s->ino == st->st_ino && s->size == st->st_size &&
	       s->changed.tv_sec == st->st_ctim.tv_sec && s->changed.tv_nsec == st->st_ctim.tv_nsec;
	if (remember)
		*s = (struct seen){st->st_dev, st->st_ino, st->st_size, st->st_ctim};
	pthread_mutex_unlock(&seen_lock);
	return same;
}

int ebb_seal_check(const char *path, struct ebb_err *err)
{
	char text[SEAL_BYTES + 1], want[SEAL_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st;
	uint32_t crc;

	if (fd < 0)
		return ebb_err_set(err, errno == ENOENT ? EBB_ENOENT : EBB_EIO,
				   "cannot open '%s': %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		rc = ebb_err_set(err, EBB_EINVAL, "'%s' is not a file", path);
	} else if (st.st_size > (off_t)SEAL_BYTES && !seen_is(&st, false) &&
		   pread(fd, text, SEAL_BYTES, st.st_size - (off_t)SEAL_BYTES) ==
			   (ssize_t)SEAL_BYTES &&
		   memcmp(text, MAGIC, sizeof MAGIC - 1) == 0) {
		rc = crc_of(fd, st.st_size - (off_t)SEAL_BYTES, path, &crc, err);
		if (rc == 0) {
			seal_text(crc, want);
			if (memcmp(text, want, SEAL_BYTES) != 0)
				rc = ebb_err_set(
					err, EBB_EFORMAT,
					"'%s' is damaged: its bytes do not match its seal; "
					"remove it and what it held is made again",
					path);
			else
				seen_is(&st, true);
		}
	}
	close(fd);
	return rc;
}
