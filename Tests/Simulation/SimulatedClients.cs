using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;

namespace OrleansLog.Tests.Simulation;

/// <summary>An idempotent producer that pipelines, and sends a batch again until it is acknowledged.</summary>
public sealed class SimulatedProducer(SimulatedCluster cluster, int id)
{
    // A leader remembers the last five batches of a producer: a batch must not go before the one five before it is acknowledged.
    private const int MaxInFlight = 4;
    private readonly Lane _lane = new(cluster.Scheduler, $"producer {id}");
    private int _nextSequence;
    private readonly SortedSet<int> _inFlight = [];
    private int _nextBatch;

    /// <summary>Whether all it has begun is acknowledged, and it begins nothing any more.</summary>
    public bool IsDone { get; private set; }

    public void Start()
    {
        cluster.History.AddProducer(id);
        _lane.Start(RunAsync);
    }

    private async Task RunAsync()
    {
        var time = new VirtualTime(_lane);
        var random = cluster.Scheduler.Random;
        while (!cluster.IsCalm || _inFlight.Count > 0)
        {
            if (!cluster.IsCalm && _nextBatch - (_inFlight.Count == 0 ? _nextBatch : _inFlight.Min) < MaxInFlight)
            {
                var count = 1 + random.Next(3);
                _inFlight.Add(_nextBatch);
                var (number, sequence) = (_nextBatch++, _nextSequence);
                _lane.Start(() => SendAsync(number, sequence, count, time));
                _nextSequence += count;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(1 + random.Next(random.Next(4) == 0 ? 300 : 20)), time);
        }

        IsDone = true;
    }

    private async Task SendAsync(int number, int sequence, int count, VirtualTime time)
    {
        var batch = TestLog.Batch(
            Enumerable.Range(sequence, count).Select(i => ((string?)"k", (string?)History.Value(id, i))),
            timestampMs: 1_000, producerId: id, sequence: sequence);
        while (true)
        {
            var node = cluster.PickNode();
            try
            {
                var outcome = await cluster.Network
                    .CallAsync(_lane, 100 + id, node.Id, () => node.Lane, "produce", () => node.ProduceAsync(batch))
                    .WaitAsync(TimeSpan.FromSeconds(6), time);
                cluster.Trace.Add($"{History.Value(id, sequence)}+{count} acknowledged by node {node.Id} at {outcome.BaseOffsets[0]}");
                cluster.History.Acknowledged(id, sequence, count, outcome.BaseOffsets[0], node.Id, outcome.LeaderEpoch);
                _inFlight.Remove(number);
                return;
            }
            catch (OrleansLogException known) when (known.Error == ErrorCode.DuplicateSequenceNumber)
            {
                cluster.Trace.Add($"{History.Value(id, sequence)}+{count} known to node {node.Id}");
                cluster.History.AcknowledgedSomewhere(id, sequence, count);
                _inFlight.Remove(number);
                return;
            }
            catch (Exception failure) when (failure is OrleansLogException or IOException or TimeoutException)
            {
                cluster.LastClientFailure = failure.Message;
                if (failure is OrleansLogException { Error: not ErrorCode.NotLeaderOrFollower } refused)
                    cluster.Trace.Add($"{History.Value(id, sequence)}+{count} refused by node {node.Id}: {refused.Error}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10 + cluster.Scheduler.Random.Next(150)), time);
        }
    }
}

/// <summary>Reads here and there, from whoever believes to lead, and remembers what it saw.</summary>
public sealed class SimulatedReader(SimulatedCluster cluster, int id)
{
    private readonly Lane _lane = new(cluster.Scheduler, $"reader {id}");
    private long _furthest;

    public void Start() => _lane.Start(RunAsync);

    private async Task RunAsync()
    {
        var time = new VirtualTime(_lane);
        var random = cluster.Scheduler.Random;
        while (!cluster.IsOver)
        {
            var node = cluster.PickNode();
            var offset = random.Next(2) == 0 ? _furthest : random.NextInt64(_furthest + 1);
            try
            {
                var fetched = await cluster.Network
                    .CallAsync(_lane, 200 + id, node.Id, () => node.Lane, "fetch", () => node.FetchAsync(offset))
                    .WaitAsync(TimeSpan.FromSeconds(2), time);
                foreach (var (at, _, value) in TestLog.Records(fetched.Records))
                {
                    if (at < offset) continue;
                    cluster.History.Read(at, value!, node.Id, fetched.Epoch);
                    _furthest = Math.Max(_furthest, at + 1);
                }
            }
            catch (Exception failure) when (failure is OrleansLogException or IOException or TimeoutException)
            {
                // Another time.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5 + random.Next(100)), time);
        }
    }
}
