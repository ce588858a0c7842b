#!/bin/sh
# Kernel modules.
#   modules STAGE    loads the modules of a stage, in the order of /etc/zosc/STAGE.modules; the stage `flist` is those of stage2
#                    that come out of an flist
#   modules depmod   writes modules.dep where the image came without
#
# A module that fails is told and skipped: a machine without one driver is better than no machine. With `initdebug` on the
# kernel's command line, each module is told before it is loaded, so that the last one told is the one that hangs.

stage=$1
list=/etc/zosc/$stage.modules
tree=/lib/modules/$(uname -r)

say() {
    echo "modules: $stage: $*"
    # One record for the kernel's log, at a level that does not come back to the console.
    echo "<6>modules: $stage: $*" | tr '\n' ' ' >/dev/kmsg 2>/dev/null
}

# Whether the kernel has it, loaded or built in. `-` and `_` are the same letter here.
present() {
    name=$(echo "$1" | tr - _)
    [ -d "/sys/module/$name" ] && return 0
    [ -r "$tree/modules.builtin" ] && tr - _ <"$tree/modules.builtin" | grep -q "/$name\.ko"
}

# `zosc` indexes the modules it selects, so this is for those that came another way.
index() {
    [ -d "$tree" ] || return 0
    [ -s "$tree/modules.dep" ] && return 0
    command -v depmod >/dev/null || return 0
    depmod || say "depmod failed, so modules are loaded without their dependencies"
}

load() {
    present "$1" && return 0
    if command -v modprobe >/dev/null && [ -s "$tree/modules.dep" ]; then
        modprobe "$1" && return 0
    fi
    # The list has dependencies first, so plain insertion in its order does as well.
    pattern=$(echo "$1" | sed 's/[-_]/[-_]/g')
    file=$(find "$tree" -name "$pattern.ko" -o -name "$pattern.ko.*" | head -n 1)
    if [ -z "$file" ]; then
        echo "no such file below $tree" >&2
        return 1
    fi
    insmod "$file"
}

if [ "$stage" = depmod ]; then
    index
    exit 0
fi
[ -r "$list" ] || exit 0
case " $(cat /proc/cmdline) " in
    *" initdebug "* | *" initdebug=true "* | *" initdebug=1 "*) verbose=yes ;;
    *) verbose= ;;
esac
loaded=0
failed=
while read -r module _; do
    case $module in '' | '#'*) continue ;; esac
    [ -z "$verbose" ] || say "loading $module"
    if reason=$(load "$module" 2>&1); then
        loaded=$((loaded + 1))
    else
        failed="$failed $module"
        say "$module: $reason"
    fi
done <"$list"
if [ -n "$failed" ]; then
    say "$loaded loaded, not:$failed"
else
    say "$loaded loaded"
fi
exit 0
