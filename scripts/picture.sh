#!/usr/bin/env bash
# usage: scripts/picture.sh [--seconds S] [--rounds N] [--svg FILE] [--json FILE] [--docs]
#
# The picture with and without accelerated networking: builds, then measures a VM's NIC as the
# synthetic NIC alone, with the NSG in the host's virtual switch, and as a VF with the NSG in its
# rules, in azhost; the same NSG, generator and workload. Packet rate, latency, jitter, CPU cycles a
# packet; a table, and an SVG. The devices are emulated: see docs/benchmarks.md for what that means.
# Needs root.
#
#   --seconds S   of each measurement; default 2
#   --rounds N    of both sides, interleaved; the best of each is taken; default 3
#   --svg FILE    default build/picture.svg
#   --json FILE   everything that was measured
#   --docs        write docs/picture.svg, and the table into docs/benchmarks.md
#   --help
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/lib/say.sh"
. "$root/scripts/lib/build.sh"
. "$root/scripts/lib/leftovers.sh"

main() {
	local arguments=(--svg "$root/build/picture.svg")

	while [ $# -gt 0 ]; do
		case $1 in
		--seconds | --rounds | --svg | --json)
			[ $# -ge 2 ] || refuse "$1 needs a value"
			arguments+=("$1" "$2")
			shift
			;;
		--docs) arguments+=(--docs --svg "$root/docs/picture.svg") ;;
		--help | -h) help_of "${BASH_SOURCE[0]}" && exit 0 ;;
		*) refuse "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	[ "$(id -u)" -eq 0 ] || refuse "needs root: sudo ./scripts/picture.sh"
	build default accelnetd accelnetctl azhost azhost_ibverbs azhost_mlx5 azhost_mlx4 azhost_mana \
		accelnet_stream accelnet_meter || exit 1
	leftovers_begin
	trap settings_restore EXIT
	python3 "$root/scripts/lib/picture.py" "${arguments[@]}" || exit 1
	give_back "$root/build" "$root/docs"
}

main "$@"
