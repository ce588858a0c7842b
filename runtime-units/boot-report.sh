#!/bin/sh
# Tells the console what zinit says of its units, for people and for `zosc boot --test`:
#
#   zosc-report pid1=NAME
#   zosc-report unit=NAME state=running|success|starting|blocked|failed|stopped|unknown
#   zosc-report done
#
# A oneshot is a success once it has ended with 0, a daemon is running once its probe has passed.
#   boot-report once   tells it one time, to standard output
#   boot-report        tells it to the console on every change, and every five seconds of the first minute, since
#                      a kernel message may break a line

# zinit 0.3: one line a unit, then one question more for those that have ended.
#   ● sshd Running (pid: 71)
states_toml() {
    zinit list | while read -r _ name state _; do
        case $state in
            Running) state=running ;;
            Starting) state=starting ;;
            Blocked) state=blocked ;;
            Failed) state=failed ;;
            Inactive | Stopping) state=stopped ;;
            Exited)
                if zinit status "$name" | grep -q '^Exit: *0$'; then
                    state=success
                else
                    state=failed
                fi
                ;;
            *) state=unknown ;;
        esac
        echo "unit=$name state=$state"
    done
}

# zinit 0.2 has two command lines; both give the same words for states.
#   sshd: Running
#   setup: "Error(Exited(Pid(30), 1))"
words_yaml() {
    if zinit --version >/dev/null 2>&1; then
        # A YAML document: it starts with a marker, and quotes what is no plain word.
        zinit list | grep -v '^---' | tr -d '"'
    else
        # Its table is the one answer that leaves a `-` in a name alone: | name | state | pid | target |
        echo 'zinit_list_md()' | zinit -i | sed -n 's/^| \([^ ]*\) | \([^|]*\) |.*/\1: \2/p' | grep -v '^Service:'
    fi
}

states_yaml() {
    words_yaml | while IFS=': ' read -r name state _; do
        case $state in
            Running)
                # 0.2 calls a oneshot running while it works.
                if grep -q '^oneshot: true' "/etc/zinit/$name.yaml" 2>/dev/null; then
                    state=starting
                else
                    state=running
                fi
                ;;
            Success) state=success ;;
            Spawned) state=starting ;;
            Blocked) state=blocked ;;
            Error* | Exit* | Fail* | TestFail* | Killed | Signaled) state=failed ;;
            Stopped) state=stopped ;;
            *) state=unknown ;;
        esac
        echo "unit=$name state=$state"
    done
}

states() {
    if [ -d /etc/zinit/services ]; then
        states_toml 2>/dev/null
    else
        states_yaml 2>/dev/null
    fi | sort
}

tell() {
    echo "pid1=$(cat /proc/1/comm)"
    echo "$1"
    echo "done"
}

if [ "$1" = once ]; then
    tell "$(states)" | sed 's/^/zosc-report /'
    exit 0
fi

before=
quiet=0
while :; do
    now=$(states)
    uptime=$(cut -d. -f1 /proc/uptime)
    if [ -n "$now" ] && { [ "$now" != "$before" ] || { [ "$uptime" -lt 60 ] && [ "$quiet" -ge 5 ]; }; }; then
        tell "$now" | sed 's/^/zosc-report /' >/dev/console
        before=$now
        quiet=0
    else
        quiet=$((quiet + 1))
    fi
    sleep 1
done
