#!/bin/sh
# alerts.sh FILE COMMAND...: runs it with the settings of a file that may be there, a line NAME=VALUE each. The value is
# taken as it stands: an address with & or a password with $ means nothing more than itself.
file=$1
shift
if [ -f "$file" ]; then
    number=0
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        name=${line%%=*}
        case $line in '' | '#'*) continue ;; esac
        case $name in
            "$line" | '' | [0-9]* | *[!A-Za-z0-9_]*)
                # Not the line itself: it may hold a password.
                echo "alerts.sh: line $number of $file is left out: write NAME=VALUE, without blanks before the =" >&2
                ;;
            *) export "$name=${line#*=}" ;;
        esac
    done < "$file"
fi
exec "$@"
