/* A PKCS#11 module that misbehaves on command: it passes every call to the real module, FAULTY_MODULE, and does for the
 * n-th call of a function what a rule in FAULTY_CONTROL says. The control file is mapped by every process that loads
 * the module and by the test, so a rule takes effect at once and is counted over all of them.
 *
 * Every function of PKCS#11 v2.40 takes at most eight arguments, each no wider than a register, so one wrapper per
 * place in the function list passes them on without knowing what they mean (x86-64 and AArch64 leave the arguments that
 * a callee does not take to the caller). What a rule must know of them is in the table below.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long word;
typedef word (*call)(word, word, word, word, word, word, word, word);

enum { FUNCTIONS = 68, RULES = 32, OUTPUT = 16, CKR_GENERAL_ERROR = 5 };
enum action {
    NONE, RETURN, SLEEP, SEGFAULT, ABORT, EXIT, PRINT, LENGTH, EMPTY, REUSE, RETURN_AFTER, SLEEP_AFTER, KILL_AFTER,
    FLAGS
};

/* One rule: from the `after`-th call on, `times` times. The test writes `action` last. */
struct rule {
    _Atomic int32_t action;
    int32_t function;
    _Atomic int32_t after;
    _Atomic int32_t times;
    int64_t argument;
};

struct control {
    struct rule rules[RULES];
    _Atomic int64_t calls[FUNCTIONS];
};

struct list {
    unsigned char version[2];
    call functions[FUNCTIONS];
};

static struct list ours;
static struct list *real;
static struct control *control;

/* Which argument of a function, from 0, points to the length of what it gives; and which ones are object handles, or
 * point to handles that it gives. The places are those of CK_FUNCTION_LIST. */
static const signed char length_at[FUNCTIONS] = {
    [30] = 4, [31] = 4, [32] = 2, [34] = 4, [35] = 4, [36] = 2, [38] = 4, [41] = 2, [43] = 4, [45] = 2, [60] = 5,
};
static const signed char handles_at[FUNCTIONS][3] = {
    [21] = {1}, [22] = {1}, [23] = {1}, [24] = {1}, [25] = {1}, [29] = {2}, [33] = {2}, [40] = {1}, [42] = {2},
    [46] = {2}, [48] = {2}, [52] = {2}, [60] = {2, 3}, [61] = {2}, [62] = {2},
};
static const signed char given_at[FUNCTIONS][3] = {
    [20] = {3}, [21] = {4}, [27] = {1}, [58] = {4}, [59] = {6, 7}, [61] = {7}, [62] = {5},
};

enum { GET_TOKEN_INFO = 6, FIND_OBJECTS = 27 };
enum { TOKEN_FLAGS_AT = 96 }; /* in CK_TOKEN_INFO: after label, manufacturer, model and serial number */

static word nap(int64_t milliseconds) {
    struct timespec left = {milliseconds / 1000, (milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left)) {}
    return 0;
}

/* Gives the rule that this call falls under, none as NULL, and counts it. */
static struct rule *rule_for(int function) {
    for (int i = 0; i < RULES; i++) {
        struct rule *rule = &control->rules[i];
        if (atomic_load(&rule->action) == NONE || rule->function != function) continue;
        if (rule->action == REUSE) continue;
        if (atomic_fetch_sub(&rule->after, 1) > 1) continue;
        if (atomic_fetch_sub(&rule->times, 1) > 0) return rule;
        atomic_store(&rule->times, 0);
    }
    return NULL;
}

/* After a token restarts, the numbers of its handles name other objects: neighbours change places. */
static word swapped(word handle) {
    for (int i = 0; i < RULES; i++)
        if (atomic_load(&control->rules[i].action) == REUSE) return handle ? ((handle - 1) ^ 1) + 1 : handle;
    return handle;
}

static word forward(int function, word *a) {
    for (int i = 0; i < 3 && handles_at[function][i]; i++) {
        word *handle = &a[(int)handles_at[function][i]];
        *handle = swapped(*handle);
    }
    word rv = real->functions[function](a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
    if (rv) return rv;
    for (int i = 0; i < 3 && given_at[function][i]; i++) {
        word *handles = (word *)a[(int)given_at[function][i]];
        word count = function == FIND_OBJECTS ? *(word *)a[3] : 1;
        for (word n = 0; n < count; n++) handles[n] = swapped(handles[n]);
    }
    return 0;
}

static word before(struct rule *rule) {
    switch (rule->action) {
    case RETURN: return (word)rule->argument;
    case SLEEP: return nap(rule->argument);
    case SEGFAULT: *(volatile int *)0 = 0; break;
    case ABORT: abort();
    case EXIT: exit((int)rule->argument);
    case PRINT: puts("the module speaks to standard output"); fflush(stdout); break;
    default: break;
    }
    return 0;
}

static word after(struct rule *rule, int function, word *a, word rv) {
    switch (rule->action) {
    case LENGTH:
        if (length_at[function] && !rv) *(word *)a[(int)length_at[function]] = (word)rule->argument;
        break;
    case EMPTY:
        if (function == FIND_OBJECTS) *(word *)a[3] = 0;
        break;
    case FLAGS:
        if (function == GET_TOKEN_INFO && !rv) *(word *)((char *)a[1] + TOKEN_FLAGS_AT) |= (word)rule->argument;
        break;
    case RETURN_AFTER: return (word)rule->argument;
    case SLEEP_AFTER: nap(rule->argument); break;
    case KILL_AFTER: _exit((int)rule->argument);
    default: break;
    }
    return rv;
}

static word around(int function, word *a) {
    atomic_fetch_add(&control->calls[function], 1);
    struct rule *rule = rule_for(function);
    word rv = rule ? before(rule) : 0;
    if (rv) return rv;
    rv = forward(function, a);
    return rule ? after(rule, function, a, rv) : rv;
}

#define WRAPPER(n) \
    static word wrapper_##n(word a, word b, word c, word d, word e, word f, word g, word h) { \
        word arguments[8] = {a, b, c, d, e, f, g, h}; \
        return around(n, arguments); \
    }
#define TEN(do, t) do(t##0) do(t##1) do(t##2) do(t##3) do(t##4) do(t##5) do(t##6) do(t##7) do(t##8) do(t##9)
#define ALL(do) \
    do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) TEN(do, 1) TEN(do, 2) TEN(do, 3) TEN(do, 4) TEN(do, 5) \
    do(60) do(61) do(62) do(63) do(64) do(65) do(66) do(67)
#define ENTRY(n) [n] = wrapper_##n,

ALL(WRAPPER)
static const call wrappers[FUNCTIONS] = {ALL(ENTRY)};

/* Maps the control file and loads the real module; anything but 0 is a CKR. */
static word load(void) {
    const char *path = getenv("FAULTY_CONTROL"), *module = getenv("FAULTY_MODULE");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return CKR_GENERAL_ERROR;
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    void *library = module ? dlopen(module, RTLD_NOW | RTLD_LOCAL) : NULL;
    word (*list)(struct list **) = library ? (word (*)(struct list **))dlsym(library, "C_GetFunctionList") : NULL;
    if (control == MAP_FAILED || !list) return CKR_GENERAL_ERROR;
    return list(&real);
}

__attribute__((visibility("default"))) word C_GetFunctionList(struct list **given) {
    if (!real) {
        word rv = load();
        if (rv) return rv;
        memcpy(ours.version, real->version, sizeof ours.version);
        memcpy(ours.functions, wrappers, sizeof ours.functions);
    }
    *given = &ours;
    return 0;
}
