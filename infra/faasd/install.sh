#!/bin/sh
# Installs or updates Fanwatch's services on a machine that runs faasd; the functions follow by faas-cli (docs/faasd.md).
# Safe to run again, also after a run that ended halfway: what is there stays, secrets are made once, and what has changed
# is applied. It remembers its options in /var/lib/faasd/fanwatch/options: later runs need only what is to change.
#
#   infra/faasd/install.sh [--check | --images] [--host NAME]... [--connector ours|stock] [--lite | --tensorflow]
#                          [--without SERVICE | --with SERVICE]... [--open-gateway]
#   infra/faasd/install.sh --remove [--data]
#
# --check         only look whether all is there, and list the images
# --images        only list the images, on any machine
# --host          name or address under which fans reach the broker, needed the first time: it goes into its certificate
# --connector     ours, at least once (the default), or stock, OpenFaaS's own; never both
# --lite          infer-fan-lite decides;  --tensorflow  infer-fan does (the default)
# --without       leave a service out: grafana, console, model-store, cron-connector, rollup;  --with  have it again
# --open-gateway  put up with a gateway that everybody on the network may call
# --remove        take the services out of faasd; readings, history, secrets and options stay, unless --data
# REGISTRY        where Fanwatch's images lie, instead of docker.io/fanwatch;  TAG  their tag, instead of 0.1.0
# ROOT            a directory in place of /, to try it out
# shellcheck disable=SC2034,SC2154 # The files below install/ share its variables.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
infra=$here/..
faasd=${ROOT:-}/var/lib/faasd
own=$faasd/fanwatch
restart=$own/restart-needed
compose=$faasd/docker-compose.yaml
units=${ROOT:-}/etc/systemd/system
stack=$infra/../stack.yml
stock=$infra/../connectors/openfaas/faasd.yaml
begin='# >>> fanwatch: written by infra/faasd/install.sh'
end='# <<< fanwatch'
for part in options services sessions; do
    # shellcheck source=/dev/null
    . "$here/install/$part.sh"
done

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

arguments() {
    check='' list='' remove='' data='' hosts='' without=' ' with=' ' connector='' infer='' open=''
    while [ $# -gt 0 ]; do
        case $1 in
            --check) check=yes ;;
            --images) list=yes ;;
            --remove) remove=yes ;;
            --data) data=yes ;;
            --lite) infer='infer-fan-lite' ;;
            --tensorflow) infer='infer-fan' ;;
            --open-gateway) open=yes ;;
            --host | --connector | --without | --with)
                [ $# -gt 1 ] || fail "$1 takes a value."
                case $1 in
                    --host) hosts="$hosts --host $2" ;;
                    --connector) connector=$2 ;;
                    --without) without="$without$2 " ;;
                    --with) with="$with$2 " ;;
                esac
                shift
                ;;
            *) fail "there is no option $1; see the first lines of $0." ;;
        esac
        shift
    done
    for service in $without $with; do
        case $service in
            grafana | console | model-store | cron-connector | rollup) ;;
            *) fail "$service: only grafana, console, model-store, cron-connector and rollup can be left out, and had again." ;;
        esac
    done
    recall
    helper=$registry/connector:$tag
    case $connector in
        ours) fragment=$here/connector.yaml sessions="connector telegraf" ;;
        # A session of ours would only queue what nobody ever takes.
        stock) fragment=$stock sessions=telegraf ;;
        *) fail "--connector is ours or stock, not '$connector'." ;;
    esac
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
    for tool in awk sed ss base64 timeout; do
        command -v "$tool" >/dev/null || lack "$tool is missing: install it with the system's packages (ss is in iproute2)."
    done
    command -v systemctl >/dev/null || lack "systemctl is missing: faasd is looked after by systemd."
    if command -v ctr >/dev/null; then
        timeout 10 ctr version >/dev/null 2>&1 || lack "containerd does not answer: systemctl start containerd."
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
            lack "the fanwatch command is missing, which makes certificates: run 'make .venv/.run' in the checkout."
        [ -e "$own/secrets/ca" ] || [ -n "$hosts" ] ||
            lack "--host is missing: the name or address of this machine under which fans reach the broker."
        if [ -f "$compose" ]; then
            conflicts
            [ -n "$open" ] || ! gateway_is_open ||
                lack "whoever reaches port 8080 can call functions, without a password: in $compose write" \
                    "127.0.0.1:8080:8080 for 8080:8080 and restart faasd, or put up with it: --open-gateway."
        fi
        [ ! -f "$own/site/settings" ] || wrong_settings
    fi
    [ -z "$missing" ] || exit 1
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

# Into `config`; a file of the same name below `site/config` is the operator's, and comes first.
config() {
    chosen=$own/site/config/$2
    [ -f "$chosen" ] || chosen=$1
    copy "$chosen" "$own/config/$2"
}

owned() {
    [ "$(id -u)" != 0 ] || chown -R "$1:$1" "$2"
}

configure() {
    for script in keep.sh watch.sh alerts.sh; do
        copy "$here/$script" "$own/$script"
    done
    # Whoever runs the machine may have changed these two.
    [ -e "$own/site/settings" ] || copy "$here/site-settings" "$own/site/settings"
    [ -e "$own/config/mosquitto/conf.d/site.conf" ] || copy "$here/site.conf" "$own/config/mosquitto/conf.d/site.conf"
    config "$infra/mosquitto/mosquitto.conf" mosquitto/mosquitto.conf
    config "$infra/mosquitto/conf.d/common.conf" mosquitto/conf.d/common.conf
    for file in telegraf.conf metrics.conf influxdb.conf certificates.conf secrets.conf points.star parts.star; do
        config "$infra/telegraf/$file" "telegraf/$file"
    done
    for file in influxdb.conf policies.yaml; do
        config "$infra/influxdb/$file" "influxdb/$file"
    done
    for file in "$infra"/grafana/provisioning/*/*.yaml "$infra"/grafana/dashboards/*.json; do
        config "$file" "grafana/${file#"$infra"/grafana/}"
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
        echo "The broker has its certificate already; --host changes nothing. For one more name:" \
            "$fanwatch certs rotate --dir $own/secrets --host NAME, and this again (docs/security.md)."
    fi
    new=
    for user in connector score-fan forecast-fan telegraf console operator; do
        [ -e "$own/secrets/services/$user" ] || new="$new $user"
    done
    # shellcheck disable=SC2086 # Each user is a word.
    [ -z "$new" ] || "$fanwatch" users add --dir "$own/secrets" $new > /dev/null
    # What a role may do is this release's.
    "$fanwatch" users refresh --dir "$own/secrets" > /dev/null
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
    rm -rf "$own/config" "$own/keep.sh" "$own/watch.sh" "$own/alerts.sh" "$own/faas-cli.env"
    [ ! -e "$restart" ] || restart_faasd
    if [ -n "$data" ]; then
        rm -rf "$own"
        echo "Removed, with all data and secrets. The functions are faas-cli's: faas-cli remove -f stack.yml"
    else
        echo "Removed. Data, secrets and what was chosen are still in $own; --remove --data removes them."
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
remember
write_exports
configure
secrets
prepare
merge
schedule
if [ -e "$restart" ]; then
    restart_faasd
    echo "Installed."
else
    asked tasks kill --signal SIGHUP mosquitto > /dev/null 2>&1 || true
    echo "Nothing has changed. The broker has read its users and certificates again."
fi
echo "The functions, and whatever concerns them in $own/site/settings, follow by (docs/faasd.md):"
echo "    eval \"\$(sudo cat $own/faas-cli.env)\" && faas-cli up -f stack.yml --regex \"\$FUNCTIONS\""
