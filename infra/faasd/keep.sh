#!/bin/sh
# keep.sh COMMAND...: runs it, and once more a second after it has ended, until SIGTERM; passes SIGHUP on to it. faasd
# starts a service once: without this, one that ends, as some do while another one is away, would stay so.
child=

end() {
    trap '' TERM INT
    kill -TERM "$child" 2>/dev/null
    wait "$child"
    exit 0
}

trap end TERM INT
trap 'kill -HUP "$child" 2>/dev/null' HUP
while :; do
    "$@" &
    child=$!
    # A signal ends the wait, not the command.
    while wait "$child"; code=$?; kill -0 "$child" 2>/dev/null; do :; done
    echo "keep.sh: $1 ended with $code; it is started again" >&2
    sleep 1 &
    child=$!
    wait "$child"
done
