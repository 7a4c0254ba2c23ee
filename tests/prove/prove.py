"""usage: prove.py PROGRAM [--quick]

Attacks the whole program: makes every system call fail, kills the program at every system call, runs it
under load and through long waits. Prints a table with the number of runs and failures. Exits with 1 if
there is a failure.
"""

import multiprocessing
import shutil
import sys
import time

import faults
import load
import memory
import scenarios

WORKERS = 2
ERRORS = ("EIO", "EIO+", "ENOSPC", "EINTR", "EACCES")
# --quick takes one error and four scenarios, with one of the slow edits of a kubeconfig.
QUICK_ERRORS = ("EIO",)
QUICK = [scenarios.FileMiss, scenarios.Store, scenarios.Refresh, scenarios.Inject]


def main():
    program, *options = sys.argv[1:]
    quick = "--quick" in options
    for tool in ("strace", "prlimit"):
        if not shutil.which(tool):
            raise SystemExit(f"prove: '{tool}' is missing")
    kinds = QUICK if quick else scenarios.ALL
    errors = [f"error={error}" for error in (QUICK_ERRORS if quick else ERRORS)]
    rows, began = [], time.time()
    for title, attacks in (("faults", errors), ("crashes", [faults.KILL])):
        for tally in faults.run(program, kinds, attacks, WORKERS):
            rows.append((f"{title}: {tally.name}", tally.tried, tally.failures))
    calls = 1_000 if quick else 10_000
    with multiprocessing.Pool(1, faults.set_up_worker) as pool:
        rows.append(("load", *pool.apply(load.main, ((program, calls, 32),))))
        rows.append(("memory", *pool.apply(memory.main, ((program, 5 if quick else 60),))))
    report(rows, time.time() - began)


def report(rows, took_s):
    print(f"\n{'scenario':<46} {'runs':>7} {'failed':>7}")
    for name, tried, failures in rows:
        print(f"{name:<46} {tried:>7} {len(failures):>7}")
    failures = [failure for row in rows for failure in row[2]]
    print(f"{'total, in %d s' % took_s:<46} {sum(row[1] for row in rows):>7} {len(failures):>7}")
    for failure in failures[:50]:
        print(f"FAILED: {failure}")
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
