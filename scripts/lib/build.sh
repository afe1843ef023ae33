# shellcheck shell=bash
# Building from a script that may run under sudo. Sourced after say.sh.

# The top of the tree, from the script that sources this.
: "${root:?}"

# build PRESET [TARGET...]: configures where that was not done yet, then builds; prints the
# compiler's output on failure only. Ninja knows what changed, so a second build takes no time.
build() {
	local preset=$1 directory
	shift
	directory=$(build_directory "$preset")
	configure "$preset" || return
	say "build: preset $preset"
	if ! (cd "$root" && cmake --build --preset "$preset" -j "$(nproc)" ${1:+--target "$@"}) \
		>"$directory/build.log" 2>&1; then
		grep -v '^\[' "$directory/build.log" | tail -n 60 >&2
		say "build: preset $preset FAILED; the whole output is in $directory/build.log"
		return 1
	fi
	give_back "$directory"
}

configure() {
	local preset=$1 directory launcher=()
	directory=$(build_directory "$preset")
	[ ! -f "$directory/build.ninja" ] || return 0
	say "configure: preset $preset"
	if command -v ccache >/dev/null; then
		launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
	fi
	mkdir -p "$directory"
	if ! (cd "$root" && cmake --preset "$preset" "${launcher[@]}") \
		>"$directory/configure.log" 2>&1; then
		tail -n 40 "$directory/configure.log" >&2
		say "configure: preset $preset FAILED"
		return 1
	fi
}

build_directory() {
	case $1 in
	default) echo "$root/build" ;;
	*) echo "$root/build-$1" ;;
	esac
}

# Under sudo the tree belongs to an ordinary user, and so should what was built in it.
give_back() {
	if [ "$(id -u)" -eq 0 ] && [ "$(stat -c %u "$root")" -ne 0 ]; then
		chown -R --reference="$root" "$@"
	fi
}
