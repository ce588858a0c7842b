#!/bin/sh
# Kernel settings from /etc/sysctl.d and /etc/sysctl.conf. One that the kernel does not know is told and skipped.

for file in /etc/sysctl.d/*.conf /etc/sysctl.conf; do
    [ -r "$file" ] && sysctl -p "$file" >/dev/null
done
exit 0
