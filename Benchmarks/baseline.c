// baseline ROOTFS PROGRAM: a C program that makes the calls of one small container and nothing more: no configuration is
// read, nothing is checked, nothing is recorded. It is the floor that `skiff run` is measured against.
// baseline --exec PID PROGRAM: the same of one more program in the container whose first process that is.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAXIMUM_GROUPS = 16 };
static char groups[MAXIMUM_GROUPS][256];
static int group_count, unified = -1;

static void must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "baseline: %s: %s\n", what, strerror(errno));
        _exit(125);
    }
}

static void put(const char *path, const char *value)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    if (write(file, value, strlen(value)) < 0) perror(path);
    close(file);
}

// One group in each v1 hierarchy, or one in the v2 tree.
static void find_groups(void)
{
    DIR *directory = opendir("/sys/fs/cgroup");
    struct dirent *entry;
    int is_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    if (is_v2) snprintf(groups[group_count++], sizeof groups[0], "/sys/fs/cgroup/baseline-%d", getpid());
    while (!is_v2 && directory && (entry = readdir(directory)) && group_count < MAXIMUM_GROUPS) {
        char top[300];
        if (entry->d_name[0] == '.' || entry->d_type != DT_DIR) continue;
        snprintf(top, sizeof top, "/sys/fs/cgroup/%.100s/cgroup.procs", entry->d_name);
        if (access(top, F_OK) != 0) continue;
        snprintf(groups[group_count++], sizeof groups[0], "/sys/fs/cgroup/%.100s/baseline-%d", entry->d_name, getpid());
    }
    if (directory) closedir(directory);
}

static void make_groups(void)
{
    char path[4400];
    for (int i = 0; i < group_count; i++) {
        if (i == unified) continue;
        must(mkdir(groups[i], 0755), groups[i]);
        if (strstr(groups[i], "/cpuset/")) {
            snprintf(path, sizeof path, "%s/cpuset.cpus", groups[i]);
            put(path, "0");
            snprintf(path, sizeof path, "%s/cpuset.mems", groups[i]);
            put(path, "0");
        }
    }
}

static void join_groups(void)
{
    char path[4400];
    for (int i = 0; i < group_count; i++) {
        if (i == unified) continue;
        snprintf(path, sizeof path, "%s/tasks", groups[i]);
        put(path, "0");
    }
}

static void mount_at(const char *type, const char *target, unsigned long flags, const char *data)
{
    mkdir(target, 0755);
    must(mount(type, target, type, flags, data), target);
}

static void build(const char *root)
{
    static const struct { const char *name; int major, minor; } devices[] = {
        {"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
    const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "propagation");
    must(mount(root, root, NULL, MS_BIND | MS_REC, NULL), "root");
    must(chdir(root), root);
    mount_at("proc", "proc", safe, NULL);
    mount_at("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
    mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount_at("tmpfs", "dev/shm", safe, "mode=1777,size=65536k");
    mount_at("mqueue", "dev/mqueue", safe, NULL);
    mount_at("sysfs", "sys", safe | MS_RDONLY, NULL);
    for (unsigned i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "dev/%s", devices[i].name);
        must(mknod(path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)), path);
    }
    must(symlink("/proc/self/fd", "dev/fd"), "dev/fd");
    must(symlink("/proc/self/fd/0", "dev/stdin"), "dev/stdin");
    must(symlink("/proc/self/fd/1", "dev/stdout"), "dev/stdout");
    must(symlink("/proc/self/fd/2", "dev/stderr"), "dev/stderr");
    must(symlink("pts/ptmx", "dev/ptmx"), "dev/ptmx");
}

// The hierarchies of control groups, read-only, as the group's own namespace shows them.
static void show_groups(void)
{
    const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (strncmp(groups[0], "/sys/fs/cgroup/baseline-", 24) == 0) {
        mount_at("cgroup2", "sys/fs/cgroup", safe | MS_RDONLY, NULL);
        return;
    }
    mount_at("tmpfs", "sys/fs/cgroup", safe, "mode=755");
    for (int i = 0; i < group_count; i++) {
        char name[128], target[256], option[160];
        snprintf(name, sizeof name, "%.100s", groups[i] + strlen("/sys/fs/cgroup/"));
        *strchr(name, '/') = 0;
        snprintf(target, sizeof target, "sys/fs/cgroup/%s", name);
        snprintf(option, sizeof option, "%s%s", strcmp(name, "systemd") == 0 ? "name=" : "", name);
        mount_at(i == unified ? "cgroup2" : "cgroup", target, safe | MS_RDONLY, i == unified ? NULL : option);
    }
    must(mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | safe, NULL), "sys/fs/cgroup");
}

static void hide(void)
{
    static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
    static const char *const files[] = {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"};
    static const char *const directories[] = {"/proc/acpi", "/proc/scsi", "/sys/firmware"};
    for (unsigned i = 0; i < sizeof read_only / sizeof read_only[0]; i++)
        if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) == 0)
            mount(NULL, read_only[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) mount("/dev/null", files[i], NULL, MS_BIND, NULL);
    for (unsigned i = 0; i < sizeof directories / sizeof directories[0]; i++)
        mount("tmpfs", directories[i], "tmpfs", MS_RDONLY, "size=0k");
}

static _Noreturn void execute(char *program)
{
    char *arguments[] = {program, NULL}, *environment[] = {"PATH=/bin", NULL};
    for (int i = 0; i <= 40; i++)
        if (i > 13 && i != 18 && i != 27 && i != 29 && i != 31) prctl(PR_CAPBSET_DROP, i);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    execve(program, arguments, environment);
    must(-1, program);
    _exit(127);
}

static _Noreturn void become(const char *root, char *program, int go)
{
    char byte;
    build(root);
    must(read(go, &byte, 1), "go");
    join_groups();
    must(unshare(CLONE_NEWCGROUP), "cgroup namespace");
    show_groups();
    must(sethostname("baseline", 8), "hostname");
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount2");
    must(chdir("/"), "chdir");
    hide();
    execute(program);
}

// The groups that a process is in: those of v1 into `groups`, the one of v2 as an open directory; -1 where there is none.
static int find_groups_of(const char *process)
{
    char path[64], line[512];
    int directory = -1;
    snprintf(path, sizeof path, "/proc/%s/cgroup", process);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        char *name = strchr(line, ':'), *place = name ? strchr(name + 1, ':') : NULL;
        if (!place) continue;
        *place++ = 0;
        place[strcspn(place, "\n")] = 0;
        if (name[1]) {
            const char *named = strncmp(name + 1, "name=", 5) == 0 ? name + 6 : name + 1;
            if (group_count < MAXIMUM_GROUPS)
                snprintf(groups[group_count++], sizeof groups[0], "/sys/fs/cgroup/%.60s%.160s", named, place);
            continue;
        }
        char top[600];
        snprintf(top, sizeof top, "/sys/fs/cgroup%s", place);
        if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
            directory = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (file) fclose(file);
    return directory;
}

static int enter(const char *process, char *program)
{
    int status, container = (int)syscall(SYS_pidfd_open, atoi(process), 0);
    must(container, "pidfd_open");
    int directory = find_groups_of(process);
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    if (directory >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = directory;
    }
    must(setns(container, CLONE_NEWPID), "setns");
    long child = syscall(SYS_clone3, &arguments, sizeof arguments);
    must(child, "clone3");
    if (child == 0) {
        join_groups();
        must(setns(container, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP), "setns");
        execute(program);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int count, char **words)
{
    if (count == 4 && strcmp(words[1], "--exec") == 0) return enter(words[2], words[3]);
    if (count != 3) return 2;
    int go[2], status;
    must(pipe2(go, O_CLOEXEC), "pipe2");
    find_groups();
    struct clone_args arguments = {
        .flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID, .exit_signal = SIGCHLD};
    // Born in its v2 group: a write to cgroup.procs would wait for a grace period of RCU, some 9 ms.
    for (int i = 0; i < group_count; i++) {
        char path[4400];
        snprintf(path, sizeof path, "%s/cgroup.procs", groups[i]);
        *strstr(path, "baseline-") = 0;
        strcat(path, "cgroup.controllers");
        if (access(path, F_OK) == 0) unified = i;
    }
    if (unified >= 0) {
        must(mkdir(groups[unified], 0755), groups[unified]);
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = open(groups[unified], O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    long child = syscall(SYS_clone3, &arguments, sizeof arguments);
    must(child, "clone3");
    if (child == 0) become(words[1], words[2], go[0]);
    make_groups();
    must(write(go[1], "g", 1), "go");
    waitpid(child, &status, 0);
    for (int i = 0; i < group_count; i++)
        for (int tries = 0; rmdir(groups[i]) < 0 && tries < 1000; tries++) usleep(100);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
