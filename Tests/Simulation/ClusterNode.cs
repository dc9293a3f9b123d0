using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;

namespace OrleansLog.Tests.Simulation;

/// <summary>
/// A node: its disk, and the engine's classes on it, as a silo would wire them. It can be killed, paused and started again.
/// </summary>
public sealed class ClusterNode
{
    private const string DataDirectory = "/data", LogDirectory = DataDirectory + "/topic-0";
    private static readonly TopicPartition s_partition = new("topic", 0);
    private readonly SimulatedCluster _cluster;
    private LogCheckpoints? _checkpoints;
    private long _sessions;
    private bool _isDirect;
    private int _knownEpoch = -1;

    public ClusterNode(SimulatedCluster cluster, int id)
    {
        _cluster = cluster;
        Id = id;
        Files = new FaultyFileSystem(cluster.Scheduler.Random.Next());
        Lane = new Lane(cluster.Scheduler, $"node {id}");
        Lane.Kill();
    }

    public int Id { get; }

    public FaultyFileSystem Files { get; private set; }

    public Lane Lane { get; private set; }

    public VirtualTime Time { get; private set; } = null!;

    public PartitionLog? Log { get; private set; }

    public PartitionFollower? Follower { get; private set; }

    public PartitionLeader? Leader { get; private set; }

    public double FlushSlowness { get; set; }

    public bool IsRunning => !Lane.IsDead;

    /// <summary>Whether it leads, as far as it knows.</summary>
    public bool Leads => IsRunning && Leader is { IsClosed: false };

    private Mutation Mutation => _cluster.Options.Mutation;

    /// <summary>Starts the process: opens and recovers the log.</summary>
    public void Start()
    {
        Lane = new Lane(_cluster.Scheduler, $"node {Id}");
        Time = new VirtualTime(Lane);
        Lane.Post(Open);
    }

    /// <summary>Ends the process; what was not durable is kept or lost.</summary>
    public void Crash(CrashKind kind)
    {
        if (!IsRunning) return;
        _cluster.Trace.Add($"node {Id} crashes ({kind}), log end {Log?.LogEndOffset}");
        Lane.Kill();
        Files.Crash(kind, _cluster.Scheduler.Random.Next());
        (Log, Follower, Leader) = (null, null, null);
    }

    /// <summary>Puts an empty disk in place of the node's, which must not be running.</summary>
    public void Wipe()
    {
        _cluster.Trace.Add($"node {Id} is wiped");
        Files = new FaultyFileSystem(_cluster.Scheduler.Random.Next());
    }

    /// <summary>
    /// Deletes its replica, as it is none any more; one that is made there later does not listen to leaders of before that.
    /// </summary>
    public void DeleteReplica(int epoch)
    {
        Crash(CrashKind.ForgetAll);
        Wipe();
        _knownEpoch = epoch;
        Start();
    }

    /// <summary>Has its leader, if it has one, move the replicas, or (null) give that up.</summary>
    public void Reassign(int[]? target)
    {
        if (Leader is { IsClosed: false } leader) _ = ReassignAsync();

        async Task ReassignAsync()
        {
            try
            {
                await leader.ReassignAsync(target);
            }
            catch (Exception failure) when (failure is OrleansLogException or IOException)
            {
                _cluster.Trace.Add($"node {Id} could not reassign to {(target is null ? "what was" : string.Join(',', target))}: {failure.Message}");
                CrashIfOffline();
            }
        }
    }

    /// <summary>Takes office in the epoch of the state.</summary>
    public void TakeOffice(PartitionState state)
    {
        if (Log is null || Leader is { IsClosed: false } && Leader.State.LeaderEpoch >= state.LeaderEpoch) return;
        if (Follower!.LeaderEpoch >= state.LeaderEpoch) return;
        try
        {
            Leader?.Fence();
            Follower.Fence(state.LeaderEpoch);
            ApplyMutationToConfig(leads: true);
            var knownHighWatermark = Follower.HighWatermark;
            Leader = new PartitionLeader(Log, Seen(state), Id, Time, null, NullLogger.Instance, new ReplicationContext
            {
                Links = node => new Link(this, node),
                Store = _cluster.Store.For(this),
                KnownHighWatermark = knownHighWatermark,
                Options = _cluster.Options.Replication,
                ReassignmentThrottle = new CatchUpThrottle(5_000, Time),
            });
            _cluster.Trace.Add($"node {Id} leads in epoch {state.LeaderEpoch} from {Log.LogEndOffset}, high watermark {Leader.HighWatermark} (known {knownHighWatermark})");
            _ = WatchAsync(Leader);
            _ = GiveWayAsync(Leader);
        }
        catch (OrleansLogException failure)
        {
            _cluster.Trace.Add($"node {Id} cannot lead: {failure.Error}");
            CrashIfOffline();
        }
    }

    /// <summary>A stored state as its leader sees it.</summary>
    public PartitionState Seen(PartitionState state) =>
        Mutation == Mutation.CommitWhileOthersAreEligible ? state with { Eligible = [] } : state;

    public async Task<ProduceOutcome> ProduceAsync(byte[] batch)
    {
        if (Leader is not { } leader) throw new OrleansLogException(ErrorCode.NotLeaderOrFollower, "no leader here");
        try
        {
            if (Mutation == Mutation.NoSequenceCheckAfterFailover && leader.State.LeaderEpoch > 1) batch = WithoutProducer(batch);
            var flushesHere = _isDirect && _cluster.Network.Chance(0.5);
            return await leader.AppendAsync((byte[])batch.Clone(), -1, TimeSpan.FromSeconds(5), flushWait: flushesHere ? FlushWait.Here : FlushWait.OnPool);
        }
        finally
        {
            CrashIfOffline();
        }
    }

    public async Task<(byte[] Records, long HighWatermark, int Epoch)> FetchAsync(long offset)
    {
        if (Leader is not { } leader) throw new OrleansLogException(ErrorCode.NotLeaderOrFollower, "no leader here");
        if (Mutation == Mutation.ServeBeyondHighWatermark)
        {
            using var beyond = leader.Log.Read(offset, 4096);
            return (beyond.Memory.ToArray(), leader.HighWatermark, leader.State.LeaderEpoch);
        }

        var outcome = await leader.ReadAsync(offset, 4096, maxWait: TimeSpan.FromMilliseconds(200));
        using var read = outcome.Records;
        return (read.Memory.ToArray(), outcome.HighWatermark, outcome.LeaderEpoch);
    }

    /// <summary>Looks for damage in the log; whether it is whole.</summary>
    public bool Scrub()
    {
        if (Log is null || Log.Offline is not null) return false;
        if (Leads) return Leader!.Scrub();
        if (Follower!.Scrub()) return true;
        _cluster.Store.NoteNode(Id, isUp: true);
        return false;
    }

    /// <summary>
    /// Turns a bit of a segment that is known to be durable. (Behind the recovery point damage looks like a torn write, and would be cut
    /// off as one.)
    /// </summary>
    public void TurnBit()
    {
        if (!IsRunning || Log is not { Offline: null } log || log.FlushedOffset < log.LogEndOffset || Files.HasCrashed) return;
        var segment = log.Segments[_cluster.Scheduler.Random.Next(log.Segments.Count)];
        if (segment.SizeInBytes == 0) return;
        try
        {
            _checkpoints!.Write(log);
        }
        catch (IOException)
        {
            return;
        }

        var position = _cluster.Scheduler.Random.Next(segment.SizeInBytes);
        _cluster.Trace.Add($"a bit of node {Id} turns, at {position} of {segment.BaseOffset}");
        Files.FlipBit(segment.LogPath, position, _cluster.Scheduler.Random.Next(8));
    }

    /// <summary>A crash that the disk decided on, or a disk that failed: the process ends, as an operator or a supervisor would see to.</summary>
    public void CrashIfOffline()
    {
        if (IsRunning && (Files.HasCrashed || Log?.Offline is not null)) Crash(CrashKind.Torn);
    }

    public async Task<FollowerLogState> BeginTermAsync(BeginTermRequest request)
    {
        if (Follower is not { } follower) throw new IOException("not open yet");
        var answer = await follower.BeginTermAsync(request);
        _cluster.Trace.Add($"node {Id}: term {request.LeaderEpoch} of node {request.LeaderNode}: {answer.Result}, session {answer.Session % 1000}, [{answer.LogStartOffset}, {answer.LogEndOffset}) damaged from {answer.DamagedFrom}");
        if (Leader is { IsClosed: false } leader && follower.LeaderEpoch > leader.State.LeaderEpoch) leader.Fence();
        CrashIfOffline();
        return answer;
    }

    public async Task<ReplicateResponse> ReplicateAsync(ReplicateRequest request)
    {
        if (Follower is not { } follower) throw new IOException("not open yet");
        ApplyMutationToConfig(leads: false);
        if (Mutation == Mutation.TruncateToHighWatermark && request.Alignment == ReplicaAlignment.Truncate)
            request = request with { BaseOffset = Math.Min(request.BaseOffset, follower.HighWatermark) };
        var before = Log!.LogEndOffset;
        // As over a direct connection, or as by a grain's calls; the network decides whether requests are in their order.
        var answer = _isDirect
            ? await follower.ReplicateInTurn(request, flushesHere: _cluster.Network.Chance(0.5))
            : await follower.ReplicateAsync(request);
        if (request.Alignment != ReplicaAlignment.None || answer.Result != ReplicaResult.Ok)
            _cluster.Trace.Add($"node {Id}: {request.Alignment} at {request.BaseOffset} ({before} before): {answer.Result}, ends at {answer.LogEndOffset}");
        else
            _cluster.Trace.Add($"node {Id}: {request.Records.Length} bytes at {request.BaseOffset}: ends at {answer.LogEndOffset}, durable {answer.DurableEndOffset}, high watermark {request.HighWatermark}");
        CrashIfOffline();
        return answer;
    }

    private void Open()
    {
        try
        {
            Files.CreateDirectory(LogDirectory);
            Files.FlushDirectory("/");
            Files.FlushDirectory(DataDirectory);
            _checkpoints = new LogCheckpoints(Files, DataDirectory, TimeSpan.FromSeconds(2), Time, NullLogger.Instance, () => Log is null ? [] : [Log]);
            var environment = new LogEnvironment(
                s_partition, LogDirectory, Files, Time, NullLogger.Instance, new VirtualFlushes(Lane) { Slowness = FlushSlowness }, _checkpoints);
            var hints = _checkpoints.HintsFor(s_partition, Guid.Empty, cleanShutdown: false);
            var config = _cluster.Options.Log;
            var log = new PartitionLog(environment, new LogLoader(environment, config, hints).Load(new ProducerStateOptions()), config);
            Log = log;
            if (log.Recovery.IsNew) _checkpoints.Remember(log, log.FlushedOffset);
            else if (hints.RecoveryPoint > log.LogEndOffset) _checkpoints.Write(log);
            _isDirect = _cluster.Network.Chance(0.4);
            // No two lives draw the same numbers.
            _sessions += 1_000_000;
            Follower = new PartitionFollower(
                log, Id, Time, _knownEpoch, new PartitionFollowerOptions { SessionSeed = () => (Id * 1_000_000_000_000L) + _sessions }, NullLogger.Instance);
            _cluster.Trace.Add($"node {Id} is up: [{log.LogStartOffset}, {log.LogEndOffset}) epoch {log.LatestEpoch}, fenced {log.FencedEpoch}, damaged from {log.DamagedFrom}; {log.Recovery}");
        }
        catch (Exception failure) when (failure is IOException or OrleansLogException)
        {
            _cluster.Trace.Add($"node {Id} cannot start: {failure.Message}");
            Crash(CrashKind.Torn);
        }
    }

    private async Task WatchAsync(PartitionLeader leader)
    {
        var end = await leader.Ended;
        _cluster.Trace.Add($"node {Id} leads no more in epoch {leader.State.LeaderEpoch}: {end.Reason}");
        _cluster.Store.NoteLeaderEnd(this, leader.State, end);
    }

    // Hands over when a reassignment takes this node out and waits for nothing else.
    private async Task GiveWayAsync(PartitionLeader leader)
    {
        while (!leader.IsClosed)
        {
            var state = leader.State;
            if (leader.FindHeir() is not { } heir)
            {
                await leader.NextChange(state.Version);
                continue;
            }

            try
            {
                await leader.ResignAsync(heir, TimeSpan.FromSeconds(2));
                var stored = _cluster.Store.TryHandOverAsync(this, leader.State, heir);
                if (await stored.WaitAsync(TimeSpan.FromSeconds(3), Time)) leader.Close();
                else leader.Resume();
            }
            catch (Exception lost) when (lost is IOException or TimeoutException)
            {
                // Whether it is stored, nobody here knows.
                leader.Close();
            }
            catch (OrleansLogException failure)
            {
                _cluster.Trace.Add($"node {Id} cannot hand over to {heir}: {failure.Message}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), Time);
        }
    }

    private void ApplyMutationToConfig(bool leads)
    {
        if (Mutation != Mutation.AcknowledgeBeforeFsync) return;
        if (!leads && Leads) return;
        Log!.UpdateConfig(leads ? _cluster.Options.Log : _cluster.Options.Log with { FlushMessages = 1_000_000, FlushMs = 3000 });
    }

    private static byte[] WithoutProducer(byte[] batch) => TestLog.Batch(
        TestLog.Records(batch).Select(record => (record.Key, record.Value)));

    private sealed class Link(ClusterNode from, int to) : IReplicaLink
    {
        private readonly Lane _lane = from.Lane;

        public Task<FollowerLogState> BeginTermAsync(BeginTermRequest request, CancellationToken cancellationToken) =>
            from._cluster.Network.CallAsync(
                _lane, from.Id, to, () => from._cluster.Node(to).Lane, "begin term", () => from._cluster.Node(to).BeginTermAsync(request));

        public Task<ReplicateResponse> ReplicateAsync(ReplicateRequest request, CancellationToken cancellationToken)
        {
            var bytes = request.Records.ToArray();
            var network = from._cluster.Network;
            if (bytes.Length > 0 && network.Chance(network.Faults.Corruption))
                bytes[from._cluster.Scheduler.Random.Next(bytes.Length)] ^= (byte)(1 << from._cluster.Scheduler.Random.Next(8));
            var sent = request with { Records = bytes };
            return network.CallAsync(
                _lane, from.Id, to, () => from._cluster.Node(to).Lane, "replicate", () => from._cluster.Node(to).ReplicateAsync(sent));
        }
    }
}
