#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int ebb_file_read(const char *path, size_t limit, char **data, size_t *n, struct ebb_err *err)
{
	struct stat st;
	size_t got = 0, room = 65536;
	ssize_t k;
	int fd, rc = 0;

	*data = NULL;
	*n = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ebb_err_set(err, errno == ENOENT ? EBB_ENOENT : EBB_EIO,
				   "cannot read '%s': %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return ebb_err_set(err, EBB_EINVAL, "'%s' is a folder, not a file", path);
	}
	*data = ebb_xcalloc(room, 1);
	while ((k = read(fd, *data + got, room - got - 1)) != 0) {
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			rc = ebb_err_set(err, EBB_EIO, "cannot read '%s': %s", path,
					 strerror(errno));
			break;
		}
		got += (size_t)k;
		if (got > limit) {
			rc = ebb_err_set(err, EBB_EINVAL, "'%s' is larger than %zu bytes", path,
					 limit);
			break;
		}
		if (room - got < 2) {
			room *= 2;
			*data = ebb_xrealloc(*data, room, 1);
		}
	}
	close(fd);
	if (rc < 0) {
		free(*data);
		*data = NULL;
		return rc;
	}
	(*data)[got] = 0;
	*n = got;
	return 0;
}

/* The folder part of a path, "." where there is none; caller frees. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return ebb_xstrdup(".");
	if (slash == path)
		return ebb_xstrdup("/");
	return ebb_xprintf("%.*s", (int)(slash - path), path);
}

static int sync_path(const char *path, int flags, struct ebb_err *err)
{
	int fd = open(path, flags | O_CLOEXEC), rc;

	if (fd < 0)
		return ebb_err_set(err, EBB_EIO, "cannot open '%s': %s", path, strerror(errno));
	rc = fsync(fd);
	/* some file systems have no fsync on folders; their rename is as durable as it gets */
	if (rc < 0 && errno != EINVAL)
		rc = ebb_err_set(err, EBB_EIO, "cannot sync '%s': %s", path, strerror(errno));
	else
		rc = 0;
	close(fd);
	return rc;
}

int ebb_file_commit(const char *tmp, const char *path, struct ebb_err *err)
{
	char *dir = parent_of(path);
	int rc = sync_path(tmp, O_RDONLY, err);

	if (rc == 0 && rename(tmp, path) < 0)
		rc = ebb_err_set(err, EBB_EIO, "cannot rename '%s' to '%s': %s", tmp, path,
				 strerror(errno));
	if (rc == 0)
		rc = sync_path(dir, O_RDONLY | O_DIRECTORY, err);
	free(dir);
	return rc;
}

int ebb_file_write(const char *path, const void *data, size_t n, struct ebb_err *err)
{
	char *tmp = ebb_xprintf("%s.tmp", path);
	const char *p = data;
	int fd, rc = 0;

	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		rc = ebb_err_set(err, EBB_EIO, "cannot write '%s': %s", path, strerror(errno));
		free(tmp);
		return rc;
	}
	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			rc = ebb_err_set(err, EBB_EIO, "cannot write '%s': %s", path,
					 strerror(errno));
			break;
		}
		p += k;
		n -= (size_t)k;
	}
	if (close(fd) < 0 && rc == 0)
		rc = ebb_err_set(err, EBB_EIO, "cannot write '%s': %s", path, strerror(errno));
	if (rc == 0)
		rc = ebb_file_commit(tmp, path, err);
	if (rc < 0)
		unlink(tmp);
	free(tmp);
	return rc;
}

int ebb_dir_make(const char *path, struct ebb_err *err)
{
	char *p;
	int rc = 0;

	if (!path[0])
		return ebb_err_set(err, EBB_EINVAL, "the name of a folder is empty");
	p = ebb_xstrdup(path);

	for (char *s = p + 1;; s++) {
		char c = *s;

		if (c != '/' && c != 0)
			continue;
		*s = 0;
		if (mkdir(p, 0777) < 0 && errno != EEXIST) {
			rc = ebb_err_set(err, EBB_EIO, "cannot make folder '%s': %s", p,
					 strerror(errno));
			break;
		}
		*s = c;
		if (c == 0)
			break;
	}
	if (rc == 0) {
		struct stat st;

		if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
			rc = ebb_err_set(err, EBB_EIO, "'%s' is in the way: not a folder", path);
	}
	free(p);
	return rc;
}

bool ebb_file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

int ebb_dir_writable(const char *path, struct ebb_err *err)
{
	char *p = ebb_xstrdup(path);
	struct stat st;
	int rc = 0;

	while (stat(p, &st) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		char *up = parent_of(p);

		free(p);
		p = up;
	}
	if (stat(p, &st) < 0)
		rc = ebb_err_set(err, EBB_EIO, "cannot use folder '%s': %s", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		rc = ebb_err_set(err, EBB_EIO, "cannot use folder '%s': '%s' is not a folder", path,
				 p);
	else if (access(p, W_OK | X_OK) < 0)
		rc = ebb_err_set(err, EBB_EIO, "cannot write into folder '%s': %s", p,
				 strerror(errno));
	free(p);
	return rc;
}

char *ebb_path_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	return ebb_xprintf("%s%s%s", a, n && a[n - 1] == '/' ? "" : "/", b);
}
