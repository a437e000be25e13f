#!/bin/sh
# Installs or updates Fanwatch's services on a machine that runs faasd; the functions follow by faas-cli (docs/faasd.md).
# Safe to run again, also after a run that ended halfway: what is there stays, secrets are made once, and what has changed
# is applied.
#
#   infra/faasd/install.sh [--check | --images] [--host NAME]... [--connector ours|stock] [--lite] [--without SERVICE]...
#   infra/faasd/install.sh --remove [--data]
#
# --check      only look whether all is there, and list the images
# --images     only list the images, on any machine
# --host       name or address under which fans reach the broker; it goes into the broker's certificate
# --connector  ours, at least once (the default), or stock, OpenFaaS's own; never both
# --lite       infer-fan-lite decides, not infer-fan: Telegraf asks that one how it is
# --without    leave a service out: grafana, console, model-store, cron-connector, rollup
# --remove     take the services out of faasd; readings, history and secrets stay, unless --data
# REGISTRY     where Fanwatch's images lie, instead of docker.io/fanwatch;  TAG  their tag, instead of 0.1.0
# ROOT         a directory in place of /, to try it out
set -eu
here=$(cd "$(dirname "$0")" && pwd)
infra=$here/..
faasd=${ROOT:-}/var/lib/faasd
own=$faasd/fanwatch
restart=$own/restart-needed
compose=$faasd/docker-compose.yaml
units=${ROOT:-}/etc/systemd/system
helper=${REGISTRY:-docker.io/fanwatch}/connector:${TAG:-0.1.0}
begin='# >>> fanwatch: written by infra/faasd/install.sh'
end='# <<< fanwatch'

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

arguments() {
    check='' list='' remove='' data='' hosts='' without=' ' connector=ours infer=infer-fan
    while [ $# -gt 0 ]; do
        case $1 in
            --check) check=yes ;;
            --images) list=yes ;;
            --remove) remove=yes ;;
            --data) data=yes ;;
            --lite) infer='infer-fan-lite' ;;
            --host | --connector | --without)
                [ $# -gt 1 ] || fail "$1 takes a value."
                case $1 in
                    --host) hosts="$hosts --host $2" ;;
                    --connector) connector=$2 ;;
                    --without) without="$without$2 " ;;
                esac
                shift
                ;;
            *) fail "there is no option $1; see the first lines of $0." ;;
        esac
        shift
    done
    case $connector in
        ours) fragment=$here/connector.yaml sessions="connector telegraf" ;;
        # A session of ours would only queue what nobody ever takes.
        stock) fragment=$here/../../connectors/openfaas/faasd.yaml sessions=telegraf ;;
        *) fail "--connector is ours or stock, not '$connector'." ;;
    esac
    for service in $without; do
        case $service in
            grafana | console | model-store | cron-connector | rollup) ;;
            *) fail "--without $service: only grafana, console, model-store, cron-connector and rollup can be left out." ;;
        esac
    done
    [ -z "$data" ] || [ -n "$remove" ] || fail "--data goes with --remove."
}

# Everything that is missing, a line each, before anything is changed.
needs() {
    missing=''
    lack() {
        echo "install.sh: $*" >&2
        missing=yes
    }
    [ -n "${ROOT:-}" ] || [ "$(id -u)" = 0 ] || lack "only root can do this: run it with sudo."
    for tool in awk sed ss base64; do
        command -v "$tool" >/dev/null || lack "$tool is missing: install it with the system's packages (ss is in iproute2)."
    done
    command -v systemctl >/dev/null || lack "systemctl is missing: faasd is looked after by systemd."
    if command -v ctr >/dev/null; then
        ctr version >/dev/null 2>&1 || lack "containerd does not answer: systemctl start containerd."
    else
        lack "ctr is missing, which comes with containerd: install faasd first (docs/faasd.md)."
    fi
    if [ ! -f "$compose" ]; then
        lack "$compose is missing: install faasd first (docs/faasd.md)."
    elif ! grep -q '^services:' "$compose"; then
        lack "$compose has no line 'services:' to put services below."
    fi
    [ -s "$faasd/secrets/basic-auth-password" ] ||
        lack "$faasd/secrets/basic-auth-password is missing: start faasd once, which makes it."
    if [ -z "$remove" ]; then
        fanwatch=$here/../../.venv/bin/fanwatch
        [ -x "$fanwatch" ] || fanwatch=$(command -v fanwatch) ||
            lack "the fanwatch command is missing, which makes certificates: run 'make install' in the checkout."
        [ ! -f "$compose" ] || conflicts
    fi
    [ -z "$missing" ] || exit 1
}

# The file of services without ours.
others() {
    sed "\\|^ *$begin|,\\|^ *$end|d" "${1:-$compose}"
}

# Ours, without those that were left out, under the chosen images' names. Telegraf looks at no page that is not there.
ours() {
    case $without in *' console '*) page='/TELEGRAF_PAGE_CERTIFICATE/d' ;; *) page='' ;; esac
    cat "$here/services.yaml" "$fragment" | awk -v without="$without" '
        /^  [a-z-]+:/ { name = $1; sub(":", "", name); skip = index(without, " " name " ") }
        /^  #/ { held = held $0 "\n"; next }
        { if (!skip) printf "%s%s\n", held, $0; held = "" }' |
        sed "s|image: fanwatch/\([a-z-]*\):0.1.0|image: ${REGISTRY:-docker.io/fanwatch}/\1:${TAG:-0.1.0}|;
            s|FANWATCH_INFER_FUNCTION: infer-fan$|FANWATCH_INFER_FUNCTION: $infer|
            $page"
}

names() {
    ours | sed -n 's/^  \([a-z-]*\):.*/\1/p'
}

ports() {
    ours | sed -n 's/^ *- "\([0-9]*\):[0-9]*"$/\1/p'
}

conflicts() {
    for name in $(names); do
        if others | grep -q "^ *$name: *\$"; then
            lack "$compose has a service '$name' already, which Fanwatch would add: rename it."
        fi
    done
    for port in $(ports); do
        if others | grep -Eq "^ *- *[\"']?([0-9.]+:)?$port:[0-9]+"; then
            lack "another service in $compose has port $port already: give it another one."
        elif ! grep -q "$begin" "$compose" && ss -Hltn | grep -q "[:.]$port "; then
            lack "something listens on port $port already: stop it, or give it another port."
        fi
    done
}

# Under the line `services:`, as far in as the services that are there.
merge() {
    ours > "$compose.ours"
    others | awk -v ours="$compose.ours" -v begin="$begin" -v end="$end" '
        function put(   line) {
            printf "%s%s\n", pad, begin
            while ((getline line < ours) > 0) {
                sub("^  ", pad, line)
                print line
            }
            printf "%s%s\n", pad, end
            done = 1
        }
        wait && /^ *[^ #]/ { match($0, "^ *"); pad = RLENGTH ? substr($0, 1, RLENGTH) : "  "; wait = 0; put(); printf "%s", kept }
        wait { kept = kept $0 "\n"; next }
        { print }
        /^services:/ && !done { wait = 1 }
        END { if (wait) { pad = "  "; put(); printf "%s", kept } }' > "$compose.new"
    rm "$compose.ours"
    others > "$compose.others"
    others "$compose.new" | cmp -s - "$compose.others" || fail "$compose could not be read; it is as it was."
    rm "$compose.others"
    place "$compose.new" "$compose"
}

# Puts a file in the place of another one. Where it differs, faasd is to be restarted: that stands in a file, for a run
# that ends halfway leaves it to the next one.
place() {
    if cmp -s "$1" "$2"; then
        rm "$1"
    else
        [ ! -e "$2" ] || chmod "$(stat -c %a "$2")" "$1"
        mkdir -p "$own"
        : > "$restart"
        mv "$1" "$2"
    fi
}

restart_faasd() {
    systemctl restart faasd ||
        fail "faasd could not be restarted: see 'journalctl -u faasd', then run this again; what is left to do is known."
    rm -f "$restart"
}

reload_units() {
    systemctl daemon-reload ||
        fail "systemd could not read its units again (systemctl daemon-reload): see 'journalctl -b', then run this again."
}

copy() {
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.new"
    chmod "${3:-644}" "$2.new"
    place "$2.new" "$2"
}

owned() {
    [ "$(id -u)" != 0 ] || chown -R "$1:$1" "$2"
}

configure() {
    copy "$here/keep.sh" "$own/keep.sh"
    copy "$here/watch.sh" "$own/watch.sh"
    copy "$infra/mosquitto/mosquitto.conf" "$own/config/mosquitto/mosquitto.conf"
    copy "$infra/mosquitto/conf.d/common.conf" "$own/config/mosquitto/conf.d/common.conf"
    # Whoever runs the machine may have changed this one.
    [ -e "$own/config/mosquitto/conf.d/site.conf" ] || copy "$here/site.conf" "$own/config/mosquitto/conf.d/site.conf"
    for file in telegraf.conf metrics.conf influxdb.conf certificates.conf secrets.conf points.star parts.star; do
        copy "$infra/telegraf/$file" "$own/config/telegraf/$file"
    done
    copy "$infra/influxdb/influxdb.conf" "$own/config/influxdb/influxdb.conf"
    copy "$infra/influxdb/policies.yaml" "$own/config/influxdb/policies.yaml"
    for file in "$infra"/grafana/provisioning/*/*.yaml "$infra"/grafana/dashboards/*.json; do
        copy "$file" "$own/config/grafana/${file#"$infra"/grafana/}"
    done
    for part in mosquitto:1883 influxdb:1000 grafana:472 models:10001; do
        mkdir -p "$own/data/${part%:*}"
        owned "${part#*:}" "$own/data/${part%:*}"
    done
}

# Made once. A folder belongs to the container that reads it; the rest to root.
secrets() (
    umask 077
    mkdir -p "$own/secrets/grafana"
    if [ ! -e "$own/secrets/ca" ]; then
        # shellcheck disable=SC2086 # Each host is a word.
        "$fanwatch" certs init --dir "$own/secrets" $hosts > /dev/null
    elif [ -n "$hosts" ]; then
        echo "The broker has its certificate already; --host changes nothing. See docs/security.md."
    fi
    new=
    for user in connector score-fan forecast-fan telegraf console operator; do
        [ -e "$own/secrets/services/$user" ] || new="$new $user"
    done
    # shellcheck disable=SC2086 # Each user is a word.
    [ -z "$new" ] || "$fanwatch" users add --dir "$own/secrets" $new > /dev/null
    page=$own/secrets/services/console
    # shellcheck disable=SC2086 # Each host is a word.
    [ -e "$page/page.crt" ] || "$fanwatch" certs page --dir "$own/secrets" $hosts > /dev/null
    # Nobody may log in until `fanwatch console users add` says who.
    [ -e "$page/logins" ] || : > "$page/logins"
    password=$own/secrets/grafana/admin-password
    [ -s "$password" ] || head -c 24 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_' > "$password"
    chmod 711 "$own/secrets" "$own/secrets/services"
    owned 1883 "$own/secrets/mosquitto"
    for user in connector console operator; do
        owned 10001 "$own/secrets/services/$user"
    done
    owned 999 "$own/secrets/services/telegraf"
    owned 472 "$own/secrets/grafana"
)

image() {
    ours | awk -v name="$1:" '$1 == name { found = 1 } found && $1 == "image:" { print $2; exit }'
}

wanted() {
    { echo "$helper" && ours | sed -n 's/^ *image: //p'; } | sort -u
}

images() {
    there=$(ctr -n openfaas images ls -q)
    for wanted in $(wanted); do
        printf '%s\n' "$there" | grep -qxF "$wanted" || ctr -n openfaas images pull "$wanted" > /dev/null 2>&1 ||
            fail "the image $wanted is neither here nor can it be pulled: import it (docs/faasd.md, Without the internet)."
    done
}

inside() {
    ctr -n openfaas run "$@"
}

mount() {
    echo "type=bind,src=$1,dst=$2,options=rbind:${3:-ro}"
}

# Before fans can reach the broker: the sessions in which it keeps what nobody has taken yet, and the database without
# which Telegraf's first points would be refused. Both are made inside a network of their own.
prepare() {
    [ ! -e "$own/data/prepared" ] || return 0
    echo "Making the broker's sessions and the database ..."
    trap tidy EXIT
    tidy
    # ctr knows no users (before 1.7), so these run as their images say: as root, or as 10001, who may read copies.
    (umask 077 && mkdir -p "$own/prepare")
    cp -R "$own/config/mosquitto" "$own/prepare/mosquitto"
    echo "user root" > "$own/prepare/mosquitto/conf.d/prepare.conf"
    for user in connector telegraf; do
        cp -R "$own/secrets/services/$user" "$own/prepare/$user"
        owned 10001 "$own/prepare/$user"
    done
    inside -d --mount "$(mount "$own/prepare/mosquitto" /mosquitto/config)" \
        --mount "$(mount "$own/secrets/mosquitto" /mosquitto/secrets)" \
        --mount "$(mount "$own/data/mosquitto" /mosquitto/data rw)" \
        "$(image mosquitto)" fanwatch-broker mosquitto -c /mosquitto/config/mosquitto.conf
    network=network:/proc/$(ctr -n openfaas tasks ls | awk '$1 == "fanwatch-broker" { print $2 }')/ns/net
    inside -d --with-ns "$network" --env INFLUXDB_HTTP_BIND_ADDRESS=:8086 \
        --mount "$(mount "$own/config/influxdb" /etc/influxdb)" \
        --mount "$(mount "$own/data/influxdb" /var/lib/influxdb rw)" \
        "$(image influxdb)" fanwatch-store influxd -config /etc/influxdb/influxdb.conf
    for user in $sessions; do
        attempt "python -m local.sessions --of $user" --mount "$(mount "$own/prepare/$user" /run/secrets)" \
            --env FANWATCH_BROKER_HOST=127.0.0.1 --env FANWATCH_BROKER_PORT=8884 --env FANWATCH_BROKER_USER="$user" \
            --env FANWATCH_BROKER_PASSWORD_FILE=/run/secrets/password --env FANWATCH_BROKER_CA_FILE=/run/secrets/ca.crt ||
            fail "the sessions of $user could not be made: $said"
    done
    attempt "python -m history setup" --mount "$(mount "$own/config/influxdb" /etc/influxdb)" \
        --env FANWATCH_INFLUX_URL=http://127.0.0.1:8086 --env FANWATCH_POLICIES=/etc/influxdb/policies.yaml ||
        fail "the database could not be made: $said"
    tidy
    trap - EXIT
    owned 1000 "$own/data/influxdb"
    owned 1883 "$own/data/mosquitto"
    [ -e "$own/data/mosquitto/mosquitto.db" ] || fail "the broker did not keep its sessions in $own/data/mosquitto."
    : > "$own/data/prepared"
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
    ctr -n openfaas tasks kill "$1" > /dev/null 2>&1 || true
    tries=0
    while ctr -n openfaas tasks ls 2>/dev/null | grep -q "^$1 .*RUNNING" && [ "$tries" -lt 20 ]; do
        tries=$((tries + 1))
        sleep 0.5
    done
    ctr -n openfaas tasks delete --force "$1" > /dev/null 2>&1 || true
    ctr -n openfaas containers delete "$1" > /dev/null 2>&1 || true
}

schedule() {
    for unit in fanwatch-watch.service fanwatch-watch.timer; do
        copy "$here/$unit" "$units/$unit"
    done
    reload_units
    systemctl enable --now fanwatch-watch.timer > /dev/null 2>&1 ||
        fail "fanwatch-watch.timer could not be started: see 'systemctl status fanwatch-watch.timer', then run this again."
}

uninstall() {
    systemctl disable --now fanwatch-watch.timer > /dev/null 2>&1 || true
    rm -f "$units/fanwatch-watch.service" "$units/fanwatch-watch.timer"
    reload_units
    others > "$compose.new"
    place "$compose.new" "$compose"
    rm -rf "$own/config" "$own/keep.sh" "$own/watch.sh"
    [ ! -e "$restart" ] || restart_faasd
    if [ -n "$data" ]; then
        rm -rf "$own"
        echo "Removed, with all data and secrets. The functions are faas-cli's: faas-cli remove -f stack.yml"
    else
        echo "Removed. Data and secrets are still in $own; --remove --data removes them."
    fi
}

arguments "$@"
if [ -n "$list" ]; then
    wanted
    exit 0
fi
needs
if [ -n "$remove" ]; then
    uninstall
    exit 0
fi
if [ -n "$check" ]; then
    echo "All is there. Without --check it is installed, with these images:"
    wanted
    exit 0
fi
images
configure
secrets
prepare
merge
schedule
if [ -e "$restart" ]; then
    restart_faasd
    echo "Installed. Next: the functions, as docs/faasd.md says."
else
    ctr -n openfaas tasks kill --signal SIGHUP mosquitto > /dev/null 2>&1 || true
    echo "Nothing has changed. The broker has read its users and certificates again."
fi
if others | grep -Eq '^ *- *"?8080:8080'; then
    echo "Note: whoever reaches port 8080 can call functions. docs/faasd.md says how to keep it inside."
fi
