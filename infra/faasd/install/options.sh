# shellcheck shell=sh disable=SC2154 # Variables are install.sh's.
# What was chosen for this machine, and where that stands, all of it in $own:
#   options         what install.sh was called with, for the runs after it
#   site/settings   what the operator wrote (site-settings says how)
#   faas-cli.env    both, for faas-cli; written anew by each run

# Options that were not given now are those of the runs before; what was never given is the release's own choice.
recall() {
    was_connector='' was_infer='' was_without='' was_open='' was_registry='' was_tag=''
    if [ -f "$own/options" ]; then
        while IFS='=' read -r name value; do
            case $name in
                connector) was_connector=$value ;;
                infer) was_infer=$value ;;
                without) was_without=$value ;;
                open-gateway) was_open=$value ;;
                registry) was_registry=$value ;;
                tag) was_tag=$value ;;
            esac
        done < "$own/options"
    fi
    chosen_connector=${connector:-$was_connector} chosen_infer=${infer:-$was_infer}
    chosen_registry=${REGISTRY:-$was_registry} chosen_tag=${TAG:-$was_tag}
    open=${open:-$was_open}
    for service in $was_without; do
        case "$with$without" in *" $service "*) ;; *) without="$without$service " ;; esac
    done
    connector=${chosen_connector:-ours} infer=${chosen_infer:-infer-fan}
    registry=${chosen_registry:-docker.io/fanwatch} tag=${chosen_tag:-0.1.0}
}

remember() {
    mkdir -p "$own"
    # An open gateway is allowed for as long as it is open.
    gateway_is_open || open=
    cat > "$own/options.new" <<OPTIONS
connector=$chosen_connector
infer=$chosen_infer
without=$without
open-gateway=$open
registry=$chosen_registry
tag=$chosen_tag
OPTIONS
    mv "$own/options.new" "$own/options"
}

# The operator's settings as lines WHERE NAME=VALUE.
settings() {
    [ ! -f "$own/site/settings" ] || sed 's/\r$//; /^ *#/d; /^ *$/d; s/^\([a-z-]*\)  */\1 /' "$own/site/settings"
}

# What cannot be meant lacks, a line each.
wrong_settings() {
    taken=$(sed -n 's/.*\${\([A-Z0-9_]*\):-.*/\1/p' "$stack" | sort -u | paste -s -d ' ' -)
    said=$(settings | awk -v services=" all functions $(every | sed -n 's/^  \([a-z-]*\):.*/\1/p' | paste -s -d ' ' -) " \
        -v taken=" $taken " -v file="$own/site/settings" '
        { name = $2; sub("=.*", "", name); where = $1; sub("=.*", "", where) }
        !/^[a-z-]+ [A-Za-z_][A-Za-z0-9_]*=/ { print file ": \"" where " " name "\" is no setting: write WHERE NAME=VALUE."; next }
        !index(services, " " $1 " ") { print file ": there is no \"" $1 "\"; there are" services "."; next }
        $1 != "functions" { next }
        name ~ /^(REGISTRY|TAG|FANWATCH_INFER_FUNCTION)$/ { print file ": " name " follows from the options of install.sh."; next }
        !index(taken, " " name " ") { print file ": functions take no " name "; stack.yml takes" taken "." }')
    while IFS= read -r line; do
        [ -z "$line" ] || lack "$line"
    done <<SAID
$said
SAID
}

# The value of a setting of one of our services; 1 where it has none.
setting() {
    settings | awk -v where="$1" -v name="$2" '
        ($1 == where || $1 == "all") && index($0, $1 " " name "=") == 1 {
            value = substr($0, length($1 " " name "=") + 1)
            if ($1 == where) { found = 2; kept = value } else if (found < 2) { found = 1; kept = value }
        }
        END { if (found) print kept; exit !found }'
}

exported() {
    printf "export %s='%s'\n" "$1" "$(printf '%s' "$2" | sed "s/'/'\\\\''/g")"
}

# What a shell has from before counts no more: all that stack.yml takes stands here, or is its default.
exports() {
    echo "# Written by infra/faasd/install.sh from its options and from $own/site/settings."
    echo "unset $(sed -n 's/.*\${\(FANWATCH_[A-Z0-9_]*\):-.*/\1/p' "$stack" | sort -u | paste -s -d ' ' -)"
    exported REGISTRY "$registry"
    exported TAG "$tag"
    exported FANWATCH_BROKER_HOST mosquitto
    exported FANWATCH_GATEWAY_URL http://gateway:8080
    exported FANWATCH_INFLUX_URL http://influxdb:8086
    exported FANWATCH_INFER_FUNCTION "$infer"
    # Half of a reading's way: docs/openfaas.md.
    exported FANWATCH_INFER_DIRECT 1
    for where in all functions; do
        settings | while IFS= read -r line; do
            rest=${line#* }
            [ "${line%% *}" != "$where" ] || exported "${rest%%=*}" "${rest#*=}"
        done
    done
    exported FUNCTIONS "^(score-fan|forecast-fan|$infer)\$"
}

write_exports() (
    umask 077
    exports > "$own/faas-cli.env.new"
    mv "$own/faas-cli.env.new" "$own/faas-cli.env"
)
