# shellcheck shell=bash
# What the scripts print: progress with the time since the start, and refusals. Sourced, never run.

say_start=$(date +%s)

say() {
	local seconds=$(($(date +%s) - say_start))

	printf '[%3d:%02d] %s\n' $((seconds / 60)) $((seconds % 60)) "$*"
}

# refuse MESSAGE...: the last words of a script that cannot do what it was asked.
refuse() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# The comment at the top of a script is its help: everything after the interpreter line, up to the
# first line that is no comment.
help_of() {
	sed -n '2,/^[^#]/{/^[^#]/d;s/^# \{0,1\}//;p}' "$1"
}
