"""Runs a command and tells what its whole process tree cost.

    tree.py [--memory] [--until-alone SECONDS] RESULT.json COMMAND...

Result: {"exit", "wall_s", "cpu_s", "left_over"} and with --memory {"peak_pss_mib", "peak_rss_mib", "processes",
"alone_pss_mib"}. CPU is user + system time of every process of the tree: orphans come to this one (it is their
sub-reaper), so nothing escapes. Memory is sampled every 40 ms, which costs CPU that is not counted; still, measure the
two in separate runs. `--until-alone` waits until the command has had no child for that long, notes its memory, and ends
it with SIGTERM.
"""

import argparse
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
SAMPLE = 0.04


def parents():
    """Process id -> its parent's, of every process that lives (proc_pid_stat(5), fields 3 and 4)."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    state, parent = file.read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                found[int(name)] = int(parent)
    return found


def descendants():
    """Every living process below this one."""
    above = parents()
    below, level = [], [os.getpid()]
    while level:
        level = [pid for pid, parent in above.items() if parent in level]
        below += level
    return below


def memory(pids):
    """Proportional and resident set size of these processes together, in KiB."""
    pss = rss = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
                sizes = {line.split(":")[0]: line.split()[1] for line in file if line.startswith(("Pss:", "Rss:"))}
        except OSError:
            continue
        pss += int(sizes.get("Pss", 0))
        rss += int(sizes.get("Rss", 0))
    return pss, rss


class Sampler(threading.Thread):
    def __init__(self, until_alone):
        super().__init__(daemon=True)
        self.until_alone = until_alone
        self.peak_pss = self.peak_rss = self.processes = self.alone = 0
        self.stop = threading.Event()

    def run(self):
        alone_since = time.monotonic()
        while not self.stop.wait(SAMPLE):
            pids = descendants()
            pss, rss = memory(pids)
            self.peak_pss, self.peak_rss = max(self.peak_pss, pss), max(self.peak_rss, rss)
            self.processes = max(self.processes, len(pids))
            if len(pids) != 1:
                alone_since = time.monotonic()
            elif self.until_alone and time.monotonic() - alone_since > self.until_alone:
                self.alone = pss
                os.kill(pids[0], signal.SIGTERM)
                return


def main():
    parser = argparse.ArgumentParser(description="Measures the process tree of a command.")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--until-alone", type=float, default=0)
    parser.add_argument("result")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit(f"this process could not become a sub-reaper: {os.strerror(ctypes.get_errno())}")
    sampler = Sampler(args.until_alone)
    started = time.monotonic()
    child = subprocess.Popen(args.command, stdin=subprocess.DEVNULL)
    if args.memory or args.until_alone:
        sampler.start()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    sampler.stop.set()
    # What the command left behind ends by itself soon, or is left over.
    left_over, deadline = [], time.monotonic() + 5
    while True:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid:
            cpu += usage.ru_utime + usage.ru_stime
        elif time.monotonic() > deadline:
            left_over = descendants()
            for pid in left_over:
                os.kill(pid, signal.SIGKILL)
            deadline = float("inf")
        else:
            time.sleep(0.005)
    result = {"exit": child.returncode, "wall_s": wall, "cpu_s": cpu, "left_over": len(left_over)}
    if sampler.processes:
        result |= {
            "peak_pss_mib": sampler.peak_pss / 1024,
            "peak_rss_mib": sampler.peak_rss / 1024,
            "alone_pss_mib": sampler.alone / 1024,
            "processes": sampler.processes,
        }
    with open(args.result, "w", encoding="utf-8") as file:
        json.dump(result, file)


main()
