#!/usr/bin/env bash
# Generates the Go code of the .proto files below rpc/. Needs Go and nothing else:
# the generators are pinned in scripts/tools/go.mod.
#
#   scripts/generate.sh          lint the .proto files, write the code
#   scripts/generate.sh --check  write nothing; fail if the code in the tree is out of date
set -euo pipefail

case "${1-}" in
"" | --check) ;;
*)
	echo "generate.sh: unknown argument '$1': want --check or nothing" >&2
	exit 2
	;;
esac

cd "$(dirname "$0")/../rpc"
buf() { go tool -modfile=../scripts/tools/go.mod buf "$@"; }

buf lint

if [[ "${1-}" != --check ]]; then
	buf generate
	exit
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
buf generate --output "$fresh"

stale=0
while IFS= read -r -d '' file; do
	if ! cmp -s "$file" "$fresh/$file"; then
		echo "generate.sh: rpc/${file#./} is not what its .proto file generates: run scripts/generate.sh" >&2
		stale=1
	fi
done < <({ find . -name '*.pb.go' -print0; (cd "$fresh" && find . -name '*.pb.go' -print0); } | sort -zu)
exit $stale
