# Wraps apt-get, meson and ninja; everything real is in meson.build.
#
#   make          build build/ebb
#   make demo     the main job: a real sweep, its figures, its verdicts (a minute or two)
#   make test     every test but the slow suite
#   make strict   every test under address and undefined-behaviour sanitizers
#   make soak     300 kill -9 at random moments, a full disk, too little memory: the same bytes (minutes)
#   make notebooks  execute notebooks/*.ipynb; what they print and draw lands in build/notebooks
#   make data     make data/entropy-collapse.h5 again, which the notebooks read
#   make results    run the default-size experiments, draw plots/gallery, fill docs/results.md (minutes)
#   make bench    speed on this machine, next to plain PyTorch where one can be imported
#   make clean    remove the build folders

BUILD ?= build
PACKAGES = build-essential meson pkg-config libhdf5-dev hdf5-tools libgsl-dev libyaml-dev \
	libjansson-dev libcriterion-dev gnuplot-nox fonts-dejavu-core
NOTEBOOK_PACKAGES = python3-nbclient python3-ipykernel python3-matplotlib python3-h5py
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: all packages demo test strict soak notebooks data results bench clean
all: packages
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) . --buildtype=release
	@ninja -C $(BUILD) ebb

# Only what is missing is installed, so a machine that has everything needs no network and no sudo.
# Any gnuplot will do: gnuplot-nox would push gnuplot-qt or gnuplot-x11 out.
packages:
	@missing=""; for p in $(PACKAGES); do \
		[ $$p = gnuplot-nox ] && command -v gnuplot >/dev/null && continue; \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "installing:$$missing"; \
		$(SUDO) apt-get -o DPkg::Lock::Timeout=600 update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends $$missing; \
	fi

demo: all
	$(BUILD)/ebb run experiments/quickstart.yaml
	$(BUILD)/ebb plot data/runs/quickstart
	$(BUILD)/ebb compare data/runs/quickstart --metric accuracy
	$(BUILD)/ebb claims data/runs/quickstart
	$(BUILD)/ebb report data/runs/quickstart

test: all
	meson test -C $(BUILD) --no-suite slow --print-errorlogs

strict: packages
	@[ -f $(BUILD)-strict/build.ninja ] || meson setup $(BUILD)-strict . --buildtype=release \
		-Db_sanitize=address,undefined -Db_lundef=false -Dcuda=disabled
	meson test -C $(BUILD)-strict --setup strict --no-suite slow --print-errorlogs

soak: all
	tests/soak/soak.py $(BUILD)/ebb --kills 300 --full-disk --no-memory

notebooks:
	@$(MAKE) --no-print-directory packages PACKAGES="$(NOTEBOOK_PACKAGES)"
	tests/notebooks/execute.py $(BUILD)/notebooks notebooks/*.ipynb

# data/README.md says what it is. From nothing each time, so that one build made all of it.
data: all
	rm -rf $(BUILD)/data
	$(BUILD)/ebb run experiments/entropy-collapse.yaml algorithm=grpo,gipo_exp seeds=4 eval.cadence=4 \
		record.snapshot=0 record.last=false --out $(BUILD)/data/entropy-collapse
	$(BUILD)/ebb pack $(BUILD)/data/entropy-collapse --out $(BUILD)/data/packed
	cp $(BUILD)/data/packed/run.h5 data/entropy-collapse.h5

results: all
	plots/gallery/regenerate.py $(BUILD)/ebb

bench: all
	meson test -C $(BUILD) --benchmark --verbose

clean:
	rm -rf $(BUILD) $(BUILD)-strict
