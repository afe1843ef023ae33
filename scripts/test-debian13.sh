#!/usr/bin/env bash
# usage: sudo scripts/test-debian13.sh [--root DIR] [--mirror URL] [--keep] [-- CTEST ARGUMENT...]
#
# Builds the tree in a Debian 13 root (debootstrap, DPDK 24.11) and runs the tests of azhost there.
# Needs root and a way to a Debian mirror; installs debootstrap where it is absent. Takes some 1.5 GB and,
# on two calm processors, a quarter of an hour. Not part of test.sh.
#
#   --root DIR     the Debian 13 root; is made if absent (default: a temporary one)
#   --mirror URL   default http://deb.debian.org/debian
#   --keep         do not remove a temporary root
#   --help
#
# Last line: "debian13: N% tests passed, ..." as ctest counts.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/lib/say.sh"

packages=(gcc libc6-dev cmake ninja-build pkg-config git libdpdk-dev dpdk dpdk-dev libibverbs-dev
	libnl-3-dev libnl-route-3-dev libcjson-dev libevent-dev libcmocka-dev python3 iproute2
	iputils-ping iperf3 tcpdump procps util-linux)
mirror=http://deb.debian.org/debian
keep=no
system=
temporary=

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--root) system=${2:?--root needs a directory} && shift ;;
		--mirror) mirror=${2:?--mirror needs a URL} && shift ;;
		--keep) keep=yes ;;
		--help | -h) help_of "${BASH_SOURCE[0]}" && exit 0 ;;
		--) shift && break ;;
		*) refuse "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	[ "$(id -u)" -eq 0 ] || refuse "making a Debian root needs root: sudo $0"
	need_debootstrap
	if [ -z "$system" ]; then
		temporary=$(mktemp -d "${TMPDIR:-/var/tmp}/accelnet-debian13.XXXXXX")
		system=$temporary/root
		trap clean_up EXIT
	fi
	make_system
	copy_tree
	run_tests "$@"
}

need_debootstrap() {
	command -v debootstrap >/dev/null && return
	say "debian13: apt-get install debootstrap"
	(apt-get -qq update && apt-get -qq -y --no-install-recommends install debootstrap) >/dev/null 2>&1 ||
		refuse "debootstrap is missing and cannot be installed: apt-get install debootstrap"
}

clean_up() {
	if [ "$keep" = yes ]; then
		say "debian13: kept $system"
	else
		rm -rf --one-file-system "$temporary"
	fi
}

make_system() {
	if [ ! -e "$system/etc/debian_version" ]; then
		say "debian13: debootstrap into $system"
		debootstrap --variant=minbase --include=ca-certificates trixie "$system" "$mirror" \
			>"$system.log" 2>&1 || {
			tail -n 20 "$system.log" >&2
			refuse "debootstrap failed"
		}
		rm -f "$system.log"
	fi
	say "debian13: packages"
	inside "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update &&
		apt-get -qq -y --no-install-recommends install ${packages[*]} >/tmp/apt.log 2>&1 || {
			tail -n 20 /tmp/apt.log >&2; exit 1; }"
}

# Tracked files as they are in the working tree.
copy_tree() {
	rm -rf "$system/accelnet"
	mkdir -p "$system/accelnet"
	(cd "$root" && git ls-files -z | tar --null --ignore-failed-read -cf - -T -) |
		tar -xf - -C "$system/accelnet"
}

# A command in the Debian 13 root, with mounts that go with it.
inside() {
	# shellcheck disable=SC2016 # for the inner shell
	# Not chroot: in one the kernel refuses user namespaces.
	unshare --mount --propagation private bash -c '
		set -e
		cp -L /etc/resolv.conf "$1/etc/resolv.conf" 2>/dev/null || true
		mount --bind "$1" "$1"
		cd "$1"
		mount -t proc proc proc
		mount --rbind /sys sys
		mount --rbind /dev dev
		mkdir -p .outside
		pivot_root . .outside
		umount -l /.outside
		cd /
		exec /bin/bash -c "$2"' - "$system" "$1"
}

run_tests() {
	local quoted
	quoted=$(printf '%q ' "$@")
	say "debian13: build and test"
	inside "cd /accelnet && dpkg-query -W -f='dpdk \${Version}\n' dpdk &&
		cmake --preset default -DACCELNET_WERROR=OFF >/tmp/cmake.log 2>&1 || { tail -n 20 /tmp/cmake.log >&2; exit 1; }
		cd /accelnet && cmake --build --preset default >/tmp/build.log 2>&1 || {
			grep -v '^\[' /tmp/build.log | tail -n 40 >&2; exit 1; }
		ctest --test-dir build --output-on-failure -R ^azhost -LE full $quoted |
			tee /tmp/ctest.log
		grep 'tests passed' /tmp/ctest.log | sed 's/^/debian13: /'
		grep -q '100% tests passed' /tmp/ctest.log"
}

main "$@"
