#!/bin/sh
# /init: what the kernel starts. Makes the machine habitable and hands it to zinit, which stays process 1.
#
# On the kernel's command line:
#   initdebug            a shell on the console before zinit starts, once the stage1 modules are loaded, each of them told;
#                        `exit` goes on booting (initdebug=true is the same)
#   zosc.modules=early   load the stage1 modules here, before zinit, instead of leaving that to its unit
#   quiet, loglevel=, debug   leave the kernel's own idea of what reaches the console alone

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root
export PATH HOME
umask 022

say() {
    echo "init: $*"
}

# The image is unpacked into the kernel's first file system, in which pivot_root(2), and with it every container
# runtime, fails. Switching to another one would copy everything and hold it in memory twice. So the same file system
# is mounted once more, over itself, and becomes an ordinary root: nothing is copied, nothing has to be freed.
# No kernel that unpacks an initramfs refuses this for any reason but a lack of memory, against which copying the whole
# image would not help. Without it everything but pivot_root(2) works, so the machine goes on.
if [ "$1" != rooted ]; then
    mkdir -p /mnt
    if mount -o bind / /mnt && cd /mnt && mount -o move . /; then
        exec chroot . /init rooted "$@"
    fi
    cd /
    umount /mnt 2>/dev/null
    say "the root cannot be mounted over itself; going on without"
else
    shift
fi
cd /

# Mounts a kernel file system, unless it is there already; says so when it cannot.
attach() { # type, place, options
    mkdir -p "$2"
    if [ -r /proc/mounts ] && grep -q " $2 $1 " /proc/mounts; then
        return 0
    fi
    mount -t "$1" -o "$3" "$1" "$2" || say "cannot mount $1 at $2"
}

attach proc /proc nosuid,noexec,nodev
attach sysfs /sys nosuid,noexec,nodev
attach devtmpfs /dev mode=0755,nosuid
attach devpts /dev/pts gid=5,mode=0620,ptmxmode=0666,nosuid,noexec
attach tmpfs /dev/shm mode=1777,nosuid,nodev
attach tmpfs /run mode=0755,nosuid,nodev
if grep -q cgroup2 /proc/filesystems; then
    attach cgroup2 /sys/fs/cgroup nosuid,noexec,nodev
fi

[ -c /dev/console ] || mknod -m 0600 /dev/console c 5 1
[ -c /dev/null ] || mknod -m 0666 /dev/null c 1 3
exec 0<>/dev/console 1>&0 2>&0

[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
[ -e /dev/stdin ] || ln -s fd/0 /dev/stdin
[ -e /dev/stdout ] || ln -s fd/1 /dev/stdout
[ -e /dev/stderr ] || ln -s fd/2 /dev/stderr

# The root is memory already, so these need no file systems of their own.
mkdir -p /tmp /var/log /var/tmp /root /run/lock
chmod 1777 /tmp /var/tmp
[ -e /var/run ] || ln -s ../run /var/run

cmdline=" $(cat /proc/cmdline) "
case $cmdline in
    *" quiet "* | *" loglevel="* | *" debug "*) ;;
    # Warnings and worse: notices would break the lines that units print.
    *) echo 5 >/proc/sys/kernel/printk ;;
esac

if [ -s /etc/hostname ]; then
    hostname -F /etc/hostname
fi
ip link set lo up 2>/dev/null || ifconfig lo 127.0.0.1 up

# Somebody looks into a machine that does not come up: what hangs or fails later can be seen and tried here. Whoever may
# write the kernel's command line could start a shell instead of /init as well.
debug() {
    /usr/libexec/zosc/modules stage1
    say "initdebug: a shell before zinit; \`exit\` goes on booting"
    # With a terminal of its own where the image can give one, so that Ctrl-C reaches what runs in it.
    if command -v cttyhack >/dev/null; then
        setsid cttyhack sh -l
    else
        sh -l
    fi
    say "initdebug: going on"
}

case $cmdline in
    *" initdebug "* | *" initdebug=true "* | *" initdebug=1 "*) debug ;;
    *" zosc.modules=early "*) /usr/libexec/zosc/modules stage1 ;;
esac

# The program among the candidates that is there.
first_of() {
    for candidate; do
        if [ -x "$candidate" ]; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

if [ -d /etc/zinit/services ]; then
    # zinit 0.3, TOML: a small process 1 that starts the server and restarts it.
    if zinit=$(first_of /sbin/zinit-pid1 /usr/sbin/zinit-pid1 /usr/bin/zinit-pid1); then
        exec "$zinit"
    fi
    say "fatal: this image's units are for zinit 0.3, but it has no /sbin/zinit-pid1"
elif zinit=$(first_of /sbin/zinit /usr/sbin/zinit /usr/bin/zinit); then
    # zinit 0.2, YAML: the program itself. Those that take `init` also know `--version`.
    if "$zinit" --version >/dev/null 2>&1; then
        exec "$zinit" init
    fi
    # The one in the Cargo registry has another door and keeps its units below the home folder.
    mkdir -p /root/hero/cfg /root/hero/var
    [ -e /root/hero/cfg/zinit ] || ln -s /etc/zinit /root/hero/cfg/zinit
    exec "$zinit" start
else
    say "fatal: this image has no /sbin/zinit"
fi
# Process 1 ends here, and the kernel panics: `panic=SECONDS` on its command line makes it restart the machine.
exit 1
