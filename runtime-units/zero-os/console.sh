#!/bin/sh
# A login on each console that the kernel uses. This shell leads the unit's process group and the getty is its child: a
# getty that leads the group itself cannot start the session it needs.

keep() { # terminal
    while :; do
        if command -v getty >/dev/null; then
            getty -L 0 "$1" vt100
        else
            agetty --keep-baud "$1" vt100
        fi
        sleep 1
    done
}

read -r terminals </sys/class/tty/console/active
for terminal in $terminals; do
    [ "$terminal" = tty0 ] && terminal=tty1
    [ -c "/dev/$terminal" ] && keep "$terminal" &
done
wait
