#!/bin/sh
# Installs or updates Fanwatch's own parts on a K3s cluster; OpenFaaS and the functions follow (docs/k3s.md).
# Safe to run again: what is there stays, secrets are made once, and what has changed is applied.
#
#   infra/k3s/install.sh [--check] [--host NAME]... OVERLAY
#   infra/k3s/install.sh --images | --publish
#
# --check     only look whether all is there and would be taken, and make missing secrets
# --publish   only start the pod through which models go into the store (docs/k3s.md, "A model by the store")
# --images    only list the images of our own parts, on any machine
# --host      name or address under which fans reach the broker, needed the first time: it goes into its certificate
# REGISTRY    where the images lie, instead of `fanwatch`;  TAG  their tag, instead of 0.1.0
set -eu
here=$(cd "$(dirname "$0")" && pwd)
files=$here/secrets/files
class=
driver=

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

overlays() {
    for path in "$here"/overlays/*; do
        echo "${path##*/}"
    done | paste -s -d ' ' - | sed 's/ /, /g'
}

arguments() {
    check=
    hosts=
    overlay=
    while [ $# -gt 0 ]; do
        case $1 in
            --check) check=yes ;;
            --images)
                images
                exit 0
                ;;
            --publish)
                publish
                exit 0
                ;;
            --host)
                [ $# -gt 1 ] || fail "--host takes a name or an address."
                hosts="$hosts --host $2"
                shift
                ;;
            -*) fail "there is no option $1; there are --check, --images, --publish and --host NAME." ;;
            *)
                [ -z "$overlay" ] || fail "one overlay at a time: there are $(overlays)."
                overlay=$1
                ;;
        esac
        shift
    done
    case $overlay in
        '') fail "which overlay? There are $(overlays)." ;;
        */* | .*) fail "there is no overlay '$overlay'. There are $(overlays)." ;;
    esac
    [ -f "$here/overlays/$overlay/kustomization.yaml" ] || fail "there is no overlay '$overlay'. There are $(overlays)."
}

cluster() {
    command -v kubectl >/dev/null || fail "kubectl is missing. K3s brings it along: run this on a server, or install it."
    kubectl --request-timeout=10s get --raw /readyz >/dev/null 2>&1 ||
        fail "the cluster does not answer. Is KUBECONFIG right? On a K3s server it is /etc/rancher/k3s/k3s.yaml."
    case $overlay in
        local-path*) class=local-path ;;
        portworx*) driver=pxd.portworx.com ;;
    esac
    [ -z "$class" ] || there storageclass "$class" ||
        fail "the cluster has no StorageClass $class. Start K3s without --disable=local-storage, or use another overlay."
    [ -z "$driver" ] || there csidriver "$driver" ||
        fail "the cluster has no CSI driver $driver. Install Portworx with CSI first, or use an overlay of local-path."
    case $overlay in
        *-calico)
            kubectl --request-timeout=10s api-resources --api-group=projectcalico.org -o name 2>/dev/null |
                grep -q '^globalnetworkpolicies' ||
                fail "the cluster does not know projectcalico.org. Install Calico with its API server, or use overlay ${overlay%-calico}."
            ;;
    esac
}

# Under the images' names here: what faas-cli does for the functions, with the same two variables.
named() {
    sed "s|image: fanwatch/\([a-z-]*\):0.1.0|image: ${REGISTRY:-fanwatch}/\1:${TAG:-0.1.0}|"
}

# The same in every overlay.
images() {
    cat "$here"/base/*.yaml | named | sed -n 's/^ *image: //p' | sort -u
}

publish() {
    overlay=
    cluster
    named < "$here/publish.yaml" | kubectl --request-timeout=30s apply -f -
    kubectl -n fanwatch wait --for=condition=Ready --timeout=120s pod/publish
}

there() {
    kubectl --request-timeout=10s get "$1" "$2" >/dev/null 2>&1
}

fanwatch() {
    if [ -x "$here/../../.venv/bin/fanwatch" ]; then
        "$here/../../.venv/bin/fanwatch" "$@"
    elif command -v fanwatch >/dev/null; then
        command fanwatch "$@"
    else
        fail "the fanwatch command is missing, which makes certificates: run 'make .venv/.run' in the checkout."
    fi
}

# A file with a password, unless it is there.
password() {
    [ -s "$files/$1" ] && return
    mkdir -p "$(dirname "$files/$1")"
    head -c 24 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_' > "$files/$1"
}

secrets() {
    umask 077
    if [ ! -e "$files/ca" ]; then
        [ -n "$hosts" ] || fail "--host is missing: the name or address under which fans reach the broker."
        # shellcheck disable=SC2086 # Each host is a word.
        fanwatch certs init --dir "$files" $hosts > /dev/null
        echo "Made the broker's certificates and users in $files. Keep a copy of this folder in a safe place: the" \
            "CA's keys are only there."
    elif [ -n "$hosts" ]; then
        echo "The broker has its certificate already; --host changes nothing. For one more name:" \
            "fanwatch certs rotate --dir $files --host NAME, and this again (docs/security.md)."
    fi
    for user in connector score-fan forecast-fan telegraf console operator; do
        [ -e "$files/services/$user" ] || fanwatch users add --dir "$files" "$user" > /dev/null
    done
    # What a role may do is this release's.
    fanwatch users refresh --dir "$files" > /dev/null
    # shellcheck disable=SC2086 # Each host is a word.
    [ -e "$files/services/console/page.crt" ] || fanwatch certs page --dir "$files" $hosts > /dev/null
    # Nobody may log in until `fanwatch console users add` says who.
    [ -e "$files/services/console/logins" ] || : > "$files/services/console/logins"
    password openfaas/basic-auth-password
    [ -s "$files/openfaas/basic-auth-user" ] || printf admin > "$files/openfaas/basic-auth-user"
    password grafana/admin-password
    missing=
    # shellcheck disable=SC2013 # Its lines are words.
    for file in $(sed -n 's/^ *- \(.*=\)\{0,1\}\(files\/.*\)$/\2/p' "$here/secrets/kustomization.yaml"); do
        # Without devices, their list is there and empty.
        [ -e "$here/secrets/$file" ] || missing="$missing infra/k3s/secrets/$file"
    done
    [ -z "$missing" ] || fail "these secrets are missing:$missing. Put them back, or move infra/k3s/secrets/files away to make all anew."
}

render() {
    queued=$(sed -n 's/^max_queued_bytes //p' "$here/base/site.conf")
    [ "$queued" = "$(sed -n 's/^FANWATCH_BROKER_QUEUED_BYTES=//p' "$here/base/site.env")" ] ||
        fail "FANWATCH_BROKER_QUEUED_BYTES in base/site.env is not what base/site.conf says, $queued: an alert would be wrong."
    if command -v kustomize >/dev/null; then
        kustomize build "$here/overlays/$overlay"
    else
        kubectl kustomize "$here/overlays/$overlay"
    fi > "$rendered.own" 2> "$rendered.log" || fail "the overlay does not render: $(head -n 1 "$rendered.log")"
    named < "$rendered.own" > "$rendered"
}

# On the server: the dashboards are larger than what an annotation may hold.
apply() {
    kubectl apply --request-timeout=60s --server-side --field-manager=fanwatch "$@" -f "$rendered"
}

# The cluster is asked first, which changes nothing: halfway is where nobody wants to be.
accepted() {
    if apply --dry-run=server > /dev/null 2> "$rendered.log"; then
        return
    fi
    # Namespaces that are not there yet are made by the apply itself.
    sed -i -e '/^Warning: /d' -e '/(NotFound): namespaces "[a-z-]*" not found$/d' "$rendered.log"
    [ -s "$rendered.log" ] || return 0
    why=
    if grep -qE '(PersistentVolumeClaim|StatefulSet).* is invalid' "$rendered.log"; then
        class=$(kubectl --request-timeout=10s -n fanwatch get pvc grafana -o 'jsonpath={.spec.storageClassName}')
        why="Volumes keep the class they were made with, here $class: use an overlay that has it."
    elif grep -q '^Apply failed with .* conflict' "$rendered.log"; then
        why="Somebody changed that by hand: undo it, or put it into an overlay of your own."
    fi
    fail "the cluster refuses $overlay, so nothing was changed." \
        "$(sed -n '1s/^Error from server ([A-Za-z]*): //;1s/[.:]*$/./p' "$rendered.log") $why"
}

arguments "$@"
cluster
secrets
rendered=$(mktemp)
trap 'rm -f "$rendered" "$rendered.own" "$rendered.log"' EXIT
render
accepted
if [ -n "$check" ]; then
    echo "All is there, $overlay renders, and the cluster would take it. Without --check it is applied."
    exit 0
fi
apply
# What the command says after a change there.
echo "run '${REGISTRY:+REGISTRY=$REGISTRY }${TAG:+TAG=$TAG }infra/k3s/install.sh $overlay' again. It takes the change to" \
    "the cluster, where it is read within two minutes, without a restart." > "$files/next"
echo "Next: OpenFaaS's chart with infra/k3s/openfaas-values.yaml, then faas-cli up, as docs/k3s.md says."
