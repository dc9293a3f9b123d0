"""Two members of a group of kafka-python, and its admin client. groups_kafka_python.py BOOTSTRAP TOPIC"""
import sys
import time
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

bootstrap, topic = sys.argv[1:3]
group = f"{topic}-readers"


def member():
    return KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
                         session_timeout_ms=6000, heartbeat_interval_ms=300)


def poll_until(condition, *consumers):
    deadline = time.monotonic() + 60
    records = []
    while not condition(records):
        assert time.monotonic() < deadline, [owned(c) for c in consumers]
        for consumer in consumers:
            for some in consumer.poll(50).values():
                records.extend(some)
    return records


def owned(consumer):
    return sorted(p.partition for p in consumer.assignment())


producer = KafkaProducer(bootstrap_servers=bootstrap)
for i in range(100):
    producer.send(topic, value=b"%d" % i, partition=i % 4)
producer.flush(30)

a = member()
poll_until(lambda records: len(records) == 100, a)
a.commit()
# It joins while it is within poll, which one thread cannot be in for two: the other one does in a thread of its own.
import threading
b, stop, found = member(), threading.Event(), []


def run():
    while not stop.is_set():
        b.poll(50)
        found[:] = owned(b)


thread = threading.Thread(target=run)
thread.start()
poll_until(lambda _: len(owned(a)) == 2 and len(found) == 2, a)
assert sorted(owned(a) + found) == [0, 1, 2, 3], (owned(a), found)

admin = KafkaAdminClient(bootstrap_servers=bootstrap)
assert (group, "consumer") in admin.list_consumer_groups()
described = admin.describe_consumer_groups([group])[0]
assert (described.state, described.protocol, len(described.members)) == ("Stable", "range", 2), described
assert sum(len(part) for m in described.members for _, part in m.member_assignment.assignment) == 4, described
offsets = admin.list_consumer_group_offsets(group)
assert sorted((p.partition, o.offset) for p, o in offsets.items()) == [(p, 25) for p in range(4)], offsets
stop.set()
thread.join()
b.close()
poll_until(lambda _: owned(a) == [0, 1, 2, 3], a)
assert a.committed(TopicPartition(topic, 1)) == 25
a.close()
assert admin.describe_consumer_groups([group])[0].state == "Empty"
(_, error), = admin.delete_consumer_groups([group])
assert error.errno == 0, error
assert (group, "consumer") not in admin.list_consumer_groups()
print("ok")
