// Two members of a group of kafkajs share four partitions, and its admin client: groups.js BOOTSTRAP TOPIC
const assert = require('node:assert');
const { CompressionTypes } = require('kafkajs');
const { connect, run, until } = require('./client');

const [bootstrap, topic] = process.argv.slice(2);
const groupId = `${topic}-readers`;
const kafka = connect(bootstrap);

async function member() {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 100, rebalanceTimeout: 10_000, maxWaitTimeInMs: 200 });
  const it = { consumer, owned: [], records: [] };
  consumer.on(consumer.events.GROUP_JOIN, (event) => { it.owned = event.payload.memberAssignment[topic] ?? []; });
  consumer.on(consumer.events.CRASH, (event) => { it.crash = event.payload.error; });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ partition, message }) => { it.records.push(`${partition}:${message.offset}`); } });
  return it;
}

run(async () => {
  const admin = kafka.admin();
  await admin.connect();
  assert.ok(await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] }));
  assert.ok((await admin.listTopics()).includes(topic));
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  const send = (length, compression) => producer.send({
    topic, acks: -1, compression, messages: Array.from({ length }, (_, i) => ({ value: `v${i}`, partition: i % 4 })),
  });
  await send(40, CompressionTypes.None);
  await send(40, CompressionTypes.GZIP);

  const a = await member();
  await until(() => a.records.length === 80, () => `80 records (${a.records.length} came, ${a.crash})`);
  const b = await member();
  await until(() => a.owned.length === 2 && b.owned.length === 2, () => `two share (${a.owned}; ${b.owned}; ${a.crash})`);
  assert.deepEqual([...a.owned, ...b.owned].sort(), [0, 1, 2, 3]);
  await send(40, CompressionTypes.None);
  await until(() => new Set([...a.records, ...b.records]).size === 120, 'all is read');
  const { groups } = await admin.describeGroups([groupId]);
  assert.deepEqual([groups[0].state, groups[0].protocolType, groups[0].members.length], ['Stable', 'consumer', 2]);
  assert.ok((await admin.listGroups()).groups.some((group) => group.groupId === groupId));

  await b.consumer.disconnect();
  await until(() => a.owned.length === 4, 'one has all');
  await a.consumer.disconnect();
  const offsets = async () => (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions
    .sort((x, y) => x.partition - y.partition).map((partition) => partition.offset);
  assert.deepEqual(await offsets(), ['30', '30', '30', '30']);
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '7' }] });
  assert.deepEqual(await offsets(), ['7', '30', '30', '30']);
  assert.equal((await admin.fetchTopicOffsets(topic))[0].high, '30');
  await admin.deleteGroups([groupId]);
  assert.ok(!(await admin.listGroups()).groups.some((group) => group.groupId === groupId));
  await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
  assert.equal((await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length, 5);
  await admin.deleteTopics({ topics: [topic] });
  assert.ok(!(await admin.listTopics()).includes(topic));
  await producer.disconnect();
  await admin.disconnect();
  console.log('ok');
});
