#!/bin/sh
# Flists: file trees of which the image has the list alone; the files come from a store when they are read.
#   rfs mount NAME [PLACE [LIST [STORE]]]   stays: mounts an flist and keeps it mounted
#   rfs ready NAME [PLACE [LIST [STORE]]]   0 once it is in its place and a file of it can be read, or where there is no flist
#
# `{kernel}` in PLACE and LIST stands for what `uname -r` prints. Without them: `modules` belongs at /lib/modules/{kernel} and `firmware`
# at /lib/firmware, and the list is /etc/rfs/NAME-{kernel}.fl, or else the first /etc/rfs/NAME-*.fl. STORE is where the content
# comes from, for people to read. Content is kept in $RFS_CACHE, /var/cache/rfs by default.
#
# An flist is mounted aside first. It comes over its place only once a file was read from the store, and if it lacks nothing
# that the image has in that place: mounting succeeds without a store, and would hide the drivers that the image brought.

name=$2
release=$(uname -r)

filled() {
    echo "$1" | sed "s|{kernel}|$release|g"
}

place=$3
case $name in
    modules) place=${3:-/lib/modules/$release} ;;
    firmware) place=${3:-/lib/firmware} ;;
esac
if [ -z "$name" ] || [ -z "$place" ]; then
    echo "usage: rfs mount|ready NAME [PLACE [LIST [STORE]]]" >&2
    exit 2
fi
place=$(filled "$place")
flist=$(filled "$4")
store=${5:-the store}
side=/run/rfs/$name
# Which file is read to see whether the store answers, below the flist's root.
note=/run/rfs/$name.known
cache=${RFS_CACHE:-/var/cache/rfs}
for candidate in "/etc/rfs/$name-$release.fl" "/etc/rfs/$name"-*.fl; do
    [ -n "$flist" ] || [ ! -r "$candidate" ] || flist=$candidate
done

# For the unit's log, and for whoever sits before the machine.
say() {
    echo "rfs-$name: $*"
    echo "rfs-$name: $*" >>/dev/console 2>/dev/null
}

# What is wrong is told once: a store can be away for weeks.
complain() {
    [ "$*" = "$told" ] || say "$*"
    told=$*
}

# Without links on the way, as /proc/mounts has it.
resolved() {
    folder=$(cd "${1%/*}/" 2>/dev/null && pwd -P)
    echo "${folder%/}/${1##*/}"
}

# Not `mountpoint`, which does not see a mount whose server has died.
is_mounted() {
    awk -v place="$1" '$2 == place { found = 1 } END { exit !found }' /proc/mounts
}

# One small file: that of modules is the one that modprobe needs. Looking for one reads the list alone.
choose() {
    if [ -s "$side/modules.dep" ]; then
        echo modules.dep
    else
        cd "$side" && find . -type f -size +0 | head -n 1
    fi
}

# Whether content comes: reads from that file, for a while.
answers() { # folder
    read -r known <"$note" && timeout 20 head -c 1 "$1/$known" >/dev/null 2>&1
}

# One that has ended is there until it is waited for.
is_running() {
    kill -0 "$1" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

# Waits until the flist is mounted aside; not longer than it takes a machine that is busy booting.
comes_up() {
    tries=60
    until is_mounted "$side"; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ] || ! is_running "$server"; then
            return 1
        fi
        sleep 0.5
    done
}

# The first file of the image's own that the flist does not have. Indexes of modules are each tree's own.
lacks() {
    [ -d "$place" ] || return 0
    (cd "$place" && find . -type f ! -name 'modules.*') | while read -r file; do
        if [ ! -e "$side/$file" ]; then
            echo "${file#./}"
            break
        fi
    done
}

cover() {
    missing=$(lacks)
    if [ -n "$missing" ]; then
        complain "$flist is not for this image: it lacks $missing, which the image has at $place"
        return 1
    fi
    mkdir -p "$place" && mount -o bind "$side" "$place"
}

# Undoes what an earlier start left, too: a killed server leaves its mount behind.
clear_away() {
    while is_mounted "$place" && umount -l "$place"; do :; done
    while is_mounted "$side" && umount -l "$side"; do :; done
    rm -f "$note"
}

# Whether a process that runs beside this one succeeds; unlike one in front, it lets a signal through.
succeeds() {
    "$@" &
    helper=$!
    wait "$helper"
}

serve() {
    mkdir -p "$side" "$cache"
    rfs mount -m "$flist" -c "$cache" "$side" &
    server=$!
    if ! comes_up; then
        complain "$flist cannot be mounted; what rfs says of it is in this unit's log"
    elif ! (choose >"$note") || ! succeeds answers "$side"; then
        complain "$store does not answer; until it does, the machine has what the image brought"
    elif cover; then
        pause=2
        told=
        say "$flist is at $place"
        wait "$server"
        complain "rfs has ended, so $place is as the image brought it; mounting it again"
    fi
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
    clear_away
}

stop() {
    clear_away
    for process in $server $helper; do
        kill "$process" 2>/dev/null
    done
    exit 0
}

case $1 in
    mount)
        if [ ! -r "$flist" ]; then
            say "there is no ${flist:-/etc/rfs/$name-*.fl}: nothing to mount"
            while :; do sleep 86400; done
        fi
        mkdir -p "${place%/*}/"
        place=$(resolved "$place")
        server=
        helper=
        told=
        trap stop TERM INT
        [ -c /dev/fuse ] || modprobe -q fuse
        clear_away
        pause=2
        while :; do
            serve
            succeeds sleep "$pause"
            [ "$pause" -ge 60 ] || pause=$((pause * 2))
        done
        ;;
    ready)
        [ -r "$flist" ] || exit 0
        [ -s "$note" ] && is_mounted "$(resolved "$place")" && answers "$place"
        ;;
    *)
        echo "usage: rfs mount|ready NAME [PLACE [LIST [STORE]]]" >&2
        exit 2
        ;;
esac
