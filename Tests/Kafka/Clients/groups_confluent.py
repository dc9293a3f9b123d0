"""Two members of a group of librdkafka share four partitions. groups_confluent.py BOOTSTRAP TOPIC STRATEGY"""
import sys
import time
from confluent_kafka import Consumer, Producer, TopicPartition

bootstrap, topic, strategy = sys.argv[1:4]
group = f"{topic}-{strategy}"
incremental = strategy == "cooperative-sticky"
revoked = {}


def member(name, instance=None):
    settings = {"bootstrap.servers": bootstrap, "group.id": group, "client.id": name, "auto.offset.reset": "earliest",
                "enable.auto.commit": False, "session.timeout.ms": 6000, "heartbeat.interval.ms": 300,
                "partition.assignment.strategy": strategy}
    if instance:
        settings["group.instance.id"] = instance
    consumer = Consumer(settings)
    revoked[consumer] = []

    def on_assign(which, partitions):
        (which.incremental_assign if incremental else which.assign)(partitions)

    def on_revoke(which, partitions):
        revoked[consumer].extend(p.partition for p in partitions)
        if incremental:
            which.incremental_unassign(partitions)
        else:
            which.unassign()

    consumer.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke)
    return consumer


def poll_until(condition, *consumers):
    deadline = time.monotonic() + 60
    records = []
    while not condition(records):
        assert time.monotonic() < deadline, [owned(c) for c in consumers]
        for consumer in consumers:
            record = consumer.poll(0.05)
            if record is not None:
                assert not record.error(), record.error()
                records.append(record)
    return records


def owned(consumer):
    return sorted(p.partition for p in consumer.assignment())


producer = Producer({"bootstrap.servers": bootstrap})
for i in range(100):
    producer.produce(topic, value=str(i), partition=i % 4)
assert producer.flush(30) == 0

a = member("a")
poll_until(lambda records: len(records) == 100, a)
assert owned(a) == [0, 1, 2, 3], owned(a)
a.commit(asynchronous=False)
b = member("b")
poll_until(lambda _: len(owned(a)) == 2 and len(owned(b)) == 2, a, b)
assert sorted(owned(a) + owned(b)) == [0, 1, 2, 3], (owned(a), owned(b))
kept = owned(a)
if incremental:
    assert len(revoked[a]) == 2 and not set(revoked[a]) & set(kept), f"{revoked[a]} were taken away of which {kept} are kept"

for i in range(100):
    producer.produce(topic, value=str(i), partition=i % 4)
assert producer.flush(30) == 0
records = poll_until(lambda records: len(records) == 100, a, b)
assert len({(r.partition(), r.offset()) for r in records}) == 100, "a record was read twice"
a.commit(asynchronous=False)
b.commit(asynchronous=False)
b.close()
poll_until(lambda _: owned(a) == [0, 1, 2, 3], a)
committed = a.committed([TopicPartition(topic, p) for p in range(4)], timeout=30)
assert [p.offset for p in committed] == [50] * 4, committed
a.close()

# A static member comes back to what it had, and nobody is bothered.
one, two = member("one", "one"), member("two", "two")
poll_until(lambda _: len(owned(one)) == 2 and len(owned(two)) == 2, one, two)
before, taken = owned(two), len(revoked[one])
two.close()
two = member("two", "two")
poll_until(lambda _: owned(two) == before, one, two)
assert len(revoked[one]) == taken, "the return of a static member was felt by another"
one.close()
two.close()
print("ok")
