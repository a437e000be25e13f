# shellcheck shell=sh disable=SC2154,SC2034 # Variables are install.sh's.
# faasd's file of services: what others have there, and ours between two marked lines.

# The file of services without ours.
others() {
    sed "\\|^ *$begin|,\\|^ *$end|d" "${1:-$compose}"
}

# Whether everybody who reaches this machine reaches faasd's gateway.
gateway_is_open() {
    others | grep -Eq "^ *- *[\"']?(0\.0\.0\.0:)?8080:8080"
}

# All that there could be, both connectors.
every() {
    cat "$here/services.yaml" "$here/connector.yaml" "$stock"
}

# Ours, without those that were left out, under the chosen images' names, with the operator's settings. Telegraf looks
# at no page that is not there.
ours() {
    case $without in *' console '*) page='/TELEGRAF_PAGE_CERTIFICATE/d' ;; *) page='' ;; esac
    cat "$here/services.yaml" "$fragment" | awk -v without="$without" '
        /^  [a-z-]+:/ { name = $1; sub(":", "", name); skip = index(without, " " name " ") }
        /^  #/ { held = held $0 "\n"; next }
        { if (!skip) printf "%s%s\n", held, $0; held = "" }' |
        sed "s|image: fanwatch/\([a-z-]*\):0.1.0|image: $registry/\1:$tag|;
            s|FANWATCH_INFER_FUNCTION: infer-fan$|FANWATCH_INFER_FUNCTION: $infer|
            $page" | settled
}

# With the operator's settings in each service's environment, instead of ours of the same name. `environment` comes
# right before `volumes` in every service.
settled() {
    SETTINGS=$(settings) awk -v readers=" connector telegraf rollup console " '
        function put(name,   value) {
            value = wanted[name]
            gsub(/[\\"]/, "\\\\&", value)
            gsub(/[$]/, "$$", value)
            printf "      %s: \"%s\"\n", name, value
            delete wanted[name]
        }
        function want(where,   i, at, name) {
            for (i = 1; i <= count; i++) {
                if (index(lines[i], where " ") != 1) continue
                at = index(lines[i], "=")
                name = substr(lines[i], length(where) + 2, at - length(where) - 2)
                if (!(name in wanted)) order[++last] = name
                wanted[name] = substr(lines[i], at + 1)
            }
        }
        BEGIN { count = split(ENVIRON["SETTINGS"], lines, "\n") }
        /^  [a-z-]+:/ {
            service = $1; sub(":", "", service); last = 0; environment = ""
            for (name in wanted) delete wanted[name]
            if (index(readers, " " service " ")) want("all")
            want(service)
        }
        /^    environment:/ { environment = 1 }
        /^      [A-Za-z_0-9]+:/ { name = $1; sub(":", "", name); if (name in wanted) { put(name); next } }
        /^    volumes:/ {
            for (i = 1; i <= last; i++) {
                if (!(order[i] in wanted)) continue
                if (!environment) { print "    environment:"; environment = 1 }
                put(order[i])
            }
        }
        { print }'
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
