#!/bin/sh
# The right time, by whatever client the image has: chrony with its own configuration, if there is one; otherwise either of
# them with the lines `server NAME` of /etc/ntp.conf, and without any with pool.ntp.org.

servers=$(sed -nE 's/^[[:space:]]*(server|pool)[[:space:]]+([^[:space:]]+).*/\2/p' /etc/ntp.conf 2>/dev/null)
: "${servers:=pool.ntp.org}"

if command -v chronyd >/dev/null; then
    for file in /etc/chrony/chrony.conf /etc/chrony.conf; do
        [ -r "$file" ] && exec chronyd -d -f "$file"
    done
    # Without a file: each directive an argument. A clock far off jumps to the right time at first, and never later.
    set -- 'makestep 1 3' 'rtcsync'
    for server in $servers; do
        set -- "$@" "pool $server iburst"
    done
    exec chronyd -d "$@"
elif command -v ntpd >/dev/null; then
    set --
    for server in $servers; do
        set -- "$@" -p "$server"
    done
    exec ntpd -n "$@"
fi
echo "ntp: neither chronyd nor ntpd in this image" >&2
exit 1
