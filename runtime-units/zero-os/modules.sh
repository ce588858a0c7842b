#!/bin/sh
# Loads the modules of one stage, in the order of /etc/zosc/STAGE.modules. A module that fails is told and skipped:
# a machine without one driver is better than no machine.

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

[ -r "$list" ] || exit 0
loaded=0
failed=
while read -r module rest; do
    case $module in '' | '#'*) continue ;; esac
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
