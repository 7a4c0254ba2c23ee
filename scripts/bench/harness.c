/* usage: harness ROUNDS WARM_UP_ROUNDS [pinned] <rows >samples
 *
 * Measures the run time of commands that print something. Runs all of them in each round, in random order,
 * so that other load on the machine affects all of them equally. A row of the input is
 *
 *     row NAME
 *     arg WORD            (repeated: the command; the first is an absolute path)
 *     env NAME=VALUE      (repeated: its whole environment; `\n` is a line break)
 *     client NAME         (optional: what the process that spawns the command is called)
 *     fresh PATH          (optional: a file to remove before each run)
 *     expect PATH         (optional: a file with the expected output)
 *
 * and of the output, NAME and the nanoseconds of each run.
 *
 * A client is a process that spawns the command, reads its output to the end and waits for it; this is the
 * measured time. Each run has its own client, as each kubectl is another process: the cache distinguishes
 * its callers. It leads a process group, as what an interactive shell starts.
 *
 * "pinned" runs everything on one processor. Otherwise most of the measured time is the time that a virtual
 * machine needs to wake up another processor: 150 us, the same for every row. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROWS = 64, MAX_WORDS = 128, MAX_OUTPUT = 1 << 20 };

struct row {
    char *name;
    char *argv[MAX_WORDS + 1];
    char *envp[MAX_WORDS + 1];
    char *client;
    char *fresh;
    char *expect;
    long long *samples_ns;
};

static struct row rows[MAX_ROWS];
static int row_count;
static char output[MAX_OUTPUT];
static char expected[MAX_OUTPUT];

static void die(const char *what, const char *which) {
    fprintf(stderr, "harness: %s: %s\n", which, what);
    exit(1);
}

static void append(char **words, char *word) {
    int count = 0;
    while (words[count])
        count++;
    if (count == MAX_WORDS)
        die("too many words", word);
    words[count] = word;
}

/* Replaces each `\n` by a line break, in place. */
static char *with_line_breaks(char *text) {
    for (char *at = text; (at = strstr(at, "\\n")); at++) {
        *at = '\n';
        memmove(at + 1, at + 2, strlen(at + 2) + 1);
    }
    return text;
}

static void read_rows(void) {
    char *line = NULL;
    size_t size = 0;
    for (ssize_t length; (length = getline(&line, &size, stdin)) > 0;) {
        line[length - 1] = '\0';
        char *space = strchr(line, ' ');
        if (!space)
            die("not a line of a row", line);
        *space = '\0';
        char *value = strdup(space + 1);
        if (!strcmp(line, "row")) {
            if (row_count == MAX_ROWS)
                die("too many rows", value);
            rows[row_count++].name = value;
            continue;
        }
        struct row *row = &rows[row_count - 1];
        if (!row_count)
            die("no row yet", line);
        else if (!strcmp(line, "arg"))
            append(row->argv, value);
        else if (!strcmp(line, "env"))
            append(row->envp, with_line_breaks(value));
        else if (!strcmp(line, "client"))
            row->client = value;
        else if (!strcmp(line, "fresh"))
            row->fresh = value;
        else if (!strcmp(line, "expect"))
            row->expect = value;
        else
            die("not a line of a row", line);
    }
    free(line);
}

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static size_t read_all(int file, char *bytes) {
    size_t length = 0;
    for (ssize_t got; length < MAX_OUTPUT && (got = read(file, bytes + length, MAX_OUTPUT - length)) > 0;)
        length += got;
    return length;
}

static void check(const struct row *row, int status, size_t length) {
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("did not end with status 0", row->name);
    if (length == 0)
        die("printed nothing", row->name);
    if (!row->expect)
        return;
    int file = open(row->expect, O_RDONLY);
    if (read_all(file, expected) != length || memcmp(expected, output, length))
        die("did not print what was expected", row->name);
}

/* Runs the command once, in the client's process; returns the nanoseconds. */
static long long spawn_and_read(const struct row *row) {
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) || posix_spawn_file_actions_init(&actions) ||
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) ||
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1))
        die("no pipe", row->name);

    long long start_ns = now_ns();
    pid_t child;
    int status;
    if (posix_spawn(&child, row->argv[0], &actions, NULL, row->argv, row->envp))
        die("cannot be started", row->name);
    close(ends[1]);
    size_t length = read_all(ends[0], output);
    if (waitpid(child, &status, 0) != child)
        die("cannot be waited for", row->name);
    long long took_ns = now_ns() - start_ns;

    check(row, status, length);
    return took_ns;
}

static long long run_client(const struct row *row) {
    int ends[2];
    if (row->fresh)
        unlink(row->fresh);
    if (pipe2(ends, O_CLOEXEC))
        die("no pipe", row->name);
    pid_t client = fork();
    if (client == 0) {
        setpgid(0, 0);
        if (row->client)
            prctl(PR_SET_NAME, row->client);
        long long took_ns = spawn_and_read(row);
        _exit(write(ends[1], &took_ns, sizeof took_ns) != sizeof took_ns);
    }
    close(ends[1]);
    long long took_ns;
    int status;
    ssize_t got = read(ends[0], &took_ns, sizeof took_ns);
    close(ends[0]);
    if (client < 0 || waitpid(client, &status, 0) != client || status != 0 || got != sizeof took_ns)
        die("the client failed", row->name);
    return took_ns;
}

static void pin(void) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one))
        die("cannot be pinned", "harness");
}

static void shuffle(int *order) {
    for (int at = row_count - 1; at > 0; at--) {
        int other = rand() % (at + 1), kept = order[at];
        order[at] = order[other];
        order[other] = kept;
    }
}

int main(int argc, char **argv) {
    if (argc < 3)
        die("usage: harness ROUNDS WARM_UP_ROUNDS [pinned]", argv[0]);
    int rounds = atoi(argv[1]), warm_up = atoi(argv[2]);
    read_rows();
    if (argc > 3 && !strcmp(argv[3], "pinned"))
        pin();

    int order[MAX_ROWS];
    for (int number = 0; number < row_count; number++) {
        order[number] = number;
        rows[number].samples_ns = calloc(rounds, sizeof *rows[number].samples_ns);
    }
    srand(getpid());
    for (int round = -warm_up; round < rounds; round++) {
        shuffle(order);
        for (int at = 0; at < row_count; at++) {
            struct row *row = &rows[order[at]];
            long long took_ns = run_client(row);
            if (round >= 0)
                row->samples_ns[round] = took_ns;
        }
    }
    for (int number = 0; number < row_count; number++) {
        printf("%s", rows[number].name);
        for (int round = 0; round < rounds; round++)
            printf(" %lld", rows[number].samples_ns[round]);
        printf("\n");
    }
    return 0;
}
