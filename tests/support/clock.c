/*
 * A movable clock for the program under test and its plugins, loaded by LD_PRELOAD.
 *
 * The file named by TEST_CLOCK_OUTPUT holds two 64-bit integers in host order: nanoseconds to add to the
 * time of day, and the speed-up of the monotonic clock, sleeps and timeouts. The file is mapped, so
 * that a test can move the time of running processes. The shipped program has no code for this.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct setting {
    volatile int64_t offset_ns;
    volatile int64_t speed;
};

static struct setting still = {0, 1};
static struct setting *setting = &still;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static long (*kernel)(long, ...);

__attribute__((constructor)) static void start(void)
{
    kernel = dlsym(RTLD_NEXT, "syscall");
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("TEST_CLOCK_OUTPUT");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *setting, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        setting = mapped;
}

static int64_t to_ns(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static struct timespec from_ns(int64_t ns)
{
    int64_t rest = ns % 1000000000;
    if (rest < 0)
        rest += 1000000000;
    return (struct timespec){.tv_sec = (ns - rest) / 1000000000, .tv_nsec = rest};
}

/* Rounds up, because a wait of 0 would make a busy loop. */
static struct timespec shortened(const struct timespec *wait)
{
    int64_t ns = to_ns(wait);
    return from_ns(ns > 0 ? (ns + setting->speed - 1) / setting->speed : ns);
}

static int is_time_of_day(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

static int is_steady(clockid_t clock)
{
    return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE ||
           clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (!real_clock_gettime)
        start(); /* called from another library's constructor */
    int result = real_clock_gettime(clock, time);
    if (result != 0)
        return result;
    if (is_time_of_day(clock))
        *time = from_ns(to_ns(time) + setting->offset_ns);
    else if (is_steady(clock))
        *time = from_ns(to_ns(time) * setting->speed);
    return 0;
}

int gettimeofday(struct timeval *restrict value, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    value->tv_sec = now.tv_sec;
    value->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result)
        *result = now.tv_sec;
    return now.tv_sec;
}

int nanosleep(const struct timespec *wait, struct timespec *left)
{
    struct timespec shorter = shortened(wait);
    return (int)kernel(SYS_nanosleep, &shorter, left);
}

/* Ends when the test moves the clock, as a sleep ends when the real clock is set. */
static int sleep_until_time_of_day(const struct timespec *moment)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    struct timespec now;
    for (;;) {
        clock_gettime(CLOCK_REALTIME, &now);
        if (to_ns(&now) >= to_ns(moment))
            return 0;
        kernel(SYS_nanosleep, &pause, NULL);
    }
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wait, struct timespec *left)
{
    static int (*real)(clockid_t, int, const struct timespec *, struct timespec *);
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_nanosleep");
    struct timespec other = *wait;
    if (!(flags & TIMER_ABSTIME))
        other = shortened(wait);
    else if (is_steady(clock))
        other = from_ns(to_ns(wait) / setting->speed);
    else if (is_time_of_day(clock))
        return sleep_until_time_of_day(wait);
    return real(clock, flags, &other, left);
}

unsigned sleep(unsigned seconds)
{
    struct timespec wait = {.tv_sec = seconds};
    return nanosleep(&wait, &wait) == 0 ? 0 : 1;
}

int usleep(useconds_t microseconds)
{
    struct timespec wait = from_ns((int64_t)microseconds * 1000);
    return nanosleep(&wait, NULL);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    /* The kernel writes the remaining time into its argument, so pass a copy. */
    struct timespec shorter;
    if (timeout)
        shorter = shortened(timeout);
    return (int)kernel(SYS_ppoll, fds, count, timeout ? &shorter : NULL, mask, _NSIG / 8);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct timespec timeout = from_ns((int64_t)timeout_ms * 1000000);
    return ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

int pselect(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict odd,
            const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    struct { const sigset_t *mask; size_t size; } argument = {mask, _NSIG / 8};
    struct timespec shorter;
    if (timeout)
        shorter = shortened(timeout);
    return (int)kernel(SYS_pselect6, count, in, out, odd, timeout ? &shorter : NULL, &argument);
}

int select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict odd,
           struct timeval *restrict timeout)
{
    struct timespec wait;
    if (timeout)
        wait = (struct timespec){timeout->tv_sec, (long)timeout->tv_usec * 1000};
    return pselect(count, in, out, odd, timeout ? &wait : NULL, NULL);
}

int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_ms)
{
    if (timeout_ms > 0)
        timeout_ms = (int)((timeout_ms + setting->speed - 1) / setting->speed);
    return (int)kernel(SYS_epoll_pwait, epoll, events, count, timeout_ms, NULL, _NSIG / 8);
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
                 const struct timespec *restrict timeout)
{
    struct timespec shorter;
    if (timeout)
        shorter = shortened(timeout);
    return (int)kernel(SYS_rt_sigtimedwait, set, info, timeout ? &shorter : NULL, _NSIG / 8);
}

unsigned alarm(unsigned seconds)
{
    struct timespec wait = {.tv_sec = seconds};
    struct timespec shorter = shortened(&wait);
    struct itimerval timer = {.it_value = {shorter.tv_sec, shorter.tv_nsec / 1000}};
    if (seconds && !timer.it_value.tv_sec && !timer.it_value.tv_usec)
        timer.it_value.tv_usec = 1;
    return setitimer(ITIMER_REAL, &timer, NULL) == 0 ? 0 : 1;
}

/* Rust's std calls futex by number when threads wait with a timeout. */
long syscall(long number, ...)
{
    long argument[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        argument[i] = va_arg(list, long);
    va_end(list);

    const struct timespec *limit = (const struct timespec *)argument[3];
    int call = (int)argument[1] & FUTEX_CMD_MASK;
    struct timespec sooner;
    if (!kernel)
        start();
    if (number == SYS_clock_gettime) /* as the program reads its clocks on Linux */
        return clock_gettime((clockid_t)argument[0], (struct timespec *)argument[1]);
    if (number == SYS_futex && limit && (call == FUTEX_WAIT || call == FUTEX_WAIT_BITSET)) {
        if (call == FUTEX_WAIT)
            sooner = shortened(limit);
        else if ((int)argument[1] & FUTEX_CLOCK_REALTIME)
            sooner = from_ns(to_ns(limit) - setting->offset_ns);
        else
            sooner = from_ns(to_ns(limit) / setting->speed);
        argument[3] = (long)&sooner;
    }
    return kernel(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                  argument[5]);
}
