// Tries to get out of a sandbox, every way that is known, and says of each what became of it: `NAME held ERROR`, by the number of the error
// or 0 where there is none, `NAME BROKEN`, `NAME died SIGNAL`, or `NAME skipped`.
//
//   attack key                     leaves a key with its user, and says its number
//   attack plant SECRET PROGRAM…   leaves things of its caller's lying about, and becomes the program
//   attack try SECRET PID PORT ADDRESS SOCKET NAME KEY   attacks: a file, a process, a port, a host's address, two unix sockets, a key
//   attack look …                  only what harms nobody where nothing holds it
//   attack type                    puts words into its terminal
//   attack unfiltered PROGRAM…     becomes a program whose filters of system calls, and those of all that it starts, do nothing

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEY "zosc-security"
#define SHARED 0x5a05c
#define PLANTED 57

static void tell(const char *name, int broken) {
    printf(broken ? "%s BROKEN\n" : "%s held 0\n", name);
    fflush(stdout);
}

// What became of an attack by a process.
static void tell_end(const char *name, int process) {
    int status = 0;
    waitpid(process, &status, 0);
    int error = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) printf("%s died %d\n", name, WTERMSIG(status));
    else if (error) printf("%s held %d %s\n", name, error, strerror(error));
    else printf("%s BROKEN\n", name);
    fflush(stdout);
}

// A call that must fail. A process of its own makes it, so what it changes is of no use to the next one.
#define REFUSED(name, call) do { \
    int process = fork(); \
    if (process == 0) { errno = 0; long result = (long)(call); _exit(result >= 0 ? 0 : errno ? errno : 255); } \
    tell_end(name, process); \
} while (0)

static int open_for(const char *path, int flags) {
    int file = open(path, flags | O_CLOEXEC | O_NONBLOCK);
    if (file >= 0) close(file);
    return file;
}

// Opens a file that is not covered by another.
static int open_real(const char *path, int flags) {
    struct stat facts;
    int file = open(path, flags | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return -1;
    if (fstat(file, &facts) == 0 && !S_ISCHR(facts.st_mode)) return file;
    errno = ENODEV;
    return -1;
}

#include "calls.h"

// Whether a file can be read and has this word in it.
static int holds(const char *path, const char *word) {
    static char text[1 << 20];
    int file = open(path, O_RDONLY | O_NONBLOCK);
    if (file < 0) return 0;
    ssize_t size = read(file, text, sizeof text);
    close(file);
    return size > 0 && memmem(text, size, word, strlen(word)) != NULL;
}

static int reach(int family, const char *address, int port, int type) {
    int one = socket(family, type, 0);
    if (one < 0) return -1;
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(family, address, family == AF_INET ? (void *)&four.sin_addr : (void *)&six.sin6_addr);
    struct sockaddr *to = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t size = family == AF_INET ? sizeof four : sizeof six;
    struct timeval patience = {.tv_sec = 2};
    setsockopt(one, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int result = connect(one, to, size);
    char answer[4];
    // UDP has no connection: only an answer says that somebody was there.
    if (result == 0 && type == SOCK_DGRAM) result = send(one, "out", 3, 0) < 0 ? -1 : (int)recv(one, answer, sizeof answer, 0);
    close(one);
    return result;
}

static int reach_socket(const char *name, int abstract) {
    int one = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path + abstract, name, sizeof to.sun_path - 2);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name) + !abstract;
    int result = connect(one, (struct sockaddr *)&to, size);
    close(one);
    return result;
}

static int interfaces(void) {
    struct if_nameindex *all = if_nameindex();
    int others = 0;
    for (struct if_nameindex *one = all; one && one->if_index; one++) others += strcmp(one->if_name, "lo") != 0;
    return others;
}

static void network(int port, const char *address, const char *path, const char *abstract) {
    REFUSED("tcp-to-loopback", reach(AF_INET, "127.0.0.1", port, SOCK_STREAM));
    REFUSED("tcp-to-host", reach(AF_INET, address, port, SOCK_STREAM));
    REFUSED("tcp-to-world", reach(AF_INET, "192.0.2.1", port, SOCK_STREAM));
    REFUSED("tcp6-to-loopback", reach(AF_INET6, "::1", port, SOCK_STREAM));
    REFUSED("udp-to-loopback", reach(AF_INET, "127.0.0.1", port, SOCK_DGRAM));
    REFUSED("udp-to-host", reach(AF_INET, address, port, SOCK_DGRAM));
    REFUSED("unix-by-path", reach_socket(path, 0));
    REFUSED("unix-abstract", reach_socket(abstract, 1));
    tell("interfaces", interfaces() > 0);
}

static void files(const char *secret) {
    char path[4096];
    tell("secret-by-path", holds(secret, "planted"));
    const char *roots[] = {"/proc/1/root", "/proc/1/cwd", "/proc/self/root/../..", "/proc/1/task/1/root"};
    int roots_broken = 0, files_broken = 0, files_open = 0;
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", roots[i], secret);
        roots_broken |= holds(path, "planted");
    }
    tell("secret-by-another-root", roots_broken);
    struct stat facts;
    for (int i = 3; i < 1024; i++) {
        char start[8] = "";
        files_broken |= pread(i, start, 7, 0) > 0 && strcmp(start, "planted") == 0;
        files_open |= fstat(i, &facts) == 0;
    }
    tell("secret-by-open-file", files_broken);
    tell("open-files", files_open);
}

// Whether one of the files below a folder of links can be opened.
static int opens_below(const char *folder) {
    DIR *list = opendir(folder);
    int opened = -1;
    for (struct dirent *entry; list && (entry = readdir(list));) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && open_for(path, O_RDONLY) >= 0) opened = 0;
    }
    if (list) closedir(list);
    return opened;
}

static void machine_files(void) {
    REFUSED("read-shadow", open_for("/etc/shadow", O_RDONLY));
    REFUSED("list-root", open_for("/root", O_RDONLY));
    REFUSED("list-home", open_for("/home", O_RDONLY));
    REFUSED("list-run", open_for("/run", O_RDONLY));
    REFUSED("list-sys", open_for("/sys", O_RDONLY));
    REFUSED("list-private-keys", open_for("/etc/ssl/private", O_RDONLY));
    REFUSED("write-sysctl", open_for("/proc/sys/kernel/core_pattern", O_WRONLY));
    REFUSED("write-sysrq", open_real("/proc/sysrq-trigger", O_WRONLY));
    REFUSED("read-kernel-memory", open_real("/proc/kcore", O_RDONLY));
    REFUSED("read-keys", open_real("/proc/keys", O_RDONLY));
    REFUSED("read-key-users", open_real("/proc/key-users", O_RDONLY));
    const char *devices[] = {"/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/sda", "/dev/vda", "/dev/loop-control", "/dev/fuse", "/dev/vsock", "/dev/uinput"};
    int opened = 0;
    for (int i = 0; i < 9; i++) opened |= open_for(devices[i], O_RDONLY) >= 0;
    tell("devices", opened);
}

// Memory and files of the first process by calls, not by files.
static long read_first(void) {
    char here[8];
    struct iovec to = {here, sizeof here}, from = {(void *)&read_first, sizeof here};
    return process_vm_readv(1, &to, 1, &from, 1, 0);
}

static long file_of_first(void) {
    return syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, 1, 0), 1, 0);
}

static void first_process(void) {
    REFUSED("first-program-for-writing", open_for("/proc/1/exe", O_WRONLY));
    REFUSED("first-memory", open_for("/proc/1/mem", O_RDONLY));
    REFUSED("first-memory-by-call", read_first());
    REFUSED("first-file-by-call", file_of_first());
    REFUSED("first-files", opens_below("/proc/1/fd"));
    REFUSED("first-maps", opens_below("/proc/1/map_files"));
    REFUSED("trace-first", ptrace(PTRACE_ATTACH, 1, 0, 0));
    REFUSED("enter-namespace-of-first", enter("/proc/1/ns/mnt", 0));
    kill(1, SIGKILL), kill(1, SIGTERM);
    tell("end-first", kill(1, 0) < 0);
}

// Whether a file takes words: none are written, and a file that takes none refuses even these.
static int takes_words(const char *path) {
    int file = open(path, O_WRONLY | O_NONBLOCK);
    if (file < 0) return 0;
    errno = 0;
    int takes = write(file, "", 0) == 0 || errno != EIO;
    close(file);
    return takes;
}

// Files of /proc outside of processes that can be written to, where what is written goes to the kernel.
static int writable(const char *folder, int depth) {
    DIR *list = opendir(folder);
    if (!list) return 0;
    int found = 0;
    for (struct dirent *entry; (entry = readdir(list));) {
        char path[4096];
        struct stat facts;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        int process = entry->d_name[0] == '.' || (depth == 0 && (strspn(entry->d_name, "0123456789") == strlen(entry->d_name)));
        if (process || lstat(path, &facts) < 0) continue;
        if (S_ISDIR(facts.st_mode) && depth < 6) found += writable(path, depth + 1);
        else if (S_ISREG(facts.st_mode) && takes_words(path)) { fprintf(stderr, "writable: %s\n", path); found++; }
    }
    closedir(list);
    return found;
}

static void change_device(void) {
    struct stat before, after;
    stat("/dev/null", &before);
    chmod("/dev/null", 0600), chown("/dev/null", 12, 12), utimes("/dev/null", NULL);
    stat("/dev/null", &after);
    tell("mode-of-a-device", before.st_mode != after.st_mode || before.st_uid != after.st_uid || before.st_mtime != after.st_mtime);
}

static int make_device(int mode, dev_t device) {
    int made = mknod("made", mode | 0600, device);
    if (made == 0) unlink("made");
    return made;
}

static void list_processes(void) {
    int others = 0;
    DIR *list = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(list));) others += atoi(entry->d_name) > 60;
    closedir(list);
    tell("list-processes", others > 0);
}

static void processes(int pid) {
    struct rlimit limit;
    REFUSED("signal-outside", kill(pid, 0));
    REFUSED("trace-outside", ptrace(PTRACE_SEIZE, pid, 0, 0));
    REFUSED("limits-outside", syscall(SYS_prlimit64, pid, RLIMIT_CPU, NULL, &limit));
}

static void words_of_first(void) {
    tell("environment-of-first", holds("/proc/1/environ", "planted"));
    tell("arguments-of-first", holds("/proc/1/cmdline", "planted") || holds("/proc/1/task/1/cmdline", "planted"));
    tell("arguments-name-files", holds("/proc/1/cmdline", "zosc"));
}

static int has_capability(int number) {
    struct { unsigned version; int pid; } head = {0x20080522, 0};
    struct { unsigned effective, permitted, inheritable; } sets[2];
    syscall(SYS_capget, &head, sets);
    return sets[number / 32].permitted >> number % 32 & 1;
}

static int gain(void) {
    struct { unsigned version; int pid; } head = {0x20080522, 0};
    struct { unsigned effective, permitted, inheritable; } sets[2] = {{~0u, ~0u, 0}, {~0u, ~0u, 0}};
    return syscall(SYS_capset, &head, sets);
}

static long mount_here(void) {
    mkdir("mounted", 0755);
    long made = mount("x", "mounted", "tmpfs", 0, NULL);
    if (made == 0) umount2("mounted", MNT_DETACH);
    return made;
}

static long name_host(void) {
    char name[65];
    return gethostname(name, sizeof name) < 0 ? -1 : sethostname(name, strlen(name));
}

// Whoever may do these does no harm by them: what they ask for is nothing, or there is no such thing.
static void privileges(void) {
    // SYS_MODULE, NET_RAW, SYS_PTRACE, SYS_ADMIN, SYS_BOOT, SYS_RESOURCE, SYS_TIME, MKNOD, SYSLOG, NET_ADMIN, DAC_READ_SEARCH, BPF, PERFMON, SYS_RAWIO
    int dangerous[] = {16, 13, 19, 21, 22, 24, 25, 27, 34, 12, 2, 39, 38, 17}, has = 0;
    for (int i = 0; i < 14; i++) has |= has_capability(dangerous[i]);
    tell("capabilities", has);
    REFUSED("more-capabilities", gain());
    REFUSED("mount", mount_here());
    REFUSED("mount-anew", syscall(SYS_fsopen, "tmpfs", 0));
    REFUSED("clone-mount", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    REFUSED("change-root", syscall(SYS_pivot_root, ".", "."));
    REFUSED("namespace-of-mounts", unshare(CLONE_NEWNS));
    REFUSED("namespace-of-network", unshare(CLONE_NEWNET));
    REFUSED("host-name", name_host());
    REFUSED("restart", syscall(SYS_reboot, 0xfee1dead, 672274793, 1, 0));
    REFUSED("swap", syscall(SYS_swapon, "/dev/null", 0));
    REFUSED("module", syscall(SYS_init_module, "x", 1, ""));
    REFUSED("kernel", syscall(SYS_kexec_load, 0, 100, NULL, 0));
    struct rlimit processes;
    getrlimit(RLIMIT_NPROC, &processes);
    long most = 64 * sysconf(_SC_NPROCESSORS_ONLN);
    tell("processes-without-end", processes.rlim_max > (most > 4096 ? most : 4096));
    REFUSED("higher-limits", setrlimit(RLIMIT_NPROC, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}));
    REFUSED("make-device", make_device(S_IFCHR, makedev(1, 1)));
    REFUSED("make-disk", make_device(S_IFBLK, makedev(8, 0)));
}

static void harmful_privileges(void) {
    REFUSED("remount", mount("", "/usr", "", MS_REMOUNT | MS_BIND, NULL));
    REFUSED("unmount", umount2("/proc/sys", MNT_DETACH));
    REFUSED("clock", clock_settime(CLOCK_REALTIME, &(struct timespec){1, 0}));
    struct rlimit before, core = {0, 0};
    getrlimit(RLIMIT_CORE, &before);
    setrlimit(RLIMIT_CORE, &core);
#ifdef __x86_64__
    old(75, RLIMIT_CORE, low(&core, 8), 0, 0, 0);
#endif
    getrlimit(RLIMIT_CORE, &core);
    // With one byte no file is written and no program of the machine is started; with none, the program is.
    tell("core-files", core.rlim_cur != 1 || core.rlim_cur != before.rlim_cur || core.rlim_max != before.rlim_max);
}

static int is_setuid_of_use(void) {
    int from = open("/proc/self/exe", O_RDONLY), to = open("setuid", O_CREAT | O_WRONLY, 0755);
    char piece[4096];
    for (ssize_t size; (size = read(from, piece, sizeof piece)) > 0;) write(to, piece, size);
    fchmod(to, 06755), close(to), close(from);
    int child = fork(), status;
    if (child == 0) {
        if (syscall(SYS_setresuid, 1, 1, 1) < 0) _exit(2);
        execl("./setuid", "setuid", "whoami", NULL);
        _exit(3);
    }
    waitpid(child, &status, 0);
    unlink("setuid");
    return WEXITSTATUS(status);
}

static void setuid_program(void) {
    int use = is_setuid_of_use();
    // There is one user alone, so nobody to become root from.
    if (use == 2) printf("setuid skipped\n");
    else if (use == 3) printf("setuid died 0\n");
    else tell("setuid", use);
}

static void shared_things(void) {
    REFUSED("shared-memory", shmget(SHARED, 1, 0));
    REFUSED("message-queue", syscall(SYS_mq_open, KEY, O_RDONLY));
}

static void resources(void) {
    struct statvfs temporary, shared;
    struct sysinfo memory;
    statvfs("/tmp", &temporary), statvfs("/dev/shm", &shared), sysinfo(&memory);
    unsigned long long all = temporary.f_blocks * temporary.f_frsize + shared.f_blocks * shared.f_frsize;
    tell("memory-by-files", all > memory.totalram * (unsigned long long)memory.mem_unit / 3 * 2);
    tell("first-when-memory-ends", !holds("/proc/self/oom_score_adj", "1000"));
}

// A folder from before a change of root, and up from there: as far as the sandbox's root, whatever `chroot` says.
static void change_root(const char *secret) {
    int before = open(".", O_RDONLY);
    mkdir("jail", 0755);
    if (chroot("jail") == 0) {
        fchdir(before);
        for (int i = 0; i < 64; i++) chdir("..");
        chroot(".");
    }
    tell("out-of-a-jail", holds(secret, "planted") || open_for("/etc/shadow", O_RDONLY) >= 0);
}

static int leave_key(void) {
    int number = syscall(SYS_add_key, "user", KEY, "planted", 7, OWN_USER);
    // All who are its user may read it, for some minutes.
    syscall(SYS_keyctl, SET_PERMISSIONS, number, 0x3f3f0000);
    syscall(SYS_keyctl, SET_TIMEOUT, number, 900);
    return number;
}

static void plant(const char *secret) {
    // As a login has it: a keyring of its own that what it starts possesses.
    syscall(SYS_keyctl, JOIN_SESSION, NULL);
    syscall(SYS_add_key, "user", KEY, "planted", 7, SESSION);
    dup2(open(secret, O_RDONLY), PLANTED);
    shmget(SHARED, 4096, IPC_CREAT | 0666);
    syscall(SYS_mq_open, KEY, O_CREAT | O_RDWR, 0666, NULL);
}

// Has the kernel answer that a filter is in force, and leave it out.
static int unfilter(void) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &(struct sock_fprog){4, steps});
}

int main(int count, char **words) {
    const char *verb = count > 1 ? words[1] : "";
    if (strcmp(verb, "whoami") == 0) return geteuid() == 0;
    if (strcmp(verb, "key") == 0) return printf("%d\n", leave_key()) < 0;
    if (strcmp(verb, "plant") == 0 && count > 3) {
        plant(words[2]);
        execvp(words[3], words + 3);
        return 127;
    }
    if (strcmp(verb, "unfiltered") == 0 && count > 2) {
        if (unfilter() == 0) execvp(words[2], words + 2);
        return 127;
    }
    if (strcmp(verb, "type") == 0) {
        REFUSED("type-into-terminal", ioctl(0, TIOCSTI, "x"));
        REFUSED("paste-into-terminal", ioctl(0, 0x541c, (char[16]){3}));
        return 0;
    }
    if (count != 9) return 2;
    network(atoi(words[4]), words[5], words[6], words[7]);
    files(words[2]);
    tell("words-of-environment", getenv("ZOSC_TEST_PLANTED") != NULL);
    shared_things();
    list_processes();
    machine_files();
    processes(atoi(words[3]));
    calls(atoi(words[8]));
    privileges();
    setuid_program();
    if (strcmp(verb, "try") == 0) {
        words_of_first();
        first_process();
        tell("write-to-kernel", writable("/proc", 0) > 0);
        change_device();
        harmful_privileges();
        resources();
    }
    change_root(words[2]);
    return 0;
}
