using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Catalog;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// Producing to a leader and fetching from it within this node's bounds, for its grain and for those who call it without one.
/// Thread-safe.
/// </summary>
internal sealed partial class LeaderCalls(
    ProduceBudget budget,
    SiloStopping stopping,
    IOptions<OrleansLogOptions> options,
    IGrainFactory grains,
    TimeProvider time,
    ILogger<LeaderCalls> logger)
{
    private readonly ConditionalWeakTable<PartitionLeader, LocalLeader> _locals = [];

    /// <summary>A leader to be called without its grain.</summary>
    public ILocalLeader Of(PartitionLeader leader) => LocalOf(leader);

    /// <summary>
    /// Produces without the leader's grain, as <see cref="ILocalLeader.ProduceAsync"/>; with <paramref name="flushesHere"/> on a thread
    /// that may wait for the disk, and makes the records durable itself if no other is about to. Whoever awaits it may go on on a thread
    /// that flushes, and must not hold that up.
    /// </summary>
    public Task<ProduceResponse> ProduceWithoutGrainAsync(PartitionLeader leader, ProduceRequest request, bool flushesHere)
    {
        LocalOf(leader).KeepGrain();
        return ProduceAsync(leader, request, flushesHere ? FlushWait.Here : FlushWait.Anywhere);
    }

    /// <summary>See <see cref="IPartitionGrain.Produce"/>. Appends before it returns, if there is room.</summary>
    public async Task<ProduceResponse> ProduceAsync(PartitionLeader leader, ProduceRequest request, FlushWait flushWait = FlushWait.OnPool)
    {
        var records = request.Records;
        if (InternalTopics.Contains(leader.Log.Partition.Topic) && !InternalWrites.IsAllowed)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidTopic, $"'{leader.Log.Partition.Topic}' is an internal topic; only the cluster writes to it.");
        }

        var timeout = TimeSpan.FromMilliseconds(Math.Max(1, request.TimeoutMs));
        await budget.EnterAsync(records.Length, timeout).ConfigureAwait(false);
        try
        {
            // What is left to do is not the grain's: it needs no turn of it.
            var outcome = await leader.AppendAsync(records.Memory, request.Acks, timeout, request.CurrentLeaderEpoch, flushWait).ConfigureAwait(false);
            if (request.Acks == 0) Array.Fill(outcome.BaseOffsets, -1);
            return new ProduceResponse(outcome.BaseOffsets, outcome.LogAppendTimeMs, outcome.LogStartOffset, outcome.LeaderEpoch, leader.State.Leader);
        }
        finally
        {
            budget.Leave(records.Length);
        }
    }

    /// <summary>See <see cref="IPartitionGrain.Fetch"/>. Reads on the caller's thread.</summary>
    public async Task<FetchResponse> FetchAsync(PartitionLeader leader, FetchRequest request, CancellationToken cancellationToken)
    {
        var outcome = await ReadAsync(leader, request, cancellationToken);
        var length = outcome.Records.Length;
        RecordBytes records;
        if (request.MayBeEmpty && length > request.MaxBytes)
        {
            outcome.Records.Dispose();
            records = RecordBytes.Empty;
        }
        else
        {
            records = outcome.Records.Detach() is { } rented ? RecordBytes.Own(rented, length) : RecordBytes.Empty;
        }

        return new FetchResponse(
            records, outcome.HighWatermark, outcome.LastStableOffset, outcome.LogStartOffset, outcome.LeaderEpoch);
    }

    /// <summary>See <see cref="ILocalLeader.WhenCommittedAsync"/>.</summary>
    public async Task<bool> WhenCommittedAsync(
        PartitionLeader leader, long totalBytes, TimeSpan maxWait, CancellationToken cancellationToken)
    {
        if (maxWait > options.Value.MaxFetchWait) maxWait = options.Value.MaxFetchWait;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping.Token);
        try
        {
            return await leader.WhenCommittedAsync(totalBytes, maxWait, ending.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private LocalLeader LocalOf(PartitionLeader leader) => _locals.GetValue(leader, found => new LocalLeader(this, found));

    private long Now => time.GetTimestamp();

    private TimeSpan ElapsedBetween(long from, long to) => time.GetElapsedTime(from, to);

    /// <summary>Lets the leader's grain know that it is in use. A failure shows with the next call that needs it.</summary>
    private async Task TouchAsync(TopicPartition partition)
    {
        try
        {
            await grains.GetPartition(partition).Lead();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogNotReached(partition, e.Message);
        }
    }

    private async Task<FetchOutcome> ReadAsync(PartitionLeader leader, FetchRequest request, CancellationToken cancellationToken)
    {
        var maxBytes = Math.Min(request.MaxBytes, options.Value.MaxFetchBytes);
        var maxWait = TimeSpan.FromMilliseconds(Math.Max(0, request.MaxWaitMs));
        if (maxWait > options.Value.MaxFetchWait) maxWait = options.Value.MaxFetchWait;
        if (maxWait > TimeSpan.Zero)
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping.Token);
            try
            {
                return await Read(request.MinBytes, maxWait, ending.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The silo stops: what there is now is the answer.
            }
        }

        return await Read(minBytes: 0, TimeSpan.Zero, cancellationToken);

        ValueTask<FetchOutcome> Read(int minBytes, TimeSpan wait, CancellationToken cancellation) => leader.ReadAsync(
            request.Offset, maxBytes, minBytes, wait, request.ReadCommitted, request.CurrentLeaderEpoch, cancellation);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "The grain of {Partition} was not reached: {Reason}")]
    private partial void LogNotReached(TopicPartition partition, string reason);

    private sealed class LocalLeader(LeaderCalls calls, PartitionLeader leader) : ILocalLeader
    {
        /// <summary>Far below the time after which Orleans lets go of a grain that nobody calls, and with it of the office.</summary>
        private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

        private long _calledAt = calls.Now;

        public Task<ProduceResponse> ProduceAsync(ProduceRequest request)
        {
            KeepGrain();
            return calls.ProduceAsync(leader, request, FlushWait.Anywhere);
        }

        public Task<FetchResponse> FetchAsync(FetchRequest request, CancellationToken cancellationToken)
        {
            KeepGrain();
            return calls.FetchAsync(leader, request, cancellationToken);
        }

        public long CommittedBytes => leader.CommittedBytes;

        public Task<bool> WhenCommittedAsync(long totalBytes, TimeSpan maxWait, CancellationToken cancellationToken) =>
            calls.WhenCommittedAsync(leader, totalBytes, maxWait, cancellationToken);

        public void KeepGrain()
        {
            var (calledAt, now) = (Volatile.Read(ref _calledAt), calls.Now);
            if (calls.ElapsedBetween(calledAt, now) < Silence) return;
            if (Interlocked.CompareExchange(ref _calledAt, now, calledAt) == calledAt) _ = calls.TouchAsync(leader.Log.Partition);
        }
    }
}
