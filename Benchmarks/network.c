/* network.c: two ends of a connection, for Benchmarks/run network.
   serve PORT            takes callers one after another; the first byte says what each wants
   stream HOST PORT SEC  receives as fast as it can for so many seconds; prints MiB a second
   pong HOST PORT COUNT  sends one byte and waits for one, so many times; prints microseconds a round, lower quartile */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 18];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void at_once(int connection) {
  int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void serve(int port) {
  int on = 1, server = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 16)) fail("listen");
  for (;;) {
    int caller = accept(server, 0, 0);
    char wish;
    if (caller < 0) continue;
    at_once(caller);
    if (read(caller, &wish, 1) == 1) {
      if (wish == 's') {
        while (send(caller, buffer, sizeof buffer, MSG_NOSIGNAL) > 0) {}
      } else {
        while (send(caller, &wish, 1, MSG_NOSIGNAL) == 1 && read(caller, &wish, 1) == 1) {}
      }
    }
    close(caller);
  }
}

static int reach(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
  if (getaddrinfo(host, port, &hints, &found)) fail("address");
  for (int attempt = 0; attempt < 100; attempt++) {
    int connection = socket(found->ai_family, SOCK_STREAM, 0);
    if (!connect(connection, found->ai_addr, found->ai_addrlen)) {
      at_once(connection);
      return connection;
    }
    close(connection);
    usleep(50000);
  }
  fail("connect");
  return -1;
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

int main(int count, char **words) {
  if (count == 3 && !strcmp(words[1], "serve")) serve(atoi(words[2]));
  if (count != 5) return 2;
  int connection = reach(words[2], words[3]);
  if (!strcmp(words[1], "stream")) {
    double begin, end, seconds = atof(words[4]);
    uint64_t bytes = 0;
    ssize_t got;
    if (write(connection, "s", 1) != 1) fail("write");
    begin = now();
    do {
      got = read(connection, buffer, sizeof buffer);
      if (got <= 0) fail("read");
      bytes += got;
      end = now();
    } while (end - begin < seconds);
    printf("%.1f\n", bytes / (end - begin) / (1 << 20));
  } else {
    int rounds = atoi(words[4]);
    double *times = calloc(rounds, sizeof *times);
    char byte = 'p';
    if (!times) fail("calloc");
    for (int round = 0; round < rounds; round++) {
      double begin = now();
      if (write(connection, &byte, 1) != 1 || read(connection, &byte, 1) != 1) fail("round");
      times[round] = now() - begin;
    }
    qsort(times, rounds, sizeof *times, ascending);
    printf("%.2f\n", times[rounds / 4] * 1e6);
  }
  return 0;
}
