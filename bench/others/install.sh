#!/usr/bin/env bash
# Builds etcd from source, as the version that go.mod names, into .ringward/bin at the top of the tree.
set -euo pipefail
cd "$(dirname "$0")"
bin=../../.ringward/bin
mkdir -p "$bin"
go build -o "$bin/etcd" go.etcd.io/etcd/server/v3
"$bin/etcd" --version | head -n 1
