// names ADDRESS NAME COUNT WINDOW: asks for the A records of NAME by UDP, COUNT times, WINDOW questions at a time.
// Prints answers per second, the median and the 99th percentile of the time to an answer in microseconds, tab-separated.
// Exits 1 when an answer is missing for five seconds, or is none.
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

int main(int argc, char **argv)
{
    if (argc != 5) return 2;
    long count = atol(argv[3]), window = atol(argv[4]);
    unsigned char question[300] = {0, 0, 1, 0, 0, 1};
    size_t length = 12;
    for (char *label = strtok(argv[2], "."); label; label = strtok(NULL, ".")) {
        question[length] = (unsigned char)strlen(label);
        memcpy(question + length + 1, label, strlen(label));
        length += 1 + strlen(label);
    }
    memcpy(question + length, "\0\0\1\0\1", 5);
    length += 5;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
    inet_pton(AF_INET, argv[1], &server.sin_addr);
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval patience = {5, 0};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(descriptor, (struct sockaddr *)&server, sizeof server)) return 1;
    double *times = calloc((size_t)count, sizeof *times), sent[65536], begin = now();
    long asked = 0;
    for (long answered = 0; answered < count; answered++) {
        for (; asked < count && asked - answered < window; asked++) {
            question[0] = (unsigned char)(asked >> 8), question[1] = (unsigned char)asked;
            sent[asked & 65535] = now();
            if (send(descriptor, question, length, 0) < 0) return 1;
        }
        unsigned char answer[4096];
        if (recv(descriptor, answer, sizeof answer, 0) < 12 || answer[3] & 15 || !answer[7]) return 1;
        times[answered] = now() - sent[answer[0] << 8 | answer[1]];
    }
    double seconds = (now() - begin) / 1e6;
    qsort(times, (size_t)count, sizeof *times, compare);
    printf("%.0f\t%.1f\t%.1f\n", (double)count / seconds, times[count / 2], times[count * 99 / 100]);
    return 0;
}
