#!/usr/bin/env bash
# usage: scripts/demo.sh [--keep] [--json FILE]
#
# Shows accelnet at work: installs what is missing (setup.sh), builds, starts accelnetd in azhost,
# an Azure host in software, between two network namespaces, one of them the VM, and sends real
# traffic through it while policies come and go, and while the host takes the VF away and gives it
# back. Then it measures such a NIC with and without accelerated networking, and draws that
# (build/picture.svg). One line a step, with what was measured; the last line is "demo passed".
# Needs root.
#
#   --keep        leave it all running at the end, and say how to get in, until Ctrl-C
#   --json FILE   also write to FILE the steps, and what was measured: failover, without, with
#   --help
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/lib/say.sh"
. "$root/scripts/lib/build.sh"
. "$root/scripts/lib/leftovers.sh"

main() {
	local arguments=()

	while [ $# -gt 0 ]; do
		case $1 in
		--keep) arguments+=(--keep) ;;
		--json)
			[ $# -ge 2 ] || refuse "--json needs a file"
			arguments+=(--json "$2")
			shift
			;;
		--help | -h) help_of "${BASH_SOURCE[0]}" && exit 0 ;;
		*) refuse "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	[ "$(id -u)" -eq 0 ] || refuse "needs root: sudo ./scripts/demo.sh"
	"$root/scripts/setup.sh" || exit 1
	leftovers_begin
	trap finish EXIT
	trap 'exit 130' INT TERM
	build default accelnetd accelnetctl azhost azhost_ibverbs azhost_mlx5 azhost_mlx4 azhost_mana \
		accelnet_stream accelnet_meter || exit 1
	echo
	show "${arguments[@]}"
}

# In the background, so that a signal reaches this script while the steps run; they clean up before
# they end.
show() {
	local steps status

	python3 "$root/scripts/lib/demo.py" "$@" &
	steps=$!
	trap 'kill -TERM "$steps" 2>/dev/null' INT TERM
	while :; do
		wait "$steps"
		status=$?
		kill -0 "$steps" 2>/dev/null || exit "$status"
	done
}

finish() {
	local status=$? left

	trap - EXIT INT TERM
	left=$(leftovers_end)
	settings_restore
	if [ -n "$left" ]; then
		printf 'demo failed: left behind:\n%s\n' "$left"
		exit 1
	fi
	exit "$status"
}

main "$@"
