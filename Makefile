# Athanor's commands. Each installs what it needs (apt or brew) and says what it does.

SWIFT ?= swift
PYTHON ?= python3
VENV = .venv
EXPORT_VENV = .venv-export
ATHANOR = .build/release/athanor
SERVE = .build/release/athanor-serve
DEMO = athanor-demo
APP = Apps/DigitPad
KERNELS = Sources/AthanorKernels
BENCH_VENV = .venv-bench
PAGE_VENV = .venv-page
ROUNDS = 2
DIGITS_VENV = .venv-digits
DIGITS = .build/digits
DIGITS_MODEL = Sources/AthanorDatasets/Resources/models/digits.safetensors
PREFIX ?= /usr/local
SYSTEM := $(shell uname -s)
ifeq ($(SYSTEM),Darwin)
DATA = $(HOME)/Library/Caches/athanor/mnist
else
DATA = $(HOME)/.cache/athanor/mnist
endif

.PHONY: demo docs serve test parity parity-export neon headers page load app app-accuracy app-icon app-model app-test bench bench-kernels digits-model build build-serve install format lint dependencies python clean

demo: build ## Train Malireddi's network, draw its curves, classify a few pictures
	$(ATHANOR) train malireddi --epochs 10 --batch-size 50 --output $(DEMO)
	$(ATHANOR) evaluate $(DEMO)/best.h5 --output $(DEMO)
	$(ATHANOR) predict $(DEMO)/best.h5 Examples/digits
	@echo
	@echo "Look at $(DEMO)/curves.svg, $(DEMO)/confusion.svg and $(DEMO)/mistakes.svg."
	@echo "Next: draw a digit, save it as PNG, and run  $(ATHANOR) predict $(DEMO)/best.h5 YOUR.png"
	@echo "Into an app: $(ATHANOR) export $(DEMO)/best.h5 Digits.mlpackage --image-input gray --class-labels 0,1,2,3,4,5,6,7,8,9"

build: dependencies ## The release program, .build/release/athanor
	$(SWIFT) build -c release --product athanor-command
	@ln -sf athanor-command $(ATHANOR)

build-serve: dependencies ## The program behind "athanor serve"; takes some minutes the first time
	$(SWIFT) build -c release --product athanor-serve

serve: build build-serve ## A page on which one draws a digit: http://127.0.0.1:8080/
	$(ATHANOR) serve

install: build ## The program, the digits and the model that come with it, and completions for bash, zsh and fish, below PREFIX
	install -d $(PREFIX)/bin $(PREFIX)/share/athanor
	install .build/release/athanor-command $(PREFIX)/bin/athanor
	if [ -x $(SERVE) ]; then install $(SERVE) $(PREFIX)/bin/athanor-serve; fi
	cp -R Sources/AthanorDatasets/Resources/digits Sources/AthanorDatasets/Resources/models $(PREFIX)/share/athanor/
	install -d $(PREFIX)/share/bash-completion/completions $(PREFIX)/share/zsh/site-functions $(PREFIX)/share/fish/vendor_completions.d
	$(PREFIX)/bin/athanor --generate-completion-script bash > $(PREFIX)/share/bash-completion/completions/athanor
	$(PREFIX)/bin/athanor --generate-completion-script zsh > $(PREFIX)/share/zsh/site-functions/_athanor
	$(PREFIX)/bin/athanor --generate-completion-script fish > $(PREFIX)/share/fish/vendor_completions.d/athanor.fish

docs: ## The tutorial, guides and reference as a site
	$(SWIFT) package --allow-writing-to-directory .build/docs generate-documentation --target Athanor \
	  --output-path .build/docs --transform-for-static-hosting --warnings-as-errors
	@echo
	@echo "Look at it:  $(PYTHON) -m http.server --directory .build/docs 8000"
	@echo "             http://127.0.0.1:8000/documentation/athanor/"

test: dependencies ## Every Swift test, in release mode; needs no Python
	$(SWIFT) test -c release

parity: build $(VENV)/installed ## Compare with the real Keras, and read event files with the real TensorBoard
	$(VENV)/bin/python Tools/parity.py $(ATHANOR)
	$(VENV)/bin/python Tools/parity_files.py $(ATHANOR)
	$(VENV)/bin/python Tools/parity_regularizers.py $(ATHANOR)
	$(VENV)/bin/python Tools/parity_losses.py $(ATHANOR)
	$(VENV)/bin/python Tools/parity_augmentation.py $(ATHANOR)
	$(VENV)/bin/python Tools/parity_tensorboard.py $(ATHANOR)
	$(VENV)/bin/python Tools/parity_embeddings.py $(ATHANOR)

parity-export: build $(EXPORT_VENV)/installed ## Run exported files: Core ML in an independent interpreter, ONNX in onnxruntime; ONNX' own tests and PyTorch's exports here
	$(EXPORT_VENV)/bin/python Tools/parity_export.py $(ATHANOR)
	$(EXPORT_VENV)/bin/python Tools/parity_again.py $(ATHANOR)
	$(EXPORT_VENV)/bin/python Tools/onnx_node_suite.py $(ATHANOR)
	$(EXPORT_VENV)/bin/python Tools/parity_torch.py $(ATHANOR)
	$(EXPORT_VENV)/bin/python Tools/parity_pictures.py $(ATHANOR)
	$(EXPORT_VENV)/bin/python Tools/parity_tables.py $(ATHANOR)

$(EXPORT_VENV)/installed: Tools/requirements-export.txt | python
	$(PYTHON) -m venv $(EXPORT_VENV)
	$(EXPORT_VENV)/bin/pip install --quiet --disable-pip-version-check -r Tools/requirements-export.txt
	touch $@

$(VENV)/installed: Tools/requirements.txt | python
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tools/requirements.txt
	touch $@

page: build-serve $(PAGE_VENV)/installed ## Use the page in a browser as a person does, and the service as programs do
	$(PAGE_VENV)/bin/python Tools/check_page.py $(SERVE) $(DIGITS_MODEL)
	$(PAGE_VENV)/bin/python Tools/check_service.py $(SERVE) $(DIGITS_MODEL)

load: build-serve ## How many predictions a second the service answers (wrk); takes ten minutes
	$(PYTHON) Tools/load.py $(SERVE) $(DIGITS_MODEL)

$(PAGE_VENV)/installed: Tools/requirements-page.txt | python
	@sh Tools/install_browser.sh
	$(PYTHON) -m venv $(PAGE_VENV)
	$(PAGE_VENV)/bin/pip install --quiet --disable-pip-version-check -r Tools/requirements-page.txt
	touch $@

neon: ## The kernels for 64-bit ARM against the reference, emulated where this machine is another (Debian)
ifneq ($(filter arm64 aarch64,$(shell uname -m)),)
	@mkdir -p .build
	clang -std=gnu11 -O2 -I$(KERNELS)/include Tools/check_kernels.c $(KERNELS)/*.c $(KERNELS)/*/*.c -lm -lpthread \
	  -o .build/check-kernels-neon
	.build/check-kernels-neon
else
	@sh Tools/install_emulator.sh
	@mkdir -p .build
	clang --target=aarch64-linux-gnu -fuse-ld=lld -static -std=gnu11 -O2 -I/usr/aarch64-linux-gnu/include \
	  -L/usr/aarch64-linux-gnu/lib -B/usr/aarch64-linux-gnu/lib -I$(KERNELS)/include Tools/check_kernels.c \
	  $(KERNELS)/*.c $(KERNELS)/*/*.c -lm -lpthread -o .build/check-kernels-neon
	qemu-aarch64 .build/check-kernels-neon
endif

headers: build ## Type-check against newer libraries than this machine has, and compile the kernels for Apple's systems
	sh Tools/check_headers.sh

app: ## The app for iOS' simulator; needs a Mac with Xcode
	xcodebuild build -project $(APP)/DigitPad.xcodeproj -scheme DigitPad -destination 'generic/platform=iOS Simulator'

app-test: ## The app's logic, its project file, and the types of its sources; on Linux too
	$(SWIFT) test --package-path $(APP)/DigitPadLogic
	sh Tools/check_app.sh

app-model: build ## The app's model anew, from DIGITS_MODEL
	$(ATHANOR) export $(DIGITS_MODEL) $(APP)/DigitPad/Digits.mlpackage --image-input gray --class-labels 0,1,2,3,4,5,6,7,8,9 \
	  --precision float16 --summary "Reads a handwritten digit." --license MIT
	$(MAKE) app-accuracy

app-accuracy: build ## How well the app's model reads digits that the app's code drew
	$(SWIFT) run -c release --package-path $(APP)/DigitPadLogic DrawnDigits $(ATHANOR) $(APP)/DigitPad/Digits.mlpackage

app-icon: $(EXPORT_VENV)/installed ## The app's icons anew
	$(EXPORT_VENV)/bin/python Tools/make_app_icon.py

bench: dependencies $(BENCH_VENV)/installed ## Time Athanor and its peers in turn on the MNIST in DATA; takes half an hour
	$(SWIFT) build -c release --product AthanorBenchmarks
	$(BENCH_VENV)/bin/python Benchmarks/run.py .build/release/AthanorBenchmarks --data-dir $(DATA) --rounds $(ROUNDS)

bench-kernels: dependencies $(BENCH_VENV)/installed ## GFLOP/s of each kernel, beside PyTorch's
	$(SWIFT) build -c release --product AthanorBenchmarks
	$(BENCH_VENV)/bin/python Benchmarks/kernels.py .build/release/AthanorBenchmarks

$(BENCH_VENV)/installed: Benchmarks/requirements.txt | python
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check -r Benchmarks/requirements.txt
	touch $@

digits-model: build $(DIGITS_VENV)/installed ## Train the model that comes with the program anew, on the MNIST in DATA, and measure it on other digits
	$(DIGITS_VENV)/bin/python Tools/digits/augment.py $(DATA) $(DIGITS)/data
	$(ATHANOR) train malireddi --data-dir $(DIGITS)/data --validate-on test --epochs 6 --seed 1 --format safetensors --output $(DIGITS)/first
	$(ATHANOR) train $(DIGITS)/first/last.safetensors --data-dir $(DIGITS)/data --validate-on test --epochs 2 --learning-rate 0.0002 --seed 2 --output $(DIGITS)/second
	$(ATHANOR) convert $(DIGITS)/second/last.safetensors $(DIGITS_MODEL) --without-training
	$(DIGITS_VENV)/bin/python Tools/digits/accuracy.py $(ATHANOR) $(DIGITS_MODEL)

$(DIGITS_VENV)/installed: Tools/digits/requirements.txt | python
	$(PYTHON) -m venv $(DIGITS_VENV)
	$(DIGITS_VENV)/bin/pip install --quiet --disable-pip-version-check -r Tools/digits/requirements.txt
	touch $@

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed here: make PYTHON=python3.12 ..." >&2; exit 1; }

dependencies:
	@sh Tools/install_dependencies.sh

format:
	$(SWIFT) format --in-place --recursive Sources Tests Benchmarks Examples Apps Package.swift

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Benchmarks Examples Apps Package.swift

clean:
	rm -rf .build $(APP)/DigitPadLogic/.build $(VENV) $(EXPORT_VENV) $(BENCH_VENV) $(DIGITS_VENV) $(PAGE_VENV) $(DEMO)
