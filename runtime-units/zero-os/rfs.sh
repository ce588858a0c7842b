#!/bin/sh
# Flists: file trees of which the image has the list alone; the files come from a store when they are read.
#   rfs mount NAME [PLACE [FLIST]]   stays: mounts an flist and keeps it mounted
#   rfs ready NAME [PLACE [FLIST]]   0 once it is in its place and a file of it can be read, or where there is no flist
#
# `modules` belongs at /lib/modules/RELEASE, RELEASE as `uname -r` prints it, and `firmware` at /lib/firmware. The flist is
# /etc/rfs/NAME-RELEASE.fl, or else the first /etc/rfs/NAME-*.fl. Content is kept in $RFS_CACHE, /var/cache/rfs by default.
#
# An flist is mounted aside first. It comes over its place only once a file was read from the store, and if it lacks nothing
# that the image has in that place: mounting succeeds without a store, and would hide the drivers that the image brought.

name=$2
release=$(uname -r)
case $name in
    modules) place=${3:-/lib/modules/$release} ;;
    firmware) place=${3:-/lib/firmware} ;;
    *) place=$3 ;;
esac
if [ -z "$name" ] || [ -z "$place" ]; then
    echo "usage: rfs mount|ready NAME [PLACE [FLIST]]" >&2
    exit 2
fi
side=/run/rfs/$name
cache=${RFS_CACHE:-/var/cache/rfs}
flist=$4
for candidate in "/etc/rfs/$name-$release.fl" "/etc/rfs/$name"-*.fl; do
    [ -n "$flist" ] || [ ! -r "$candidate" ] || flist=$candidate
done

say() {
    echo "rfs-$name: $*"
}

# Whether content comes: reads from one file, for a while. That of modules is the one that modprobe needs.
answers() { # folder
    known=$1/modules.dep
    [ -s "$known" ] || known=$(find "$1" -type f -size +0 2>/dev/null | head -n 1)
    [ -n "$known" ] && timeout 20 head -c 1 "$known" >/dev/null 2>&1
}

# Waits until the flist is mounted aside; not longer than it takes a machine that is busy booting.
comes_up() {
    tries=30
    until mountpoint -q "$side"; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ] || ! kill -0 "$server" 2>/dev/null; then
            return 1
        fi
        sleep 1
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
        say "$flist is not for this image: it lacks $missing, which the image has at $place"
        return 1
    fi
    mkdir -p "$place" && mount -o bind "$side" "$place"
}

# Undoes what an earlier start left, too: a killed server leaves its mount behind.
clear_away() {
    while mountpoint -q "$place" && umount -l "$place"; do :; done
    while mountpoint -q "$side" && umount -l "$side"; do :; done
}

serve() {
    mkdir -p "$side" "$cache"
    rfs mount -m "$flist" -c "$cache" "$side" &
    server=$!
    if ! comes_up; then
        say "$flist cannot be mounted"
    elif ! answers "$side"; then
        say "the store does not answer"
    elif cover; then
        pause=2
        say "$flist is at $place"
        wait "$server"
        say "rfs has ended"
    fi
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    clear_away
}

case $1 in
    mount)
        if [ -z "$flist" ]; then
            say "there is no /etc/rfs/$name-*.fl: nothing to mount"
            while :; do sleep 86400; done
        fi
        server=
        trap 'clear_away; [ -z "$server" ] || kill "$server" 2>/dev/null; exit 0' TERM INT
        [ -c /dev/fuse ] || modprobe -q fuse
        clear_away
        pause=2
        while :; do
            serve
            say "trying again in $pause s; until then the machine has what the image brought"
            sleep "$pause" &
            wait "$!"
            [ "$pause" -ge 60 ] || pause=$((pause * 2))
        done
        ;;
    ready)
        [ -n "$flist" ] || exit 0
        mountpoint -q "$place" && answers "$place"
        ;;
    *)
        echo "usage: rfs mount|ready NAME [PLACE [FLIST]]" >&2
        exit 2
        ;;
esac
