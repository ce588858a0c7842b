#!/bin/sh
# What udhcpc calls when something about an address changes. It passes $interface, $ip, $mask, $router, $dns, $domain.
# shellcheck disable=SC2154

case $1 in
    deconfig)
        ip addr flush dev "$interface"
        ip link set "$interface" up
        ;;
    bound | renew)
        ip addr flush dev "$interface"
        ip addr add "$ip/${mask:-24}" dev "$interface"
        ip route del default dev "$interface" 2>/dev/null
        for gateway in $router; do
            ip route add default via "$gateway" dev "$interface" && break
        done
        {
            [ -n "$domain" ] && echo "search $domain"
            for server in $dns; do
                echo "nameserver $server"
            done
        } >/etc/resolv.conf.new
        mv /etc/resolv.conf.new /etc/resolv.conf
        echo "network: $interface has $ip/${mask:-24}"
        ;;
    leasefail | nak)
        echo "network: no address for $interface yet"
        ;;
esac
