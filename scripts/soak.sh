#!/usr/bin/env bash
# usage: scripts/soak.sh [--cycles N] [--uplink netvsc|bifurcated|all] [--nics N] [--json FILE]
#
# Takes VFs away and gives them back, again and again, under ping, a TCP stream, a held connection
# and tries of denied ports: connections live, no more is lost than must be, nothing denied passes,
# and memory, descriptors and rules in the device stay flat. The last line is
# "soak passed: N cycles, ..."; the exit status is 0 then. Needs root.
#
#   --cycles N     so many, of all NICs together; default 500 on netvsc, 10000 on bifurcated
#   --uplink U     one attachment alone; default all: first netvsc, then bifurcated
#   --nics N       NICs of the netvsc part, at once; default 3
#   --json FILE    the numbers, slopes included
#   --help
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/lib/say.sh"
. "$root/scripts/lib/build.sh"
. "$root/scripts/lib/leftovers.sh"

main() {
	local arguments=("$@")

	while [ $# -gt 0 ]; do
		case $1 in
		--cycles | --uplink | --nics | --json)
			[ $# -gt 1 ] || refuse "$1 wants a value (see --help)"
			shift
			;;
		--help | -h) help_of "${BASH_SOURCE[0]}" && exit 0 ;;
		*) refuse "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	[ "$(id -u)" -eq 0 ] || refuse "needs root: sudo ./scripts/soak.sh"
	"$root/scripts/setup.sh" || exit 1
	build default accelnetd accelnetctl azhost || exit 1
	leftovers_begin
	trap finish EXIT
	trap 'exit 130' INT TERM
	python3 "$root/scripts/lib/soak.py" "${arguments[@]}"
}

finish() {
	local status=$? line

	trap - EXIT INT TERM
	while read -r line; do
		say "left behind: $line" >&2
		status=1
	done < <(leftovers_end)
	settings_restore
	exit "$status"
}

main "$@"
