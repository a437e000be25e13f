# shellcheck shell=sh disable=SC2154,SC2034 # Variables are install.sh's.
# Images, and what has to be there before fans can reach the broker.

image() {
    ours | awk -v name="$1:" '$1 == name { found = 1 } found && $1 == "image:" { print $2; exit }'
}

wanted() {
    { echo "$helper" && ours | sed -n 's/^ *image: //p'; } | sort -u
}

# No call to containerd lasts longer than this, but for an image on its way.
asked() {
    timeout 60 ctr -n openfaas "$@"
}

images() {
    there=$(asked images ls -q)
    for wanted in $(wanted); do
        printf '%s\n' "$there" | grep -qxF "$wanted" || timeout 900 ctr -n openfaas images pull "$wanted" > /dev/null 2>&1 ||
            fail "the image $wanted is neither here nor could it be pulled within 15 minutes: import it (docs/faasd.md, Without the internet)."
    done
}

inside() {
    asked run "$@"
}

mount() {
    echo "type=bind,src=$1,dst=$2,options=rbind:${3:-ro}"
}

# The network of a container that runs; 1 where it does not.
network_of() {
    asked tasks ls | awk -v name="$1" '$1 == name && $3 == "RUNNING" { print "network:/proc/" $2 "/ns/net"; found = 1 }
        END { exit !found }'
}

# Before fans can reach the broker: the sessions in which it keeps what nobody has taken yet, and the database without
# which Telegraf's first points would be refused. Both are made inside a network of their own; a session that is wanted
# only now, as after a change of the connector, in the broker that runs: two would write the same file.
prepare() {
    wanted=''
    for user in $sessions; do
        [ -e "$own/data/prepared-$user" ] || wanted="$wanted $user"
    done
    [ -n "$wanted" ] || [ ! -e "$own/data/prepared-database" ] || return 0
    echo "Making the broker's sessions and the database ..."
    trap tidy EXIT
    tidy
    # ctr knows no users (before 1.7), so these run as their images say: as root, or as 10001, who may read copies.
    (umask 077 && mkdir -p "$own/prepare")
    network=$(network_of mosquitto) || start_broker
    for user in $wanted; do
        cp -R "$own/secrets/services/$user" "$own/prepare/$user"
        owned 10001 "$own/prepare/$user"
        attempt "python -m local.sessions --of $user" --mount "$(mount "$own/prepare/$user" /run/secrets)" \
            --env FANWATCH_BROKER_HOST=127.0.0.1 --env FANWATCH_BROKER_PORT=8884 --env FANWATCH_BROKER_USER="$user" \
            --env FANWATCH_BROKER_PASSWORD_FILE=/run/secrets/password --env FANWATCH_BROKER_CA_FILE=/run/secrets/ca.crt ||
            fail "the sessions of $user could not be made: $said"
    done
    [ -e "$own/data/prepared-database" ] || network_of influxdb > /dev/null || make_database
    tidy
    trap - EXIT
    owned 1000 "$own/data/influxdb"
    owned 1883 "$own/data/mosquitto"
    [ -n "$(network_of mosquitto)" ] || [ -e "$own/data/mosquitto/mosquitto.db" ] ||
        fail "the broker did not keep its sessions in $own/data/mosquitto."
    for done in $wanted database; do
        : > "$own/data/prepared-$done"
    done
}

start_broker() {
    cp -R "$own/config/mosquitto" "$own/prepare/mosquitto"
    echo "user root" > "$own/prepare/mosquitto/conf.d/prepare.conf"
    inside -d --mount "$(mount "$own/prepare/mosquitto" /mosquitto/config)" \
        --mount "$(mount "$own/secrets/mosquitto" /mosquitto/secrets)" \
        --mount "$(mount "$own/data/mosquitto" /mosquitto/data rw)" \
        "$(image mosquitto)" fanwatch-broker mosquitto -c /mosquitto/config/mosquitto.conf
    network=$(network_of fanwatch-broker) || fail "the broker did not start: run this again."
}

make_database() {
    # The chosen retention, before the rollup takes it from there on.
    kept=$(setting rollup FANWATCH_RAW_RETENTION) || kept=30d
    inside -d --with-ns "$network" --env INFLUXDB_HTTP_BIND_ADDRESS=:8086 \
        --mount "$(mount "$own/config/influxdb" /etc/influxdb)" \
        --mount "$(mount "$own/data/influxdb" /var/lib/influxdb rw)" \
        "$(image influxdb)" fanwatch-store influxd -config /etc/influxdb/influxdb.conf
    attempt "python -m history setup" --mount "$(mount "$own/config/influxdb" /etc/influxdb)" \
        --env FANWATCH_INFLUX_URL=http://127.0.0.1:8086 --env FANWATCH_POLICIES=/etc/influxdb/policies.yaml \
        --env FANWATCH_RAW_RETENTION="$kept" || fail "the database could not be made: $said"
}

# The broker writes its sessions as it ends.
tidy() {
    quit fanwatch-store
    quit fanwatch-broker
    rm -rf "$own/prepare"
}

# Tries a command of the connector's image until it works, for half a minute; `said` is what it printed.
attempt() {
    words=$1
    shift
    tries=0
    # shellcheck disable=SC2086 # A command is words.
    until said=$(inside --rm --with-ns "$network" "$@" "$helper" fanwatch-once $words 2>&1); do
        tries=$((tries + 1))
        [ "$tries" -lt 30 ] || return 1
        sleep 1
    done
}

quit() {
    asked tasks kill "$1" > /dev/null 2>&1 || true
    tries=0
    while asked tasks ls 2>/dev/null | grep -q "^$1 .*RUNNING" && [ "$tries" -lt 20 ]; do
        tries=$((tries + 1))
        sleep 0.5
    done
    asked tasks delete --force "$1" > /dev/null 2>&1 || true
    asked containers delete "$1" > /dev/null 2>&1 || true
}
