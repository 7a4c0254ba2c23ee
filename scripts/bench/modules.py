#!/usr/bin/env python3
"""usage: modules.py SYMBOLS PROGRAM

Prints how many bytes of PROGRAM each module takes: code, constants and data, as the symbols of SYMBOLS say, the
same program before it was stripped. Functions of std count as std's, also if only one module uses them.
"""

import collections
import os
import re
import subprocess
import sys

OURS = re.compile(r"k8s_token_cache::([a-z_0-9]+)(?:::([a-z_0-9]+))?")
THEIRS = re.compile(r"\b(core|alloc|std|nanoserde|zeroize|chacha20|chacha20poly1305|poly1305|k8s_token_cache_cipher)::")
# Modules of which each part is worth a row.
SPLIT = {"cache", "commands", "identity", "key", "kubeconfig", "proxy"}


def bytes_by_module(symbols, program):
    """Returns the bytes of each module, the largest first. What no symbol names comes last, as `""`."""
    command = ["nm", "--print-size", "--demangle", "--radix=d", symbols]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    sizes = collections.Counter()
    for line in lines:
        fields = line.split(None, 3)
        # Uninitialized data take no bytes of the file.
        if len(fields) == 4 and fields[2] not in "bBuU":
            sizes[module_of(fields[3])] += int(fields[1])
    sizes = dict(sizes.most_common())
    return sizes | {"": os.path.getsize(program) - sum(sizes.values())}


def module_of(symbol):
    if ours := OURS.search(symbol):
        module, part = ours.groups()
        return f"{module}::{part}" if module in SPLIT and part else module
    if theirs := THEIRS.search(symbol):
        crate = theirs.group(1)
        return "the cipher" if crate in ("chacha20", "chacha20poly1305", "poly1305", "k8s_token_cache_cipher") else crate
    return "the C library"


def main():
    for module, size in bytes_by_module(*sys.argv[1:]).items():
        print(f"{size:8}  {module or 'strings, tables and headers without a symbol'}")


if __name__ == "__main__":
    main()
