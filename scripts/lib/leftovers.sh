# shellcheck shell=bash
# Leaves the host as it was found: processes, network namespaces, hugepages and how the kernel
# schedules. Sourced after say.sh.

# Where the kernel schedules by sessions, a worker that polls one CPU uses up its session's share, and
# the other threads of its process wait for seconds on any CPU where another session is busy.
AUTOGROUP=/proc/sys/kernel/sched_autogroup_enabled

# Every process started after this carries the mark in its environment, whoever adopts it later.
leftovers_begin() {
	leftovers_mark="ACCELNET_RUN=$$.$(date +%s)"
	export ACCELNET_RUN=${leftovers_mark#*=}
	leftovers_namespaces=$(namespaces)
	leftovers_settings=$(settings)
	if [ -w "$AUTOGROUP" ]; then
		echo 0 >"$AUTOGROUP"
	fi
}

# Prints what was left behind, one a line, and takes it away.
leftovers_end() {
	local pid name

	for pid in $(marked_processes); do
		echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
		kill -9 "$pid" 2>/dev/null
	done
	for name in $(comm -13 <(echo "$leftovers_namespaces") <(namespaces)); do
		if is_owned "$name"; then
			continue
		fi
		echo "network namespace $name"
		ip netns delete "$name"
	done
}

# Not a failure of its own: somebody else on the machine may have changed them meanwhile.
settings_restore() {
	local file value

	while read -r file value; do
		if [ -w "$file" ] && [ "$(cat "$file")" != "$value" ]; then
			[ "$file" = "$AUTOGROUP" ] || say "restoring $file to $value" >&2
			echo "$value" >"$file"
		fi
	done <<<"$leftovers_settings"
}

marked_processes() {
	local environ pid

	for environ in /proc/[0-9]*/environ; do
		pid=${environ#/proc/}
		pid=${pid%/environ}
		if grep -qzxF "$leftovers_mark" "$environ" 2>/dev/null && ! is_ancestor "$pid"; then
			echo "$pid"
		fi
	done
}

# Command substitutions of this very script carry the mark as well: they are its descendants.
is_ancestor() {
	local up=$BASHPID

	while [ "$up" -gt 1 ]; do
		[ "$up" -ne "$1" ] || return 0
		up=$(awk '/^PPid:/ { print $2 }' "/proc/$up/status" 2>/dev/null || echo 0)
	done
	return 1
}

# A name that ends in the id of a live process belongs to a run beside this one.
is_owned() {
	local pid=${1##*[!0-9]}

	[ -n "$pid" ] && [ -d "/proc/$pid" ]
}

namespaces() {
	ip netns list 2>/dev/null | awk '{ print $1 }' | sort
}

settings() {
	local file

	for file in "$AUTOGROUP" /sys/kernel/mm/hugepages/*/nr_hugepages \
		/sys/devices/system/node/node*/hugepages/*/nr_hugepages; do
		if [ -r "$file" ]; then
			echo "$file $(cat "$file")"
		fi
	done
}
