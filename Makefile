# What a person does with Viaduct, each in one word. `make` alone lists it.
BUILD ?= .build
# The directory of captures for `make captures`, and what is handed to its check.py.
DIR ?= Tests/Captures/cases
ARGS ?=
# Inputs that `make test` gives the fuzzer.
FUZZ_RUNS ?= 100000

viaduct := $(BUILD)/release/viaduct
swift_build := swift build --scratch-path $(BUILD)

.PHONY: help demo demo-etcd test interop cluster guest fuzz bench profile format captures oracles clean release
.DEFAULT_GOAL := help

help:
	@echo 'make demo       one virtual address, three hosts, real packets, in network namespaces (root)'
	@echo '                ARGS="--connections N --window 32|64 --mode tunnel|transport --port auto|packet_socket"'
	@echo 'make demo-etcd  the same with etcd as the coupling facility; a target is killed meanwhile and comes back (root)'
	@echo 'make test       every test, those in network namespaces among them (root)'
	@echo 'make interop    IKEv2 daemons that others wrote against ours: ARGS="--list" or names (root)'
	@echo 'make cluster    eight targets, etcd, 2,000 connections, and who is not let in: ARGS="--list" or names (root)'
	@echo 'make guest      against the real Linux and its ESP, in an emulated machine: ARGS="--list" or names (root)'
	@echo 'make fuzz       random packets for the router: FUZZ_RUNS=100000'
	@echo 'make captures   replay recorded packets: DIR=folder ARGS="--first-light"'
	@echo 'make oracles    published vectors; scapy and tshark against ours, both ways: ARGS="--seed N" or transforms'
	@echo 'make bench      cycles per packet, beside the same in C; writes Benchmarks/latest.json'
	@echo 'make profile    where the router spends its time on a capture; writes flame.svg'
	@echo 'make format     swift format, in place'
	@echo 'make clean      removes what was built'

release:
	@scripts/install-dependencies.sh build
	$(swift_build) -c release --product viaduct

demo:
	@scripts/install-dependencies.sh demo
	@$(MAKE) --no-print-directory release
	@scripts/demo --viaduct $(viaduct) $(ARGS)

demo-etcd:
	@scripts/install-dependencies.sh demo etcd
	@$(MAKE) --no-print-directory release
	@scripts/demo --viaduct $(viaduct) --coupling etcd --connections 600 $(ARGS)

test:
	@scripts/install-dependencies.sh test interop etcd
	@scripts/swift-test $(BUILD)
	@scripts/fuzz.sh $(FUZZ_RUNS)
	@$(MAKE) --no-print-directory captures DIR=Tests/Captures/cases ARGS=
	@$(MAKE) --no-print-directory oracles ARGS=
	@Tests/Namespaces/judgement_test.py --quiet
	@Tests/Scripts/flamegraph_test.py --quiet
	@Tests/Namespaces/run.py --viaduct $(viaduct)
	@$(MAKE) --no-print-directory interop ARGS=
	@$(MAKE) --no-print-directory cluster ARGS=
	@$(MAKE) --no-print-directory guest ARGS=

interop: release
	@scripts/install-dependencies.sh interop
	@Tests/Interop/run.py --viaduct $(viaduct) $(ARGS)

cluster: release
	@scripts/install-dependencies.sh demo etcd
	@Tests/Cluster/run.py --viaduct $(viaduct) $(ARGS)

guest: release
	@scripts/install-dependencies.sh demo guest
	@Tests/Guest/run.py --viaduct $(viaduct) $(ARGS)

fuzz:
	@scripts/install-dependencies.sh build
	@scripts/fuzz.sh $(FUZZ_RUNS)

captures: release
	@Tests/Captures/run.py --viaduct $(viaduct) '$(DIR)' $(ARGS)

oracles: release
	@scripts/install-dependencies.sh test interop vectors
	$(swift_build) -c release --product HostOverCapture
	$(swift_build) -c release --product CipherVectors
	@Tests/Oracles/vectors.py --program $(BUILD)/release/CipherVectors
	@Tests/Oracles/run.py --viaduct $(viaduct) --host $(BUILD)/release/HostOverCapture $(ARGS)

bench:
	@scripts/install-dependencies.sh bench etcd
	@Benchmarks/run

profile: release
	@scripts/install-dependencies.sh bench
	@scripts/profile $(viaduct)

format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests Plugins $(wildcard Benchmarks/Package.swift Benchmarks/Sources Benchmarks/Benchmarks)

clean:
	rm -rf $(BUILD) .build-fuzz .build-interop Benchmarks/.build
