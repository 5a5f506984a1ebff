/* A disk that fails on command: preloaded into the gateway's processes, it stands before what SQLite asks of libc.

   Only files whose path begins with FAULTY_DISK_FILES are concerned. FAULTY_DISK_CONTROL is a file of three numbers,
   mapped: the errno of every write, the errno of every fsync, and the milliseconds that an fsync takes; 0 is well. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_ERRNO, SYNC_ERRNO, SYNC_MS, NUMBERS };

static volatile int32_t *control;
static const char *files;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTY_DISK_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

    files = getenv("FAULTY_DISK_FILES");
    if (fd < 0 || !files)
        return;
    void *map = mmap(NULL, NUMBERS * sizeof(int32_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        control = map;
}

static int concerned(int fd)
{
    char link[64], path[4096];

    if (!control)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strncmp(path, files, strlen(files)) == 0;
}

static int fails(int fd, int number)
{
    if (!control || !control[number] || !concerned(fd))
        return 0;
    errno = control[number];
    return 1;
}

static void dawdle(int fd)
{
    if (!control || !control[SYNC_MS] || !concerned(fd))
        return;
    struct timespec wait = {control[SYNC_MS] / 1000, control[SYNC_MS] % 1000 * 1000000L};
    nanosleep(&wait, NULL);
}

/* dlsym gives an object pointer; POSIX says that it may be used as a function's. */
#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) \
        *(void **)&real = dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    return fails(fd, WRITE_ERRNO) ? -1 : real(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return fails(fd, WRITE_ERRNO) ? -1 : real(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return fails(fd, WRITE_ERRNO) ? -1 : real(fd, data, size, at);
}

int ftruncate(int fd, off_t size)
{
    REAL(int, "ftruncate", int, off_t);
    return fails(fd, WRITE_ERRNO) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    REAL(int, "ftruncate64", int, off64_t);
    return fails(fd, WRITE_ERRNO) ? -1 : real(fd, size);
}

int fsync(int fd)
{
    REAL(int, "fsync", int);
    dawdle(fd);
    return fails(fd, SYNC_ERRNO) ? -1 : real(fd);
}

int fdatasync(int fd)
{
    REAL(int, "fdatasync", int);
    dawdle(fd);
    return fails(fd, SYNC_ERRNO) ? -1 : real(fd);
}
