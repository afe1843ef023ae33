#!/usr/bin/env bash
# usage: scripts/bench-failover.sh [--uplink U] [--cycles N] [--rules N] [--profile P]
#                                  [--peer DIR|none] [--json FILE] [--docs]
#
# What the end of a VF, and its return, cost under traffic: builds, runs accelnetd in azhost on a
# NIC, takes the VF away under a stream as fast as it goes, and gives it back, N times, with a netvsc
# uplink and with a bifurcated one in turns. Tells what of the gap in what is received was
# accelnetd's and what the drivers', and what putting the rules back took of computing; beside it
# what net_failsafe does in the same minutes. A table, and JSON. Needs root; docs/benchmarks.md tells
# the method.
#
#   --uplink U    netvsc or bifurcated alone
#   --cycles N    removals and returns; default 10
#   --rules N     of the NSG; default 1000
#   --profile P   of azhost's VF; default cx5-vf-untrusted
#   --peer DIR    where f_failsafe.c is, which is built in build/peer with what it needs of DPDK's
#                 source (by apt-get source, unless DIR/src has it); default ../shared/peers where
#                 that is there; none: alone
#   --json FILE   also write everything that was measured to FILE
#   --docs        write the table into docs/benchmarks.md
#   --help
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/lib/say.sh"
. "$root/scripts/lib/build.sh"
. "$root/scripts/lib/leftovers.sh"

peer=$root/../shared/peers
peer_build=$root/build/peer

main() {
	local arguments=()

	while [ $# -gt 0 ]; do
		case $1 in
		--uplink | --cycles | --rules | --profile | --json)
			[ $# -ge 2 ] || refuse "$1 needs a value"
			arguments+=("$1" "$2")
			shift
			;;
		--docs) arguments+=(--docs) ;;
		--peer)
			[ $# -ge 2 ] || refuse "--peer needs a folder, or none"
			peer=$2
			shift
			;;
		--help | -h) help_of "${BASH_SOURCE[0]}" && exit 0 ;;
		*) refuse "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	[ "$(id -u)" -eq 0 ] || refuse "needs root: sudo ./scripts/bench-failover.sh"
	build default accelnetd accelnetctl azhost azhost_ibverbs azhost_mlx5 azhost_mlx4 azhost_mana \
		accelnet_stream accelnet_meter || exit 1
	if build_failsafe; then
		arguments+=(--failsafe "$peer_build/f_failsafe")
	fi
	leftovers_begin
	trap settings_restore EXIT
	python3 "$root/scripts/lib/bench_failover.py" "${arguments[@]}" || exit 1
	give_back "$root/build" "$root/docs"
}

build_failsafe() {
	local source flags libs

	if [ ! -f "$peer/f_failsafe.c" ]; then
		say "net_failsafe: skipped, there is no $peer/f_failsafe.c"
		return 1
	fi
	[ ! "$peer_build/f_failsafe" -nt "$peer/f_failsafe.c" ] || return 0
	mkdir -p "$peer_build"
	source=$(dpdk_source) || return
	read -ra flags < <(pkg-config --cflags libdpdk)
	read -ra libs < <(pkg-config --libs libdpdk)
	# its program looks into ethdev's inner structures
	if ! gcc -O2 -w -D_GNU_SOURCE -DALLOW_INTERNAL_API -DALLOW_EXPERIMENTAL_API \
		"$peer/f_failsafe.c" -o "$peer_build/f_failsafe" "${flags[@]}" \
		-I"$source/lib/ethdev" -I"$source/lib/eal/include" -I"$source/drivers/bus/vdev" \
		"${libs[@]}" -lpthread 2>"$peer_build/log"; then
		say "net_failsafe: skipped, its program does not build: see $peer_build/log"
		return 1
	fi
}

# Prints where DPDK's source is, of the version that is installed.
dpdk_source() {
	local found

	for found in "$peer"/src/dpdk-*/ "$peer_build"/dpdk-*/; do
		if [ -f "$found/lib/ethdev/ethdev_driver.h" ]; then
			echo "$found"
			return
		fi
	done
	say "net_failsafe: fetching DPDK's source" >&2
	if ! fetch_source >"$peer_build/log" 2>&1; then
		say "net_failsafe: skipped, DPDK's source cannot be had: see $peer_build/log" >&2
		return 1
	fi
	echo "$peer_build"/dpdk-*/
}

# With lists of its own: the machine's stay as they are.
fetch_source() {
	local lists=$peer_build/lists own

	mkdir -p "$lists/partial"
	echo "deb-src http://deb.debian.org/debian bookworm main" >"$peer_build/sources.list"
	own=(-o Dir::Etc::sourcelist="$peer_build/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o Dir::State::lists="$lists")
	apt-get "${own[@]}" update &&
		cd "$peer_build" && apt-get "${own[@]}" source --download-only dpdk &&
		tar --xz -xf dpdk_*.orig.tar.xz --transform 's|^[^/]*|dpdk-source|' --wildcards \
			'*/lib/ethdev' '*/lib/eal/include' '*/drivers/bus/vdev'
}

main "$@"
