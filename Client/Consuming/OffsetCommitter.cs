using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// Commits a group's offsets, one commit after the other: a commit that is repeated can never overtake a newer one. Thread-safe.
/// </summary>
internal sealed class OffsetCommitter(ClientContext context, ConsumerSettings settings, Func<GroupIdentity> identity) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly string _groupId = settings.GroupId!;

    private IConsumerGroupGrain Group => context.Grains.GetConsumerGroup(_groupId);

    /// <summary>The committed offsets of partitions; one without is absent.</summary>
    public async Task<Dictionary<TopicPartition, long>> FetchAsync(
        IReadOnlyList<TopicPartition> partitions, CancellationToken cancellationToken)
    {
        var offsets = await CallRetry.RunAsync(
            context,
            settings.RequestTimeout,
            $"The committed offsets of group '{_groupId}'",
            () => Group.FetchOffsets(partitions),
            cancellationToken).ConfigureAwait(false);
        // Kafka's tools reset a group by committing -1 or -2, which are no offsets: it begins anew.
        return offsets.Where(static offset => offset.Offset >= 0)
            .ToDictionary(static offset => offset.Partition, static offset => offset.Offset);
    }

    /// <summary>Commits offsets; all of them are durable when this returns.</summary>
    /// <exception cref="OrleansLogException">UnknownMemberId, FencedMemberEpoch: the partitions are another member's by now;
    /// RequestTimedOut; ...</exception>
    public async Task CommitAsync(IReadOnlyList<CommittedOffset> offsets, CancellationToken cancellationToken)
    {
        if (offsets.Count == 0) return;
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var start = context.Time.GetTimestamp();
            while (true)
            {
                var left = settings.RequestTimeout - context.Time.GetElapsedTime(start);
                try
                {
                    await CommitOnceAsync(offsets, left, cancellationToken).ConfigureAwait(false);
                    return;
                }
                catch (OrleansLogException exception) when (
                    exception.Error == ErrorCode.StaleMemberEpoch && left > settings.RetryBackoff)
                {
                    // The group has moved on; the next heartbeat brings the member's new epoch.
                    await Task.Delay(settings.RetryBackoff, context.Time, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task CommitOnceAsync(
        IReadOnlyList<CommittedOffset> offsets, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var results = await CallRetry.RunAsync(
            context,
            timeout,
            $"The commit of group '{_groupId}'",
            () =>
            {
                var member = identity();
                return Group.CommitOffsets(new OffsetCommitRequest(member.MemberId, member.Epoch, member.InstanceId, offsets));
            },
            cancellationToken).ConfigureAwait(false);
        CommitResults.ThrowOnError(_groupId, results);
    }
}

/// <summary>As whom a consumer speaks to its group: a member in an epoch, or (empty, -1) from outside.</summary>
internal readonly record struct GroupIdentity(string MemberId, int Epoch, string? InstanceId)
{
    public static GroupIdentity Outside => new("", -1, null);
}
