"""One contender as a process: reads a request a line, answers a line, both JSON.

``{"do": "load", "operation": .., "n": ..}`` makes the inputs and hands them to the contender; ``run`` does the operation once and tells its
time; ``check`` tells a checksum of the last answer; ``peak`` the peak of resident memory since the inputs stood; ``small`` measures small
calls. Ends with its input.
Holds: the clock runs around the operation alone; results of the run before are gone by then. What fails is told in words, never
left out.
"""

import gc
import importlib
import json
import os
import resource
import sys
import time
import zlib

import numpy as np

#: Contenders by name: the file, and what it needs.
MODULES = {"numpy": "numpy_", "pandas": "pandas_", "polars": "polars_", "ours": "ours"}


class Worker:
    def __init__(self, name):
        self.module = importlib.import_module(MODULES[name])
        self.contender = None
        self.operation = None
        self.result = None

    def pids(self):
        return [os.getpid(), *getattr(self.contender, "pids", [])]

    def load(self, operation, n):
        from data import make

        self.operation = operation
        self.contender = self.module.Contender(operation, make(operation, n))
        gc.collect()
        # From here on the peak counts, where the kernel lets a process forget its own.
        forgotten = True
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/clear_refs", "w") as file:
                    file.write("5")
            except OSError:
                forgotten = False
        return {"version": self.module.VERSION, "peak_forgotten": forgotten}

    def run(self):
        self.result = None
        if hasattr(self.contender, "settle"):
            self.contender.settle()
        operation = getattr(self.contender, self.operation)
        gc.disable()
        cpu = self.cpu_ns()
        begin = time.perf_counter_ns()
        result = operation()
        ns = time.perf_counter_ns() - begin
        cpu = self.cpu_ns() - cpu
        gc.enable()
        self.result = result
        return {"ns": ns, "cpu_ns": cpu}

    def cpu_ns(self):
        own = resource.getrusage(resource.RUSAGE_SELF)
        total = int((own.ru_utime + own.ru_stime) * 1e9)
        for pid in self.pids()[1:]:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        return total

    def check(self):
        parts = self.contender.answer(self.operation, self.result)
        return {"checksum": checksum(parts)}

    def peak(self):
        return {"peak_bytes": sum(map(peak_bytes, self.pids()))}

    def small(self, n, calls, placement):
        from small import measure

        return measure(n, calls, placement)

    def close(self):
        self.result = None
        if hasattr(self.contender, "close"):
            self.contender.close()


def checksum(parts):
    """A checksum of arrays or numbers that does not tell 32-bit indices from 64-bit ones, nor where they were kept."""
    sums = []
    for part in parts:
        array = np.atleast_1d(np.asarray(part))
        wide = {"b": np.uint8, "i": np.int64, "u": np.int64, "f": np.float64}[array.dtype.kind]
        crc = 0
        for begin in range(0, array.size, 1 << 20):
            crc = zlib.crc32(np.ascontiguousarray(array[begin : begin + (1 << 20)], wide), crc)
        sums.append(f"{np.dtype(wide).kind}{array.size}:{crc:08x}")
    return " ".join(sums)


def peak_bytes(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise OSError(f"the kernel does not tell the peak of process {pid}")


def main():
    # What a library prints must not stand between answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    worker = None
    for line in sys.stdin:
        try:
            asked = json.loads(line)
            worker = worker or Worker(sys.argv[1])
            answer = getattr(worker, asked.pop("do"))(**asked)
        except Exception as trouble:  # noqa: BLE001 - told to the driver, which decides
            answer = {"error": f"{type(trouble).__name__}: {trouble}"}
        print(json.dumps(answer), file=answers, flush=True)
    if worker is not None:
        worker.close()


if __name__ == "__main__":
    main()
