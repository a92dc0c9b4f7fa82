#!/bin/sh
# fill.sh FOLDER FILE… -- COMMAND…: copies files from /opt/compose into a folder, with the address of a host of the same
# network where they say @HOST@ and our own name where they say @NODE@; then becomes the command. Files have to name
# addresses where DNS itself begins: in a zone, in glue, and for what is steered.
set -eu
folder=$1
shift
mkdir -p "$folder"
while [ "$1" != -- ]; do
    script="s/@NODE@/${NODE-}/g"
    for host in $(grep -o '@[a-z][a-z0-9.-]*@' "/opt/compose/$1" | sort -u | tr -d @); do
        # It may start after us.
        until address=$(getent ahostsv4 "$host"); do
            echo "fill.sh: $host has no address yet" >&2
            sleep 1
        done
        script="$script;s/@$host@/${address%% *}/g"
    done
    sed "$script" "/opt/compose/$1" >"$folder/$(basename "$1")"
    shift
done
shift
exec "$@"
