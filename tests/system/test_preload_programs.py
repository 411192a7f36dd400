"""The C programs that the tests of the preload library compile; no test is here."""

C_PROGRAMS = {
    "mapped": """
        #include <fcntl.h>
        #include <sys/mman.h>
        #include <stdio.h>
        #include <unistd.h>
        int main(void) {
            int in = open("A", O_RDONLY), out = open("B", O_RDWR | O_CREAT | O_TRUNC, 0644);
            char *from = mmap(0, 2, PROT_READ, MAP_PRIVATE, in, 0);
            close(in);
            if (ftruncate(out, 2)) return 1;
            char *to = mmap(0, 2, PROT_READ | PROT_WRITE, MAP_SHARED, out, 0);
            to[0] = from[1]; to[1] = from[0];
            munmap(to, 2);
            close(out);
            return 0;
        }""",
    "sloppy": """
        #include <fcntl.h>
        #include <stdio.h>
        #include <unistd.h>
        int main(void) {
            close(-1); close(77); close(100000); dup2(77, 78);
            FILE *first = fopen("X", "w"); fputs("one", first);
            for (int i = 3; i < 4096; i++) if (i != fileno(first)) close(i);
            int second = open("Y", O_WRONLY | O_CREAT, 0644);
            int third = open("Z", O_WRONLY | O_CREAT, 0644);
            if (write(second, "two", 3) != 3 || write(third, "3", 1) != 1) return 1;
            dup2(third, 900); close(third);
            return 0; /* X is flushed, and Y and Z are closed, by exit */
        }""",
    "forks": """
        #include <fcntl.h>
        #include <sys/wait.h>
        #include <unistd.h>
        int main(void) {
            close(open("A", O_RDONLY));
            for (int i = 0; i < 3; i++)
                if (fork() == 0) { close(open("A", O_RDONLY)); _exit(i); }
            while (wait(0) > 0);
            char b = 'b'; int out = creat("B", 0644);
            return write(out, &b, 1) != 1;
        }""",
    "threads": """
        #include <fcntl.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <unistd.h>
        static void *run(void *number) {
            char name[64];
            for (int i = 0; i < 1000; i++) {
                snprintf(name, sizeof name, "in/%ld-%d", (long)number, i);
                int out = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
                if (write(out, name, 8) != 8) return 0;
                close(out);
                close(open(name, O_RDONLY));
            }
            return 0;
        }
        int main(void) {
            pthread_t thread[8];
            for (long i = 0; i < 8; i++) pthread_create(&thread[i], 0, run, (void *)i);
            for (int i = 0; i < 8; i++) pthread_join(thread[i], 0);
            return 0;
        }""",
    "slow": """
        #include <fcntl.h>
        #include <unistd.h>
        int main(void) {
            close(open("A", O_RDONLY));
            int out = open("B", O_WRONLY | O_CREAT | O_TRUNC, 0644);
            if (write(out, "half", 4) != 4 || write(1, "!", 1) != 1) return 1;
            pause();
        }""",
    "signals": """
        #include <fcntl.h>
        #include <signal.h>
        #include <sys/time.h>
        #include <unistd.h>
        static volatile int left = 200;
        static void tick(int number) { (void)number; close(open("A", O_RDONLY)); left--; }
        int main(void) {
            struct itimerval every = {{0, 500}, {0, 500}};
            signal(SIGALRM, tick);
            setitimer(ITIMER_REAL, &every, 0);
            while (left > 0) close(open("C", O_RDONLY | O_CREAT, 0644));
            return 0;
        }""",
    "unnamed": """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdio.h>
        #include <unistd.h>
        int main(void) {
            char name[64];
            int out = open(".", O_TMPFILE | O_WRONLY, 0644);
            if (out < 0 || write(out, "x", 1) != 1) return 1;
            snprintf(name, sizeof name, "/proc/self/fd/%d", out);
            return linkat(AT_FDCWD, name, AT_FDCWD, "B", AT_SYMLINK_FOLLOW);
        }""",
    "starts": """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <spawn.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/wait.h>
        #include <unistd.h>
        int main(int count, char **word) {
            char *bare[] = {"PATH=/usr/bin:/bin", 0}, *cat[] = {"cp", "A", "B", 0}, *how = word[1];
            extern char **environ;
            pid_t child = 0;
            (void)count;
            if (!strcmp(how, "execl")) execl("/bin/cp", "cp", "A", "B", (char *)0);
            if (!strcmp(how, "execlp")) execlp("cp", "cp", "A", "B", (char *)0);
            if (!strcmp(how, "execle")) execle("/bin/cp", "cp", "A", "B", (char *)0, bare);
            if (!strcmp(how, "execv")) execv("/bin/cp", cat);
            if (!strcmp(how, "execvp")) execvp("cp", cat);
            if (!strcmp(how, "execvpe")) execvpe("cp", cat, bare);
            if (!strcmp(how, "fexecve")) fexecve(open("/bin/cp", O_RDONLY), cat, bare);
            if (!strcmp(how, "clearenv")) { clearenv(); execv("/bin/cp", cat); }
            if (!strcmp(how, "posix_spawn")) posix_spawn(&child, "/bin/cp", 0, 0, cat, bare);
            if (!strcmp(how, "posix_spawnp")) posix_spawnp(&child, "cp", 0, 0, cat, environ);
            if (!strcmp(how, "vfork") && !(child = vfork())) _exit(execve("/bin/cp", cat, bare));
            if (!strcmp(how, "fork") && (child = fork()) == 0) _exit(execve("/bin/cp", cat, bare));
            if (!strcmp(how, "system")) return system("cp A B");
            if (!strcmp(how, "popen")) return pclose(popen("cp A B", "r"));
            return child > 0 && waitpid(child, 0, 0) == child ? 0 : 1;
        }""",
    "direct": """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <string.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int main(int count, char **word) {
            char room[256] = {0};
            (void)count;
            char *how = word[1];
            if (!strcmp(how, "openat")) return syscall(SYS_openat, AT_FDCWD, "A", O_RDONLY, 0) < 0;
            if (!strcmp(how, "proc")) return syscall(SYS_openat, AT_FDCWD, "/proc/stat", 0, 0) < 0;
            if (!strcmp(how, "openat2")) {
                unsigned long flags[3] = {O_RDONLY};
                return syscall(SYS_openat2, AT_FDCWD, "A", flags, sizeof flags) < 0;
            }
        #ifdef SYS_open
            if (!strcmp(how, "open")) return syscall(SYS_open, "A", O_RDONLY, 0) < 0;
        #endif
            if (!strcmp(how, "unlinkat")) return syscall(SYS_unlinkat, AT_FDCWD, "A", 0) < 0;
            return syscall(SYS_io_uring_setup, 4, room) < 0 ? 77 : 0;
        }""",
    "static": """
        #include <fcntl.h>
        #include <unistd.h>
        int main(void) { return write(creat("B", 0644), "x", 1) != 1; }""",
    "checkpoints": """
        #include <stdio.h>
        int main(void) {
            for (int i = 0; i < 5; i++) {
                FILE *out = fopen("B", "w");
                fprintf(out, "step %d", i);
                fclose(out);
            }
            return 0;
        }""",
}
