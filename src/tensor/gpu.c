/* Finding, loading and opening the GPU module. */
#include "tensor/gpu.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE "ebb_cuda.so"
#ifndef EBB_MODULE_DIR
#define EBB_MODULE_DIR "/usr/local/lib/ebb"
#endif

typedef const struct ebb_gpu_ops *module_entry(size_t size);

/* The folder of the running program without a slash at its end, "." where it cannot be known. */
static void program_folder(char folder[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	char *slash;

	folder[n > 0 ? n : 0] = '\0';
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	else
		strcpy(folder, ".");
}

static int found(char file[PATH_MAX], const char *folder, const char *under)
{
	int n = snprintf(file, PATH_MAX, "%s/%s" MODULE, folder, under);

	return n > 0 && n < PATH_MAX && access(file, R_OK) == 0;
}

/* A build folder keeps the module in src/tensor/cuda, and programs in several places. */
static int module_find(const char *path, char file[PATH_MAX], struct ebb_err *err)
{
	static const char *const under[] = {
		"",
		"src/tensor/cuda/",
		"../src/tensor/cuda/",
		"../../src/tensor/cuda/",
		"../lib/ebb/",
	};
	char folder[PATH_MAX];

	if (!path)
		path = getenv("EBB_CUDA_MODULE");
	if (path) {
		if (access(path, R_OK) == 0 && strlen(path) < PATH_MAX) {
			strcpy(file, path);
			return 0;
		}
		return ebb_err_set(err, EBB_ENOENT, "no GPU module: cannot read '%s'", path);
	}
	program_folder(folder);
	for (size_t i = 0; i < sizeof under / sizeof *under; i++)
		if (found(file, folder, under[i]))
			return 0;
	if (found(file, EBB_MODULE_DIR, ""))
		return 0;
	return ebb_err_set(err, EBB_ENOENT,
			   "no GPU module: " MODULE " is neither beside the program in '%s' nor in "
			   "'" EBB_MODULE_DIR
			   "'; build where nvcc is installed (meson option cuda)",
			   folder);
}

struct ebb_gpu *ebb_gpu_open(const char *path, struct ebb_err *err)
{
	struct ebb_gpu *gpu = NULL;
	const struct ebb_gpu_ops *ops;
	char file[PATH_MAX], text[512] = "";
	module_entry *entry;
	void *module;
	int rc;

	if (module_find(path, file, err) < 0)
		return NULL;
	/* A bare name would be searched for in the system's folders. */
	if (!strchr(file, '/')) {
		memmove(file + 2, file, strlen(file) + 1);
		memcpy(file, "./", 2);
	}
	module = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!module) {
		ebb_err_set(err, EBB_ENOENT, "cannot load GPU module '%s': %s", file, dlerror());
		return NULL;
	}
	*(void **)&entry = dlsym(module, "ebb_cuda_ops");
	ops = entry ? entry(sizeof *ops) : NULL;
	if (!ops) {
		ebb_err_set(
			err, EBB_ENOENT,
			"GPU module '%s' belongs to another version of the program; build it again",
			file);
		goto fail;
	}
	gpu = ebb_calloc(1, sizeof *gpu, err);
	if (!gpu)
		goto fail;
	gpu->op = *ops;
	gpu->module = module;
	rc = ops->device_open(0, &gpu->device, &gpu->info, text, sizeof text);
	if (rc == 0)
		return gpu;
	ebb_err_set(err, rc, "%s", text);
fail:
	free(gpu);
	dlclose(module);
	return NULL;
}

void ebb_gpu_close(struct ebb_gpu *gpu)
{
	if (!gpu)
		return;
	gpu->op.device_close(gpu->device);
	dlclose(gpu->module);
	free(gpu);
}

int ebb_gpu_sync(struct ebb_gpu *gpu, struct ebb_err *err)
{
	char text[512] = "";
	int rc = gpu->op.device_sync(gpu->device, text, sizeof text);

	return rc == 0 ? 0 : ebb_err_set(err, rc, "%s", text);
}
