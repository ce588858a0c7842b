// System calls that lead around a sandbox's namespaces. Each has arguments that a kernel takes, or complains about otherwise than a filter.

// Requests of keyctl(2), and keyrings.
#define JOIN_SESSION 1
#define SET_PERMISSIONS 5
#define SEARCH 10
#define READ 11
#define SET_TIMEOUT 15
#define SESSION -3
#define OWN_USER -4

static long find_key(int keyring) {
    return syscall(SYS_keyctl, SEARCH, keyring, "user", KEY, 0);
}

static long read_key(int number) {
    char content[8] = "";
    long size = syscall(SYS_keyctl, READ, number, content, sizeof content - 1);
    return size < 0 ? size : strcmp(content, "planted") == 0 ? 0 : -1;
}

static void keys(int number) {
    REFUSED("keys-of-session", find_key(SESSION));
    REFUSED("keys-of-user", find_key(OWN_USER));
    REFUSED("key-by-number", read_key(number));
    REFUSED("add-key", syscall(SYS_add_key, "user", KEY "-left", "x", 1, SESSION));
    REFUSED("request-key", syscall(SYS_request_key, "user", KEY, NULL, 0));
}

static long enter(const char *path, int kind) {
    int namespace = open(path, O_RDONLY | O_CLOEXEC);
    return namespace < 0 ? -1 : setns(namespace, kind);
}

// Names a file by its handle, and opens that.
static long open_by_handle(int at, const char *path, int flags) {
    struct { unsigned bytes; int type; char handle[128]; } file = {128};
    int mount;
    syscall(SYS_name_to_handle_at, at, path, &file, &mount, flags);
    return syscall(SYS_open_by_handle_at, at, &file, O_RDONLY | O_CLOEXEC);
}

static long clone_users(void) {
    return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
}

static long clone3_users(void) {
    unsigned long long arguments[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    return syscall(SYS_clone3, arguments, sizeof arguments);
}

static void kernel(void) {
    // A map of one number, and an object that nobody has.
    unsigned map[32] = {2, 4, 4, 1};
    unsigned long long object[16] = {(unsigned long)"/nothing"};
    REFUSED("kernel-program", syscall(SYS_bpf, 0, map, sizeof map));
    REFUSED("kernel-object", syscall(SYS_bpf, 7, object, sizeof object));
    // A counter of software that counts nothing, outside of the kernel.
    unsigned long long counter[8] = {1 | 64ull << 32, 9, 0, 0, 0, 1 << 5 | 1 << 6};
    REFUSED("performance", syscall(SYS_perf_event_open, counter, 0, -1, -1, 0));
    REFUSED("faults", syscall(SYS_userfaultfd, 1 | O_CLOEXEC));
    char ring[128] = {0};
    REFUSED("rings", syscall(SYS_io_uring_setup, 1, ring));
    REFUSED("rings-enter", syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
    REFUSED("rings-register", syscall(SYS_io_uring_register, -1, 0, NULL, 0));
    REFUSED("kernel-log", syscall(SYS_syslog, 3, (char[64]){0}, 64));
    REFUSED("file-by-handle", open_by_handle(open("/dev/shm", O_RDONLY), "", AT_EMPTY_PATH));
    REFUSED("process-by-handle", open_by_handle(syscall(SYS_pidfd_open, getpid(), 0), "", AT_EMPTY_PATH));
}

static void namespaces(void) {
    REFUSED("namespace-of-users", unshare(CLONE_NEWUSER));
    REFUSED("clone-users", clone_users());
    REFUSED("clone3-users", clone3_users());
    REFUSED("enter-namespace", enter("/proc/self/ns/user", CLONE_NEWUSER));
}

static void sockets(void) {
    REFUSED("socket-packet", socket(AF_PACKET, SOCK_RAW, 0));
    REFUSED("socket-raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    REFUSED("socket-vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    REFUSED("socket-alg", socket(38, SOCK_SEQPACKET, 0));
    REFUSED("socket-bluetooth", socket(31, SOCK_RAW, 1));
}

// Makes a terminal that is this process's own, and opens it.
static int own_terminal(void) {
    int other = posix_openpt(O_RDWR | O_NOCTTY);
    if (other < 0 || grantpt(other) < 0 || unlockpt(other) < 0 || setsid() < 0) return -1;
    return open(ptsname(other), O_RDWR);
}

static void terminals(void) {
    REFUSED("type-into-terminal", ioctl(own_terminal(), TIOCSTI, "x"));
    REFUSED("paste-into-terminal", ioctl(own_terminal(), 0x541c, (char[16]){3}));
}

#ifdef __x86_64__
// A call as programs of 32 bits make it.
static long old(long number, long first, long second, long third, long fourth, long fifth) {
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(first), "c"(second), "d"(third), "S"(fourth), "D"(fifth)
                     : "memory", "r8", "r9", "r10", "r11");
    if ((int)result >= 0) return (int)result;
    errno = -(int)result;
    return -1;
}

// Puts something where a pointer of 32 bits leads.
static long low(const void *from, size_t size) {
    void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (place == MAP_FAILED) _exit(255);
    memcpy(place, from, size);
    return (long)place;
}

// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
static void old_calls(void) {
    long type = low("user", 5), name = low(KEY, sizeof KEY), letter = low("x", 2), zeros = low((char[128]){0}, 128);
    REFUSED("old-add-key", old(286, type, name, letter, 1, SESSION));
    REFUSED("old-request-key", old(287, type, name, 0, 0, 0));
    REFUSED("old-keyctl", old(288, 0, SESSION, 0, 0, 0));
    REFUSED("old-enter-namespace", old(346, -1, 0, 0, 0, 0));
    REFUSED("old-kernel-object", old(357, 7, zeros, 128, 0, 0));
    REFUSED("old-performance", old(336, 0, 0, -1, -1, 0));
    REFUSED("old-faults", old(374, 1, 0, 0, 0, 0));
    REFUSED("old-file-by-handle", old(342, -1, zeros, 0, 0, 0));
    REFUSED("old-kernel-log", old(103, 10, 0, 0, 0, 0));
    REFUSED("old-clone3", old(435, zeros, 0, 0, 0, 0));
    REFUSED("old-rings", old(425, 1, zeros, 0, 0, 0));
    REFUSED("old-rings-enter", old(426, -1, 0, 0, 0, 0));
    REFUSED("old-rings-register", old(427, -1, 0, 0, 0, 0));
    REFUSED("old-socketcall", old(102, 1, low((int[3]){AF_UNIX, SOCK_STREAM, 0}, 12), 0, 0, 0));
    REFUSED("old-socket", old(359, AF_PACKET, SOCK_RAW, 0, 0, 0));
    REFUSED("old-clone-users", old(120, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    REFUSED("old-namespace-of-users", old(310, CLONE_NEWUSER, 0, 0, 0, 0));
    REFUSED("old-type-into-terminal", old(54, own_terminal(), TIOCSTI, letter, 0, 0));
    REFUSED("x32-keyctl", syscall(0x40000000 | SYS_keyctl, 0, SESSION, 0, 0, 0));
}
#else
static void old_calls(void) {}
#endif

static void calls(int key) {
    keys(key);
    kernel();
    namespaces();
    sockets();
    terminals();
    old_calls();
}
