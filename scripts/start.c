/* The entry point of a static-pie for x86_64 Linux: relocates the program to the address at which the
 * kernel loaded it, then calls musl.
 *
 * Replaces musl's rcrt1.o, because musl 1.2.3 and older cannot read the packed relocations that
 * `ld -z pack-relative-relocs` writes (SHT_RELR of the ELF gABI). They save a tenth of the program.
 * Until the loops have finished, no pointer in memory is valid: nothing here may use one, and no library
 * function may be called. */

#define HIDDEN __attribute__((visibility("hidden")))

typedef unsigned long word;

enum { DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8, DT_RELRSZ = 35, DT_RELR = 36 };
enum { R_X86_64_RELATIVE = 8, WORD_BITS = 64 };

struct relocation {
    word offset, type, addend;
};

/* The program is linked at address 0, so the address of its header is the offset to add. */
extern const char __ehdr_start[] HIDDEN;
extern const word _DYNAMIC[] HIDDEN;
extern int main(int, char **, char **) HIDDEN;
int __libc_start_main(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                      void (*)(void));

__asm__(".text\n"
        ".global _start\n"
        "_start:\n"
        "    xor %ebp, %ebp\n" /* The outermost frame, by the ABI. */
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call start\n");

HIDDEN void start(word *stack) {
    word base = (word)__ehdr_start;
    word found[DT_RELR + 1] = {0};
    for (const word *entry = _DYNAMIC; entry[0] != DT_NULL; entry += 2)
        if (entry[0] <= DT_RELR)
            found[entry[0]] = entry[1];

    const struct relocation *plain = (const void *)(base + found[DT_RELA]);
    for (word left = found[DT_RELASZ] / sizeof *plain; left > 0; left--, plain++)
        if (plain->type == R_X86_64_RELATIVE)
            *(word *)(base + plain->offset) = base + plain->addend;

    /* An even word is the address of a pointer; an odd word has one bit for each of the next 63 words. */
    const word *packed = (const word *)(base + found[DT_RELR]);
    word *place = 0;
    for (word left = found[DT_RELRSZ] / sizeof *packed; left > 0; left--, packed++) {
        if (*packed % 2 == 0) {
            place = (word *)(base + *packed);
            *place++ += base;
            continue;
        }
        for (word bits = *packed >> 1; bits != 0; bits &= bits - 1)
            place[__builtin_ctzl(bits)] += base;
        place += WORD_BITS - 1;
    }

    __libc_start_main(main, (int)stack[0], (char **)(stack + 1), 0, 0, 0);
}
