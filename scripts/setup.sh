#!/usr/bin/env bash
# usage: scripts/setup.sh [--check]
#
# Installs the Debian packages that accelnet is built, tested and shown with; says which, and why.
# Does nothing, quickly, when nothing is missing. Needs root only when something is.
#
#   --check   say what is missing, install nothing; exit status 1 when something is
#   --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/lib/say.sh"

# package                why
packages() {
	cat <<'END'
gcc                      compiler
libc6-dev                C library headers
cmake                    build system, 3.25 or newer
ninja-build              what CMake drives
pkg-config               finds the libraries
git                      lists the tracked files for the checks
libdpdk-dev              DPDK headers and libraries
dpdk                     DPDK drivers and tools
dpdk-dev                 dpdk-testpmd, the yardstick
libibverbs-dev           verbs and mlx5dv: what the VF can do
libnl-3-dev              netlink: which kernel devices there are
libnl-route-3-dev        netlink: links and addresses
libcjson-dev             JSON syntax
libevent-dev             event loop of the control thread
libcmocka-dev            unit tests
clang                    fuzz targets
libclang-rt-14-dev       sanitizer and fuzzer run time for clang
llvm                     readable stacks from the sanitizers
clang-format-14          layout check
clang-tidy-14            lint
codespell                spelling check
shellcheck               script check
python3                  helpers of the tests and of the demo, its HTTP server
iproute2                 network namespaces
iputils-ping             traffic: ICMP
curl                     traffic: HTTP
iperf3                   traffic: TCP and UDP streams
END
}

main() {
	local check=no missing

	while [ $# -gt 0 ]; do
		case $1 in
		--check) check=yes ;;
		--help | -h) help_of "${BASH_SOURCE[0]}" && exit 0 ;;
		*) refuse "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	command -v dpkg-query >/dev/null ||
		refuse "this is no Debian system; install by hand what corresponds to:" \
			"$(packages | awk '{ printf "%s ", $1 }')"
	missing=$(missing_packages)
	if [ -z "$missing" ]; then
		say "setup: nothing is missing"
		return
	fi
	explain "$missing"
	if [ "$check" = yes ]; then
		exit 1
	fi
	[ "$(id -u)" -eq 0 ] || refuse "installing packages needs root: sudo ./scripts/setup.sh"
	# shellcheck disable=SC2086 # one package a word
	install_packages $missing
	missing=$(missing_packages)
	[ -z "$missing" ] || refuse "still missing after installation: ${missing//$'\n'/ }"
	say "setup: done"
}

missing_packages() {
	comm -23 <(packages | awk '{ print $1 }' | sort) <(installed_packages | sort)
}

installed_packages() {
	dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' |
		awk '$1 == "installed" { print $2 }'
}

explain() {
	local package

	say "setup: missing"
	for package in $1; do
		packages | awk -v name="$package" '$1 == name { print "        " $0 }'
	done
}

# Package lists that are a day or a year old do as long as everything in them can still be had.
install_packages() {
	say "setup: apt-get install"
	if have_candidates "$@" && apt_install "$@"; then
		return
	fi
	say "setup: apt-get update (the package lists are missing or out of date)"
	apt-get -qq update || refuse "apt-get update failed: is there a way to a Debian mirror?"
	apt_install "$@" || refuse "apt-get install failed; what is missing is listed above"
}

have_candidates() {
	local package

	for package in "$@"; do
		apt-cache show --no-all-versions "$package" >/dev/null 2>&1 || return 1
	done
}

apt_install() {
	local log
	log=$(mktemp)

	if DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends \
		-o DPkg::Lock::Timeout=120 install "$@" >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	tail -n 20 "$log" >&2
	rm -f "$log"
	return 1
}

main "$@"
