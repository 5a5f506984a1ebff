/* A disk whose power can be cut: preloaded into the gateway's processes, it keeps what would undo each write that no
   fsync has followed.

   Only files whose path begins with POWER_FILES are concerned. For each there is a file in the folder POWER_UNDO, with
   a record for each write or truncation: offset, length of the earlier bytes, earlier size of the file (three 64-bit
   numbers of this machine), and the earlier bytes. After an fsync of the file its records are gone: what they undo is
   safe. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OFFSET, LENGTH, SIZE, NUMBERS };

/* dlsym gives an object pointer; POSIX says that it may be used as a function's. */
#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) \
        *(void **)&real = dlsym(RTLD_NEXT, name)

static ssize_t plain_write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    return real(fd, data, size);
}

static int plain_truncate(int fd, off_t size)
{
    REAL(int, "ftruncate", int, off_t);
    return real(fd, size);
}

/* Open the records of a file, for this process alone; -1 where the file is no concern. */
static int records_of(int fd)
{
    const char *files = getenv("POWER_FILES"), *undo = getenv("POWER_UNDO");
    char link[64], path[4096], records[8192];

    if (!files || !undo)
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return -1;
    path[length] = 0;
    if (strncmp(path, files, strlen(files)) != 0)
        return -1;
    snprintf(records, sizeof records, "%s/%s", undo, strrchr(path, '/') + 1);
    int found = open(records, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (found < 0 || flock(found, LOCK_EX) < 0)
        abort();
    return found;
}

/* Note what is at a place of a file before it is written; the records stay locked until the write is made. It is read
   through the same descriptor: to close another one of the file would drop SQLite's locks. */
static void note(int fd, int records, off_t at, size_t size)
{
    struct stat now;
    int64_t head[NUMBERS];
    char *raw = malloc(sizeof head + size);

    if (!raw || fstat(fd, &now) < 0)
        abort();
    ssize_t there = pread(fd, raw + sizeof head, size, at);
    head[OFFSET] = at;
    head[LENGTH] = there < 0 ? 0 : there;
    head[SIZE] = now.st_size;
    memcpy(raw, head, sizeof head);
    if (plain_write(records, raw, sizeof head + head[LENGTH]) < 0)
        abort();
    free(raw);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    int records = records_of(fd);
    if (records >= 0)
        note(fd, records, at, size);
    ssize_t written = real(fd, data, size, at);
    if (records >= 0)
        close(records);
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return pwrite64(fd, data, size, at);
}

ssize_t write(int fd, const void *data, size_t size)
{
    int records = records_of(fd);
    if (records >= 0)
        note(fd, records, lseek(fd, 0, SEEK_CUR), size);
    ssize_t written = plain_write(fd, data, size);
    if (records >= 0)
        close(records);
    return written;
}

int ftruncate64(int fd, off64_t size)
{
    struct stat now;
    int records = records_of(fd);
    if (records >= 0 && fstat(fd, &now) == 0 && now.st_size > size)
        note(fd, records, size, now.st_size - size);
    int done = plain_truncate(fd, size);
    if (records >= 0)
        close(records);
    return done;
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

static int synced(int fd, int done)
{
    int records = done == 0 ? records_of(fd) : -1;
    if (records >= 0) {
        plain_truncate(records, 0);
        close(records);
    }
    return done;
}

int fsync(int fd)
{
    REAL(int, "fsync", int);
    return synced(fd, real(fd));
}

int fdatasync(int fd)
{
    REAL(int, "fdatasync", int);
    return synced(fd, real(fd));
}
