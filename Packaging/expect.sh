# For the checks of a package, which read it with `.`: a root to install in, below a folder that goes when the
# check ends; expectations; and the server of what is installed. Without systemd there, it is started by hand as
# the package's user.
work=$(mktemp -d)
root=$work/root
server=''
place=''

finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    umount "$root/proc" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap finish EXIT
# The shell leaves EXIT out where a signal ends it.
trap 'exit 130' INT TERM

# expect NAME COMMAND...: what the command printed is in $work/said.
expect() {
    name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok      $name"
    else
        echo "FAILED  $name (status $?): $*" >&2
        sed 's/^/        /' "$work/said" >&2
        exit 1
    fi
}
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
shell() { inside sh -c "$1"; }
absent() { [ ! -e "$root/$1" ]; }

# Sets $server and $place, or leaves $place empty. On a port that nobody has: the kernel chooses, the log tells.
# Not by `inside`, whose shell would be what $! names.
start_server() {
    chroot "$root" env -i PATH=/usr/bin setpriv --reuid iovad --regid iovad --clear-groups --no-new-privs \
        iovad serve --listen 127.0.0.1:0 --log json >/dev/null 2>"$work/log" &
    server=$!
    for _ in $(seq 100); do
        place=$(sed -n 's/.* serves \(http:[0-9./:]*[0-9]\).*/\1/p' "$work/log" | head -n 1)
        [ -z "$place" ] || break
        sleep 0.1
    done
}
stop_server() {
    kill "$server"
    expect 'ends in good order' wait "$server"
    server=''
}
