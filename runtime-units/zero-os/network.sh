#!/bin/sh
# The network, by whatever DHCP client the image has.
#   network up      stays: asks for addresses on every card and keeps them
#   network ready   0 once there is a default route and a name server

say() {
    echo "network: $*"
}

cards() {
    for card in /sys/class/net/*; do
        # Real cards have a device behind them; bridges, tunnels and lo do not.
        [ -e "$card/device" ] && echo "${card##*/}"
    done
}

case $1 in
    up)
        tries=30
        until [ -n "$(cards)" ] || [ "$tries" -eq 0 ]; do
            tries=$((tries - 1))
            sleep 1
        done
        for card in $(cards); do
            ip link set "$card" up 2>/dev/null || ifconfig "$card" up
        done
        if command -v dhcpcd >/dev/null; then
            exec dhcpcd -B
        elif command -v udhcpc >/dev/null; then
            [ -n "$(cards)" ] || say "no network card after 30 s"
            for card in $(cards); do
                udhcpc -f -i "$card" -S -s /usr/libexec/zosc/udhcpc -t 5 -A 3 &
            done
            wait
        else
            say "neither dhcpcd nor udhcpc in this image: nothing to ask for an address with"
        fi
        while :; do sleep 86400; done
        ;;
    ready)
        command -v dhcpcd >/dev/null || command -v udhcpc >/dev/null || exit 0
        # Destination 00000000 with mask 00000000.
        awk 'NR > 1 && $2 == "00000000" && $8 == "00000000" { found = 1 } END { exit !found }' /proc/net/route &&
            grep -q '^nameserver' /etc/resolv.conf
        ;;
    *)
        echo "usage: network up|ready" >&2
        exit 2
        ;;
esac
