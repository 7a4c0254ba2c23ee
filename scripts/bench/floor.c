/* The floor of the benchmark: prints a file of 2 KB with as little work as possible. Linked statically with
 * musl. Under the name of an exec plugin it is also the fastest possible plugin, used to measure a miss.
 *
 * BENCH_FILE names the file. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    static char bytes[4096];
    const char *path = getenv("BENCH_FILE");
    int file = path ? open(path, O_RDONLY) : -1;
    ssize_t length = read(file, bytes, sizeof bytes);
    return length < 1 || write(STDOUT_FILENO, bytes, length) != length;
}
