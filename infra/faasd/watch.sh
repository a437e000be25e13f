#!/bin/sh
# Has faasd started anew where a port that it passes on to Fanwatch is not listened on any more: it stops listening for
# good when a connection comes while the service behind it is being started. fanwatch-watch.timer runs this.
set -eu
compose=${ROOT:-}/var/lib/faasd/docker-compose.yaml
listening=$(ss -Hltn)
# shellcheck disable=SC2013 # Ports are words.
for port in $(sed -n '/^ *# >>> fanwatch/,/^ *# <<< fanwatch/s/^ *- "\([0-9.]*:\)\{0,1\}\([0-9]*\):[0-9]*"$/\2/p' "$compose"); do
    if ! printf '%s\n' "$listening" | grep -q "[:.]$port "; then
        echo "Nothing listens on port $port: faasd is restarted."
        exec systemctl restart faasd
    fi
done
