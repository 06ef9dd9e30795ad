# The whole life of one throwaway PostgreSQL: made, started, and, as soon as standard input ends, stopped and removed.
# Standard input is a pipe that only xtask holds, so it ends when xtask does, whatever ended it: SIGKILL included.
# Usage: sh supervise.sh BIN DIRECTORY, with DIRECTORY empty but for `settings`; prints `ready` when it takes connections.
set -eu
bin=$1 directory=$2

finish() {
    trap '' HUP INT TERM
    if [ -f "$directory/data/postmaster.pid" ]; then
        "$bin/pg_ctl" -D "$directory/data" -m immediate -w -t 20 stop >/dev/null 2>&1 || :
    fi
    # The directory itself may lie where we may not remove it; nothing of ours stays in it.
    rm -rf "$directory/data" "$directory/settings" "$directory/server.log"
    rmdir "$directory" 2>/dev/null || :
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE

timeout 120 "$bin/initdb" -D "$directory/data" -U postgres -E UTF8 --locale=C.UTF-8 --auth=trust --no-sync \
    --no-instructions </dev/null >"$directory/server.log" 2>&1 || { cat "$directory/server.log" >&2; exit 1; }
cat "$directory/settings" >>"$directory/data/postgresql.conf"
"$bin/pg_ctl" -D "$directory/data" -l "$directory/server.log" -w -t 60 start </dev/null >/dev/null 2>&1 ||
    { tail -n 20 "$directory/server.log" >&2; exit 1; }
echo ready
read -r _ || :
