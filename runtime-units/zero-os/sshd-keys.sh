#!/bin/sh
# The keys by which an SSH server is known, where they are missing. They lie in /etc/ssh, which is memory: a machine that is to
# be known again after a restart needs a unit that puts them there first, and that `sshd-keys` requires.

mkdir -p /etc/ssh /run/sshd
# The folder that the server locks itself into; it must belong to root and to nobody else.
mkdir -p /var/empty && chown 0:0 /var/empty && chmod 0755 /var/empty
exec ssh-keygen -A
