/* The floor of the benchmark: what a program must at least do that prints 2 KB of a file. Built
 * static with musl. Under the name of an exec plugin it is also the fastest plugin there can be,
 * against which a miss is measured.
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
