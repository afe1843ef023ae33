#!/usr/bin/env bash
# usage: scripts/lint.sh [--quick]
#
# Layout (clang-format), includes that point down and no stray state (check-layers.py), spelling
# (codespell), scripts (shellcheck), and a short list of clang-tidy's checks. Changes nothing.
#
#   --quick   without clang-tidy and the look into object files, which need a build
#   --help
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/lib/say.sh"
. "$root/scripts/lib/build.sh"

quick=no
faults=0

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--quick) quick=yes ;;
		--help | -h) help_of "${BASH_SOURCE[0]}" && exit 0 ;;
		*) refuse "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	need clang-format-14 clang-tidy-14 codespell shellcheck python3 git objdump
	cd "$root" || exit 1
	if [ "$quick" = no ]; then
		build default || exit 1
	fi
	check layout layout
	check layers layers
	check spelling spelling
	check scripts scripts
	if [ "$quick" = no ]; then
		check clang-tidy tidy
	fi
	if [ "$faults" -gt 0 ]; then
		say "lint: $faults of the checks found something"
		exit 1
	fi
	say "lint: clean"
}

need() {
	local tool

	for tool; do
		command -v "$tool" >/dev/null || refuse "$tool is missing: sudo ./scripts/setup.sh"
	done
}

# check NAME FUNCTION: what the function prints is shown when it fails.
check() {
	local output

	say "lint: $1"
	if ! output=$("$2" 2>&1); then
		printf '%s\n' "$output"
		faults=$((faults + 1))
	fi
}

files() {
	git ls-files -z --cached --others --exclude-standard -- "$@"
}

# Names the files; what is wrong in them is what `clang-format-14 -i` changes.
layout() {
	local wrong
	wrong=$(files '*.c' '*.h' | xargs -0 -r clang-format-14 --dry-run -Werror 2>&1 |
		sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: error:.*/clang-format-14 -i \1/p' | sort -u)
	printf '%s' "${wrong:+$wrong$'\n'}"
	[ -z "$wrong" ]
}

layers() {
	if [ "$quick" = yes ]; then
		scripts/check-layers.py
	else
		scripts/check-layers.py --objects build
	fi
}

spelling() {
	files | xargs -0 -r codespell --quiet-level=3 --ignore-words=.codespellignore
}

scripts() {
	files '*.sh' '.ci/run' | xargs -0 -r shellcheck -x
}

# Side by side, one file each. The compiler's own warnings (-w) are gcc's business.
tidy() {
	python3 - <<'END' | xargs -0 -r -n 1 -P "$(nproc)" clang-tidy-14 --quiet -p build --extra-arg=-w \
		--header-filter="^$root/(src|include|tests)/" 2>&1 |
import json
print("\0".join(sorted({e["file"] for e in json.load(open("build/compile_commands.json"))})), end="")
END
		grep -v '^[0-9]* warnings\{0,1\} generated'
	return "${PIPESTATUS[1]}"
}

main "$@"
