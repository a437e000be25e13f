#!/bin/sh
# Has faasd started anew where a port that it passes on to Fanwatch is not listened on any more: it stops listening for
# good when a connection comes while the service behind it is being started. fanwatch-watch.timer runs this.
#
# Addresses that nobody has any more are given back: faasd leaves one behind for each container that dies by itself, and
# reads through all of them at each call of a function. 170 of them cost more than everything else that it does.
set -eu
for file in "${ROOT:-}"/var/run/cni/openfaas-cni-bridge/[0-9]*; do
    [ -f "$file" ] || continue
    process=$(sed -n '1s/.*-\([0-9][0-9]*\)[^0-9]*$/\1/p' "$file")
    [ -z "$process" ] || [ -d "/proc/$process" ] || rm -f "$file"
done
compose=${ROOT:-}/var/lib/faasd/docker-compose.yaml
listening=$(ss -Hltn)
# shellcheck disable=SC2013 # Ports are words.
for port in $(sed -n '/^ *# >>> fanwatch/,/^ *# <<< fanwatch/s/^ *- "\([0-9.]*:\)\{0,1\}\([0-9]*\):[0-9]*"$/\2/p' "$compose"); do
    if ! printf '%s\n' "$listening" | grep -q "[:.]$port "; then
        echo "Nothing listens on port $port: faasd is restarted."
        exec systemctl restart faasd
    fi
done
