/* Copies a file through shared mappings: no byte passes a read or a write. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char **names)
{
    struct stat found;
    int from = open(names[1], O_RDONLY);
    int to = open(names[2], O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (count != 3 || from < 0 || to < 0 || fstat(from, &found) || ftruncate(to, found.st_size))
        return 1;
    char *source = mmap(0, found.st_size, PROT_READ, MAP_SHARED, from, 0);
    char *target = mmap(0, found.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
    if (source == MAP_FAILED || target == MAP_FAILED)
        return 1;
    close(from);
    close(to);
    for (off_t place = 0; place < found.st_size; place++)
        target[place] = source[place] ^ 1;
    return munmap(source, found.st_size) || munmap(target, found.st_size);
}
