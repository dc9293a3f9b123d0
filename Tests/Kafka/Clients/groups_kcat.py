"""Two kcats in one group share four partitions; one is ended, the other has all. groups_kcat.py BOOTSTRAP TOPIC"""
import re
import subprocess
import sys
import threading
import time

bootstrap, topic = sys.argv[1:3]


class Member:
    def __init__(self):
        self.owned, self.records = set(), []
        self.process = subprocess.Popen(
            ["kcat", "-b", bootstrap, "-G", f"{topic}-readers", "-u", "-f", "%p %o %s\\n", "-X", "auto.offset.reset=earliest",
             "-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=300", topic],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.watch, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.records.append(line.strip())

    def watch(self):
        for line in self.process.stderr:
            partitions = {int(p) for p in re.findall(r"\[(\d+)\]", line)}
            if ": assigned" in line:
                self.owned = partitions
            elif ": revoked" in line:
                self.owned = set()


def wait(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"{what}: {a.owned} {b.owned} {len(a.records)} {len(b.records)}"
        time.sleep(0.02)


def produce(count):
    for partition in range(4):
        subprocess.run(["kcat", "-b", bootstrap, "-P", "-t", topic, "-p", str(partition)], check=True, text=True,
                       input="".join(f"{i}\n" for i in range(count)))


a, b = Member(), None
try:
    b = Member()
    wait(lambda: len(a.owned) == 2 and len(b.owned) == 2 and not a.owned & b.owned, "two share")
    produce(50)
    wait(lambda: len(a.records) + len(b.records) == 200, "all is read once")
    assert len(set(a.records) | set(b.records)) == 200, "a record was read twice"
    b.process.terminate()
    b.process.wait(30)
    wait(lambda: len(a.owned) == 4, "one has all")
    before = len(a.records)
    produce(10)
    wait(lambda: len(a.records) - before == 40, "it goes on where the other ended")
finally:
    for one in (a, b):
        if one and one.process.poll() is None:
            one.process.terminate()
            one.process.wait(30)
print("ok")
