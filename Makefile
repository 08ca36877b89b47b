# Every target is a line to the `homelab` command or to a tool; `make help` lists them.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
HOMELAB := node cli/homelab.mjs

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

node_modules: package-lock.json
	@command -v node >/dev/null || { echo "error: node: not found; install Node.js 20 or newer"; exit 1; }
	@echo "Installing the Node packages"
	@npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch node_modules

.PHONY: deploy
deploy: node_modules ## bring MLflow up, or up to date, and check it from outside
	@$(HOMELAB) deploy

.PHONY: test
test: node_modules ## run all tests, setting up what they need
	@npx vitest run $(if $(VITEST_JSON),--reporter=default --reporter=json --outputFile.json=$(VITEST_JSON))

.PHONY: acceptance
acceptance: node_modules ## deploy to three virtual machines and break them (an hour)
	@rm -f .lab-acceptance.json; \
	npx vitest run --project acceptance $(if $(CASES),--testNamePattern '$(CASES)') \
		--reporter=verbose --reporter=json --outputFile.json=.lab-acceptance.json; \
	tested=$$?; [ ! -f .lab-acceptance.json ] || \
	{ node_modules/.bin/jiti test/acceptance/report.ts .lab-acceptance.json > .lab-acceptance.md && \
	echo "the report is in .lab-acceptance.md"; }; exit $$tested

.PHONY: test-modes
test-modes: node_modules ## deploy and use every mode (MODE=S3: those named so)
	@npx vitest run --project modes-matrix $(if $(MODE),--testNamePattern '$(MODE)') --reporter=verbose --reporter=json --outputFile.json=.lab-modes.json; \
	tested=$$?; node_modules/.bin/jiti test/modes-matrix/report.ts .lab-modes.json > .lab-modes.md; \
	echo "the report is in .lab-modes.md"; exit $$tested

.PHONY: build
build: node_modules ## build the image by hand: tag v$(version) from version.txt
	@$(HOMELAB) build

.PHONY: push
push: node_modules ## push the built image to the configured registry
	@$(HOMELAB) push

.PHONY: pushlatest
pushlatest: node_modules ## build the image and push it as latest
	@$(HOMELAB) pushlatest

.PHONY: synth
synth: node_modules ## write the Terraform configuration, touching nothing else
	@$(HOMELAB) synth

.PHONY: diff
diff: node_modules ## show what a deploy would change
	@$(HOMELAB) diff

.PHONY: destroy
destroy: node_modules ## stop MLflow; data stays (YES=1: don't ask; UNMOUNT=1: unmount)
	@$(HOMELAB) destroy $(if $(YES),--yes) $(if $(UNMOUNT),--unmount)

.PHONY: prepare
prepare: node_modules ## prepare the clients' volumes again, where one is gone or stale
	@$(HOMELAB) prepare

.PHONY: status
status: node_modules ## show job, client, image, memory, volumes and URLs
	@$(HOMELAB) status

.PHONY: doctor
doctor: node_modules ## check the deployment from a client's side, step by step
	@$(HOMELAB) doctor

.PHONY: lab-up
lab-up: node_modules ## start the embedded homelab on this machine
	@$(HOMELAB) lab-up

.PHONY: lab-down
lab-down: node_modules ## stop the embedded homelab (PURGE=1: delete all its data)
	@$(HOMELAB) lab-down $(if $(PURGE),--purge)

.PHONY: check
check: node_modules ## check types, lint and format
	@npx tsc --noEmit
	@npx biome check --error-on-warnings .

.PHONY: bench
bench: node_modules ## measure, side by side with the way by hand and stock MLflow
	@node_modules/.bin/jiti bench/main.ts

# This machine's kernel may know no NFS, theirs does.
.PHONY: bench-nas
bench-nas: ## measure SQLite on NFS and a failover (40 minutes)
	@$(MAKE) --no-print-directory acceptance CASES='^(1\. |5\. |.* are counted)'
