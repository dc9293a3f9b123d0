// What the scripts have in common: the client, and waiting for something to become so.
const { Kafka, logLevel } = require('kafkajs');

exports.connect = (bootstrap) => new Kafka({ clientId: 'kafkajs', brokers: [bootstrap], logLevel: logLevel.NOTHING });

exports.until = async (condition, what) => {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${typeof what === 'function' ? what() : what} did not come about`);
    await new Promise((done) => setTimeout(done, 20));
  }
};

exports.run = (main) => main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
