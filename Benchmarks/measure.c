// measure [-n RUNS] [-p PAUSE_MS] NAME COMMAND… + NAME COMMAND… : the wall time from fork to reap of each
// command, one after another in turn, so that a noisy minute hits all alike. `{}` in a word is a new number each time.
// A `,` between words begins another call that belongs to the same time: `RUNTIME create c{} , RUNTIME start c{}`.
// Prints NAME, minimum, lower quartile, median in milliseconds, tab-separated. Exits 1 when a command does.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAXIMUM_COMMANDS = 16, MAXIMUM_RUNS = 10000 };
extern char **environ;

struct command {
    const char *name;
    char **words;
    int count;
    double *times;
};

static int misused(void)
{
    fprintf(stderr, "measure: [-n RUNS (4 to %d)] [-p PAUSE_MS] NAME COMMAND... [+ NAME COMMAND...]\n", MAXIMUM_RUNS);
    return 2;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static char *fill(const char *word, long number)
{
    const char *hole = strstr(word, "{}");
    char *filled;
    if (!hole) return strdup(word);
    if (asprintf(&filled, "%.*s%ld%s", (int)(hole - word), word, number, hole + 2) < 0) abort();
    return filled;
}

static void call(const struct command *command, char **words, posix_spawn_file_actions_t *actions)
{
    pid_t process;
    int status;
    int fault = posix_spawnp(&process, words[0], actions, NULL, words, environ);
    if (fault) {
        fprintf(stderr, "measure: cannot run %s: %s\n", words[0], strerror(fault));
        exit(1);
    }
    waitpid(process, &status, 0);
    if (status == 0) return;
    fprintf(stderr, "measure: %s (%s) ended with status %d\n", command->name, words[0],
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    exit(1);
}

static double run(const struct command *command, long number, posix_spawn_file_actions_t *actions)
{
    char **words = calloc(command->count + 1, sizeof *words);
    for (int i = 0; i < command->count; i++) words[i] = fill(command->words[i], number);
    double start = now();
    for (int first = 0, i = 0; i <= command->count; i++) {
        if (i < command->count && strcmp(words[i], ",") != 0) continue;
        char *comma = words[i];
        words[i] = NULL;
        call(command, words + first, actions);
        words[i] = comma;
        first = i + 1;
    }
    double time = now() - start;
    for (int i = 0; i < command->count; i++) free(words[i]);
    free(words);
    // What the calls left running has become a child of this process.
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    return time;
}

int main(int count, char **words)
{
    int runs = 60, pause = 0, option;
    while ((option = getopt(count, words, "+n:p:")) != -1) {
        if (option == 'n') runs = atoi(optarg);
        else if (option == 'p') pause = atoi(optarg);
        else return misused();
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (runs < 4 || runs > MAXIMUM_RUNS) return misused();
    struct command commands[MAXIMUM_COMMANDS];
    int known = 0;
    for (int i = optind; i < count && known < MAXIMUM_COMMANDS; known++) {
        struct command *command = &commands[known];
        command->name = words[i++];
        command->words = words + i;
        while (i < count && strcmp(words[i], "+") != 0) i++;
        command->count = words + i++ - command->words;
        command->times = calloc(runs, sizeof(double));
        if (command->count < 1) return misused();
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    long number = (long)getpid() * 100000;
    // Two rounds are not counted: they fill the page cache.
    for (int round = -2; round < runs; round++)
        for (int i = 0; i < known; i++) {
            if (pause) usleep(pause * 1000);
            double time = run(&commands[i], number++, &actions);
            if (round >= 0) commands[i].times[round] = time;
        }
    for (int i = 0; i < known; i++) {
        qsort(commands[i].times, runs, sizeof(double), compare);
        printf("%s\t%.3f\t%.3f\t%.3f\n", commands[i].name, commands[i].times[0], commands[i].times[runs / 4],
               commands[i].times[runs / 2]);
    }
    return 0;
}
