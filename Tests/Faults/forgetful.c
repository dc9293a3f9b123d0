/*
 * In front of the C library: before a file below FORGETFUL_DIRECTORY is written to or cut, what is there is noted in the file
 * FORGETFUL_NOTES, and every fsync notes which of that is durable now. With the name of the notes as its argument, the same
 * source as a program puts back what was never synced, the last change first: the worst that a loss of power may do to the
 * contents of files. (The names in a directory stay; they are not what this is about.)
 *
 * A note: struct note, the path, the bytes that were there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CHANGED = 1, SYNCED = 2 };

struct note {
    uint64_t kind, inode, number; /* of a sync: the number of the last change before it began */
    int64_t offset, length;       /* of the file before the change */
    uint64_t path_bytes, old_bytes;
};

#ifndef PUT_BACK

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static uint64_t changes;
static int notes = -1;

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

static void fail(const char *what) {
    perror(what);
    abort(); /* a test that cannot trust its disk is none */
}

static void append(const struct iovec *parts, int count) {
    size_t total = 0;
    if (notes < 0) {
        const char *path = getenv("FORGETFUL_NOTES");
        notes = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (notes < 0) fail("open the notes");
    }
    for (int i = 0; i < count; i++) total += parts[i].iov_len;
    if (REAL(writev)(notes, parts, count) != (ssize_t) total) fail("write a note");
}

/* Whether the file is one to be noted; its path then. */
static int is_ours(int fd, char *path, size_t room, struct stat *file) {
    static __thread char link[64];
    const char *directory = getenv("FORGETFUL_DIRECTORY");
    if (!directory || fstat(fd, file) != 0 || !S_ISREG(file->st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, room - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strncmp(path, directory, strlen(directory)) == 0;
}

static void note_change(int fd, int64_t offset, uint64_t bytes) {
    char path[4096];
    struct stat file;
    if (!is_ours(fd, path, sizeof path, &file)) return;
    int saved = errno;
    struct note note = { CHANGED, file.st_ino, 0, offset, file.st_size, strlen(path), 0 };
    char *old = NULL;
    if (offset < file.st_size) {
        note.old_bytes = bytes < (uint64_t) (file.st_size - offset) ? bytes : (uint64_t) (file.st_size - offset);
        old = malloc(note.old_bytes);
        int reader = open(path, O_RDONLY | O_CLOEXEC);
        uint64_t have = 0;
        while (reader >= 0 && have < note.old_bytes) {
            ssize_t got = pread(reader, old + have, note.old_bytes - have, offset + have);
            if (got <= 0) break;
            have += got;
        }
        if (have < note.old_bytes) fail("read what is overwritten");
        close(reader);
    }
    pthread_mutex_lock(&gate);
    note.number = ++changes;
    struct iovec parts[] = { { &note, sizeof note }, { path, note.path_bytes }, { old, note.old_bytes } };
    append(parts, 3);
    pthread_mutex_unlock(&gate);
    free(old);
    errno = saved;
}

static int sync_and_note(int fd, int (*sync)(int)) {
    char path[4096];
    struct stat file;
    int ours = is_ours(fd, path, sizeof path, &file);
    pthread_mutex_lock(&gate);
    struct note note = { SYNCED, file.st_ino, changes, 0, 0, 0, 0 };
    pthread_mutex_unlock(&gate);
    int result = sync(fd);
    if (!ours || result != 0) return result;
    pthread_mutex_lock(&gate);
    struct iovec parts[] = { { &note, sizeof note } };
    append(parts, 1);
    pthread_mutex_unlock(&gate);
    return result;
}

static int64_t size_of(const struct iovec *parts, int count) {
    int64_t total = 0;
    for (int i = 0; i < count; i++) total += parts[i].iov_len;
    return total;
}

static void note_cut(int fd, int64_t length) {
    struct stat file;
    if (fstat(fd, &file) != 0) return;
    note_change(fd, length, length < file.st_size ? file.st_size - length : 0);
}

int fsync(int fd) { return sync_and_note(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_and_note(fd, REAL(fdatasync)); }

ssize_t pwrite(int fd, const void *from, size_t bytes, off_t offset) {
    note_change(fd, offset, bytes);
    return REAL(pwrite)(fd, from, bytes, offset);
}

ssize_t pwrite64(int fd, const void *from, size_t bytes, off64_t offset) {
    note_change(fd, offset, bytes);
    return REAL(pwrite64)(fd, from, bytes, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    note_change(fd, offset, size_of(parts, count));
    return REAL(pwritev)(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    note_change(fd, offset, size_of(parts, count));
    return REAL(pwritev64)(fd, parts, count, offset);
}

int ftruncate(int fd, off_t length) {
    note_cut(fd, length);
    return REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    note_cut(fd, length);
    return REAL(ftruncate64)(fd, length);
}

#else

struct kept {
    struct note note;
    char *path, *old;
};

static void *read_bytes(FILE *file, uint64_t count) {
    char *bytes = calloc(1, count + 1);
    if (fread(bytes, 1, count, file) == count) return bytes;
    free(bytes);
    return NULL;
}

int main(int argc, char **argv) {
    struct kept *all = NULL;
    size_t count = 0, room = 0;
    uint64_t files = 0, bytes = 0;
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (!file) return 1;
    for (struct note note; fread(&note, sizeof note, 1, file) == 1; count++) {
        if (count == room) all = realloc(all, (room = room ? 2 * room : 1024) * sizeof *all);
        all[count] = (struct kept) { note, read_bytes(file, note.path_bytes), read_bytes(file, note.old_bytes) };
        if (!all[count].path || !all[count].old) break; /* killed within a note: what it is about was not done */
    }
    for (size_t i = count; i-- > 0;) {
        struct note *note = &all[i].note;
        struct stat now;
        int durable = 0;
        if (note->kind != CHANGED) continue;
        for (size_t j = i + 1; j < count && !durable; j++)
            durable = all[j].note.kind == SYNCED && all[j].note.inode == note->inode && all[j].note.number >= note->number;
        if (durable || stat(all[i].path, &now) != 0 || now.st_ino != note->inode) continue;
        int fd = open(all[i].path, O_WRONLY);
        if (fd < 0) return 2;
        if (now.st_size > note->length) bytes += now.st_size - note->length;
        if (pwrite(fd, all[i].old, note->old_bytes, note->offset) != (ssize_t) note->old_bytes) return 3;
        if (ftruncate(fd, note->length) != 0) return 4;
        close(fd);
        files++;
    }
    printf("%llu changes, %llu bytes\n", (unsigned long long) files, (unsigned long long) bytes);
    return 0;
}

#endif
