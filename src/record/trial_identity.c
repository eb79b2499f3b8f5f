#include <stdlib.h>
#include "record/schema.h"

int ebb_trial_identity(const char *run_dir, const char *id, char **identity, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *path = ebb_xprintf("%s/" EBB_TRIALS_DIR "/%s.h5", run_dir, id);
	hid_t file = ebb_schema_open(&h5, path, EBB_SCHEMA_TRIAL, err);
	int rc = file < 0 ? (err ? err->code : EBB_EFORMAT)
			  : ebb_h5_get_str(file, "identity", identity, err);

	ebb_h5scope_close(&h5);
	free(path);
	return rc;
}
