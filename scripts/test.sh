#!/usr/bin/env bash
# usage: scripts/test.sh [--full]
#
# Installs what is missing (setup.sh), builds, runs every test. The last line is
# "N passed, N failed[, N skipped]" and counts test cases; the exit status is 0 when none failed.
# Needs root: many tests make network namespaces and TAP devices of their own. They are gone at the
# end, as is every process that a test left behind, which counts as a failure.
#
#   --full   also the long tests, presets asan and tsan, lint.sh, and a minute of fuzzing a target
#   --help
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/lib/say.sh"
. "$root/scripts/lib/build.sh"
. "$root/scripts/lib/leftovers.sh"

full=no
passed=0
failed=0
skipped=0

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--full) full=yes ;;
		--help | -h) help_of "${BASH_SOURCE[0]}" && exit 0 ;;
		*) refuse "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	[ "$(id -u)" -eq 0 ] || refuse "needs root: sudo ./scripts/test.sh"
	"$root/scripts/setup.sh" || exit 1
	leftovers_begin
	trap finish EXIT
	trap 'exit 130' INT TERM

	if build default; then
		tests default
	else
		count_failure "build of preset default"
	fi
	if [ "$full" = yes ]; then
		sanitized asan 'unit|property|component'
		# it takes the locks of a library that it did not compile, EAL's, for none
		sanitized tsan 'unit|property'
		lint
		fuzz 60
	else
		fuzz 2
	fi
}

# Programs that open no device may run side by side; those that measure or move traffic may not.
tests() {
	local quick='^(full)$'

	if [ "$full" = yes ]; then
		quick='^$'
	fi
	say "tests: unit and property"
	run_ctest "$1" -LE "^(integration|component)\$|$quick" -j "$(nproc)"
	# they move traffic between poll-mode processes on few cores: what the machine's other work
	# upsets may have a second try, which ctest's output shows
	say "tests: component and integration"
	run_ctest "$1" -L '^(integration|component)$' -LE "$quick" --repeat until-pass:2
}

# sanitized PRESET LABELS. The sanitizers' shadow memory needs an address space that is not too random; setarch sees to it.
sanitized() {
	if build "$1"; then
		say "tests: $2 under $1"
		run_ctest "$1" -L "^($2)\$"
	else
		count_failure "build of preset $1"
	fi
}

run_ctest() {
	local directory junit
	directory=$(build_directory "$1")
	shift
	junit=$directory/junit.xml
	rm -f "$junit"
	setarch -R ctest --test-dir "$directory" --output-on-failure --no-tests=ignore \
		--test-output-size-passed 10000000 --test-output-size-failed 10000000 \
		--output-junit "$junit" "$@" </dev/null
	if [ -f "$junit" ]; then
		count_cases "$junit"
	else
		count_failure "ctest wrote no result"
	fi
}

count_cases() {
	local report
	report=$(python3 "$root/scripts/lib/cases.py" "$1") || {
		count_failure "the results in $1 cannot be read"
		return
	}
	head -n -1 <<<"$report"
	read -r p f s < <(tail -n 1 <<<"$report")
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	say "so far: $(totals)"
}

count_failure() {
	say "FAILED  $*"
	failed=$((failed + 1))
}

# fuzz SECONDS: each target for so long, from its seeds; what breaks it is kept.
fuzz() {
	local targets target directory
	directory=$(build_directory fuzz)
	configure fuzz || { count_failure "configuration of preset fuzz" && return; }
	mapfile -t targets < <(cmake --build "$directory" --target help |
		sed -n 's/^\(fuzz_[a-z0-9_]*\):.*/\1/p')
	if [ ${#targets[@]} -eq 0 ]; then
		say "fuzz: there are no targets"
		return
	fi
	build fuzz "${targets[@]}" || { count_failure "build of preset fuzz" && return; }
	for target in "${targets[@]}"; do
		fuzz_one "$target" "$1"
	done
}

fuzz_one() {
	local name=${1#fuzz_} directory corpus log seeds=()
	directory=$(build_directory fuzz)
	corpus=$directory/found/$name
	log=$directory/$1.log
	mkdir -p "$corpus" "$directory/crashes"
	if [ -d "$root/tests/fuzz/corpus/$name" ]; then
		seeds=("$root/tests/fuzz/corpus/$name")
	fi
	if "$directory/fuzz/$1" -max_total_time="$2" -timeout=10 -print_final_stats=1 \
		-artifact_prefix="$directory/crashes/$name-" "$corpus" "${seeds[@]}" \
		>"$log" 2>&1; then
		say "fuzz: $name: $(awk '/number_of_executed_units/ { print $2 }' "$log") runs in $2 s"
		passed=$((passed + 1))
	else
		tail -n 40 "$log"
		count_failure "fuzz target $name; the input is in $directory/crashes"
	fi
}

lint() {
	if "$root/scripts/lint.sh"; then
		passed=$((passed + 1))
	else
		count_failure "lint.sh"
	fi
}

totals() {
	printf '%d passed, %d failed' "$passed" "$failed"
	if [ "$skipped" -gt 0 ]; then
		printf ', %d skipped' "$skipped"
	fi
	echo
}

finish() {
	local status=$? line

	trap - EXIT INT TERM
	while read -r line; do
		count_failure "left behind: $line"
	done < <(leftovers_end)
	settings_restore
	if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
		count_failure "interrupted"
	fi
	if [ $((passed + failed)) -eq 0 ]; then
		count_failure "no test ran"
	fi
	give_back "$root"/build*
	say "tests: done"
	totals
	[ "$failed" -eq 0 ] || exit 1
	exit 0
}

main "$@"
