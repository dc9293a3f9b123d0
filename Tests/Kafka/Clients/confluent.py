"""A producer, a consumer without a group and the admin of confluent-kafka, against a silo. Arguments: bootstrap, topic."""
import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

bootstrap, topic = sys.argv[1:3]
admin = AdminClient({"bootstrap.servers": bootstrap})
for future in admin.create_topics([NewTopic(topic, 2, 1, config={"retention.ms": "315360000000"})]).values():
    future.result(30)
for future in admin.create_partitions([NewPartitions(topic, 3)]).values():
    future.result(30)
for future in admin.create_topics([NewTopic(topic, 2, 1)]).values():
    try:
        future.result(30)
        raise AssertionError("the topic was made twice")
    except KafkaException as e:
        assert e.args[0].name() == "TOPIC_ALREADY_EXISTS", e
for future in admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values():
    assert future.result(30)["retention.ms"].value == "315360000000"

failures = []
codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
for codec in codecs:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": codec, "partitioner": "murmur2_random"})
    for i in range(500):
        producer.produce(
            topic, key=f"k{i}", value=f"{codec}-{i}", headers={"h": b"x"}, timestamp=1_700_000_000_000 + i,
            on_delivery=lambda error, message: failures.append(error) if error else None)
    assert producer.flush(60) == 0
assert not failures, failures[:3]

consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False})
consumer.assign([TopicPartition(topic, i, 0) for i in range(3)])
found = {}
while len(found) < 500 * len(codecs):
    message = consumer.poll(30)
    assert message is not None, len(found)
    assert not message.error(), message.error()
    assert message.headers() == [("h", b"x")] and 1_700_000_000_000 <= message.timestamp()[1] < 1_700_000_000_500
    found[message.value()] = message
ends = [consumer.get_watermark_offsets(TopicPartition(topic, i))[1] for i in range(3)]
assert sum(ends) == 500 * len(codecs), ends
assert consumer.offsets_for_times([TopicPartition(topic, 0, 0)])[0].offset == 0
consumer.close()
for key, partition in sorted({(m.key().decode(), m.partition()) for m in found.values()}):
    print(key, partition)
