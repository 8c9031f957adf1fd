/* Preloaded into the supervisor: it starts its worker under valgrind.
 *
 * The supervisor starts children as /proc/self/exe, which under valgrind is valgrind. So the supervisor runs
 * without it, and a worker is started as `valgrind … PROGRAM __worker …`. The worker inherits this library: its own
 * children (the probes) are started from PROGRAM, without valgrind. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 32 };

struct command {
    const char *program;
    char *const *arguments;
    char *storage[MOST_ARGUMENTS];
};

static struct command redirected(const char *program, char *const arguments[]) {
    struct command command = {program, arguments, {NULL}};
    const char *real = getenv("INSTRUCTIONS_PROGRAM");
    if (strcmp(program, "/proc/self/exe") != 0 || real == NULL)
        return command;
    command.program = real;
    if (arguments[0] == NULL || arguments[1] == NULL || strcmp(arguments[1], "__worker") != 0)
        return command;
    char *const before[] = {"valgrind",
                            "-q",
                            "--tool=callgrind",
                            getenv("INSTRUCTIONS_OUT"),
                            getenv("INSTRUCTIONS_LOG"),
                            (char *)real};
    size_t count = 0;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        command.storage[count++] = before[i];
    for (size_t i = 1; arguments[i] != NULL && count < MOST_ARGUMENTS - 1; i++)
        command.storage[count++] = arguments[i];
    command.program = "valgrind";
    command.arguments = NULL; /* those in storage, wherever the struct is copied to */
    return command;
}

static char *const *arguments_of(const struct command *command) {
    return command->arguments != NULL ? command->arguments : command->storage;
}

typedef int spawn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                  char *const[], char *const[]);

int posix_spawnp(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const arguments[], char *const variables[]) {
    spawn *next = (spawn *)dlsym(RTLD_NEXT, "posix_spawnp");
    struct command command = redirected(program, arguments);
    return next(pid, command.program, actions, attributes, arguments_of(&command), variables);
}

int execvp(const char *program, char *const arguments[]) {
    int (*next)(const char *, char *const[]) = (int (*)(const char *, char *const[]))dlsym(RTLD_NEXT, "execvp");
    struct command command = redirected(program, arguments);
    return next(command.program, arguments_of(&command));
}
