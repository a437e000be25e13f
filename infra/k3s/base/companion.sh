#!/bin/sh
# Beside the broker: makes the sessions in which it keeps what the connector and Telegraf have not taken yet, before
# the broker's service names it; then has the broker read its certificates, users and rights again when they change.
set -eu
proc=${COMPANION_PROC:-/proc}
secrets=${COMPANION_SECRETS:-/mosquitto/secrets}
passwords=${COMPANION_PASSWORDS:-/run/secrets}
ready=${COMPANION_READY:-/run/companion/ready}
pause=${COMPANION_PAUSE:-10}
# Whose sessions. One that nobody reads fills up and is dropped from: with the stock connector, Telegraf's alone.
sessions=${COMPANION_SESSIONS:-connector telegraf}

as() {
    user=$1
    shift
    FANWATCH_BROKER_USER=$user FANWATCH_BROKER_PASSWORD_FILE=$passwords/$user/password "$@"
}

brokers() {
    for process in "$proc"/[0-9]*; do
        if [ "$(cat "$process/comm" 2>/dev/null)" = mosquitto ]; then
            echo "${process##*/}"
        fi
    done
}

for of in $sessions; do
    until as "$of" python -m local.sessions --of "$of"; do
        sleep 1
    done
done
: > "$ready"

# Kubernetes replaces all files of a secret at once, by turning this link.
seen=$(readlink "$secrets/..data" || true)
while sleep "$pause"; do
    now=$(readlink "$secrets/..data" || true)
    if [ "$now" != "$seen" ]; then
        for broker in $(brokers); do
            echo "secrets have changed: SIGHUP to the broker"
            kill -HUP "$broker"
        done
        seen=$now
    fi
done
