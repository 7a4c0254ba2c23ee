"""Time and memory of calls with many entries in the cache file, and with many users in the kubeconfig."""

import os
import pathlib
import re
import shutil
import subprocess

COUNTS = [1, 1_000, 10_000]
TRIES = 3
GET_TOKEN = ["aws", "eks", "get-token", "--cluster-name"]


class Growth:
    """`environment` is that of a client whose PATH leads to a fast plugin named aws."""

    def __init__(self, program, cost, folder, environment):
        self.program = program
        self.cost = cost
        self.folder = pathlib.Path(folder)
        self.cache_file = self.folder / "growth" / "token.json"
        # An encrypted entry opens under its own name only, so it could not be copied.
        self.environment = environment | {
            "K8S_TOKEN_CACHE_FILE": str(self.cache_file),
            "K8S_TOKEN_CACHE_ENCRYPTION": "off",
        }

    def measure(self):
        """Returns a list of what was run, how many there were, the least nanoseconds, and KB of memory."""
        return [row for count in COUNTS for row in [*self.with_entries(count), *self.with_users(count)]]

    def with_entries(self, count):
        shutil.rmtree(self.cache_file.parent, ignore_errors=True)
        subprocess.run([self.program, *GET_TOKEN, "bench"], env=self.environment, stdout=subprocess.DEVNULL, check=True)
        full = self.folder / "full.json"
        full.write_text(repeat_entry(self.cache_file.read_text(), count))
        restore = lambda: shutil.copyfile(full, self.cache_file)  # noqa: E731
        for what, arguments in {
            "a hit": [*GET_TOKEN, "bench"],
            "a miss": [*GET_TOKEN, "another"],
            "`--list`": ["--list"],
            "`--clear COMMAND`": ["--clear", *GET_TOKEN, "bench"],
        }.items():
            yield self.row(f"{what}, entries", count, arguments, restore)

    def with_users(self, count):
        config = self.folder / "users.json"
        original = kubeconfig(count)

        def restore():
            config.write_text(original)
            os.utime(config, (0, 0))  # Right after a change, --inject waits for the one who made it.

        inject = ["--inject", "--command", "k8s-token-cache", str(config)]
        yield self.row("`--inject`, users", count, inject, restore)
        for what in ["--warm", "--doctor", "--explain"]:
            yield self.row(f"`{what}`, users", count, [what], lambda: None, KUBECONFIG=str(config))

    def row(self, what, count, arguments, prepare, **environment):
        command = [self.cost, self.program, *arguments]
        tries = []
        for _ in range(TRIES):
            prepare()
            done = subprocess.run(
                command, env=self.environment | environment, stdout=subprocess.PIPE, text=True, check=True
            )
            tries.append([int(number) for number in done.stdout.split()])
        ns, kb, _faults = map(min, zip(*tries))
        return {"what": what, "count": count, "ns": ns, "kb": kb}


def repeat_entry(file, count):
    """Returns the cache file of one entry with copies of it, `count` in all. The entry keeps its name, which is
    the last. docs/DESIGN.md describes the file."""
    header, row, middle, line, end = file.splitlines()
    own_name, rest = line[1:33], line[34:]
    expires = row.strip().rstrip("]").rsplit(",", 1)[1]
    names = [f"{number:032x}" for number in range(count - 1)] + [own_name]
    entries_at = len(header) + 1 + count * (len(row) + 1) + len(middle) + 1
    index, entries, offset = [], [], entries_at
    for number, name in enumerate(names):
        is_last = number == count - 1
        index.append(f'["{name}",{offset:>12},{len(line):>8},{expires}]{" " if is_last else ","}\n')
        entries.append(f'"{name}"{rest}' + ("\n" if is_last else ",\n"))
        offset += len(entries[-1])
    header = re.sub(r'"entries_at": *\d+', f'"entries_at":{entries_at:>12}', header)
    return header + "\n" + "".join(index) + middle + "\n" + "".join(entries) + end + "\n"


def kubeconfig(count):
    """Returns a kubeconfig with `count` contexts, clusters and users of one command, in block YAML."""
    lines = ["apiVersion: v1", "kind: Config", "current-context: c0", "clusters:"]
    for number in range(count):
        lines += [f"- name: c{number}", "  cluster:", f"    server: https://127.0.0.1:{number}"]
    lines.append("contexts:")
    for number in range(count):
        lines += [f"- name: c{number}", "  context:", f"    cluster: c{number}", f"    user: u{number}"]
    lines.append("users:")
    for number in range(count):
        lines += [
            f"- name: u{number}",
            "  user:",
            "    exec:",
            "      apiVersion: client.authentication.k8s.io/v1",
            "      interactiveMode: IfAvailable",
            "      command: aws",
            "      args: [eks, get-token, --cluster-name, bench]",
        ]
    return "\n".join(lines) + "\n"
