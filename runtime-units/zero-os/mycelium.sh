#!/bin/sh
# The overlay network. The key is the machine's address in it, so it is made once and kept; one that is to outlive a restart
# needs a disk at /var/lib/mycelium. Without peers it finds those on the same network.

key=/var/lib/mycelium/key
mkdir -p "${key%/*}"
chmod 0700 "${key%/*}"
[ -c /dev/net/tun ] || modprobe -q tun

set --
if [ -r /etc/mycelium/peers ]; then
    while read -r peer _; do
        case $peer in
            '' | '#'*) ;;
            *) set -- "$@" "$peer" ;;
        esac
    done </etc/mycelium/peers
fi
[ "$#" -eq 0 ] || set -- --peers "$@"
exec mycelium --key-file "$key" --tun-name mycelium "$@"
