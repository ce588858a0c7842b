#!/bin/sh
# Devices, by whatever manager the image has.
#   devices manager    stays: udev, else mdev, else nothing
#   devices udevd      stays: udev, and an error where the image has none
#   devices ready      0 once udev takes requests
#   devices coldplug   ends once the devices that are there already have been handled

first_of() {
    for candidate; do
        if [ -x "$candidate" ]; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

udevd=$(first_of /sbin/udevd /usr/sbin/udevd /lib/systemd/systemd-udevd /usr/lib/systemd/systemd-udevd)
mdev=$(command -v mdev)

# Without udev nobody asks the kernel which drivers the hardware wants.
load_drivers() {
    command -v modprobe >/dev/null || return 0
    find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u | while read -r alias; do
        modprobe -q "$alias" 2>/dev/null
    done
}

case $1 in
    manager)
        if [ -n "$udevd" ]; then
            exec "$udevd"
        elif [ -n "$mdev" ]; then
            exec "$mdev" -df
        fi
        # The kernel's own devtmpfs makes the nodes; there is nothing to run.
        while :; do sleep 86400; done
        ;;
    udevd)
        if [ -z "$udevd" ]; then
            echo "devices: no udevd in this image: install eudev" >&2
            exit 1
        fi
        exec "$udevd"
        ;;
    ready)
        [ -S /run/udev/control ]
        exit
        ;;
    coldplug)
        if [ -n "$udevd" ]; then
            tries=50
            # Not `udevadm control --ping`: eudev's does not know it.
            until [ -S /run/udev/control ] || [ "$tries" -eq 0 ]; do
                tries=$((tries - 1))
                sleep 0.2
            done
            udevadm trigger --type=subsystems --action=add
            udevadm trigger --type=devices --action=add
            udevadm settle --timeout=30 || echo "devices: not settled after 30 s, going on"
        else
            [ -n "$mdev" ] && "$mdev" -s
            load_drivers
        fi
        ;;
    *)
        echo "usage: devices manager|udevd|ready|coldplug" >&2
        exit 2
        ;;
esac
exit 0
