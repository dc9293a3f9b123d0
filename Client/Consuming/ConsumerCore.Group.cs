using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>The consumer's part as a member of its group, its commits, and its end.</summary>
internal sealed partial class ConsumerCore
{
    private readonly Lock _groupGate = new();
    private GroupMembership? _membership;
    private Task _autoCommit = Task.CompletedTask;
    private CancellationTokenSource? _autoCommitStop;
    private Task? _disposal;

    /// <summary>Whether the group assigns the partitions.</summary>
    public bool IsGroupMember => Volatile.Read(ref _membership) is not null;

    public string MemberId => Volatile.Read(ref _membership)?.MemberId ?? "";

    public bool IsDisposed => _disposing.IsCancellationRequested;

    private GroupIdentity Identity => Volatile.Read(ref _membership)?.Identity ?? GroupIdentity.Outside;

    public void Subscribe(IReadOnlyList<string>? topics, string? pattern)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, typeof(Consumer<,>));
        if (Settings.GroupId is null) throw new InvalidOperationException("A subscription needs a group: set ConsumerOptions.GroupId.");
        lock (_groupGate)
        {
            if (_membership is not null)
            {
                _membership.Resubscribe(topics, pattern);
                return;
            }

            if (_cursors.Length > 0)
                throw new InvalidOperationException("Partitions are assigned by hand; assign none before subscribing.");
            Volatile.Write(ref _membership, new GroupMembership(this, topics, pattern));
            StartAutoCommit();
        }
    }

    public void Assign(IReadOnlyList<KeyValuePair<TopicPartition, LogPosition>> partitions)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, typeof(Consumer<,>));
        if (IsGroupMember) throw new InvalidOperationException("The group assigns the partitions; unsubscribe before assigning by hand.");
        Right.Post(() => AssignByHand(partitions));
        lock (_groupGate) StartAutoCommit();
    }

    public async ValueTask UnsubscribeAsync(CancellationToken cancellationToken)
    {
        GroupMembership? membership;
        lock (_groupGate)
        {
            membership = _membership;
            if (membership is null) return;
        }

        await membership.StopAsync().ConfigureAwait(false);
        await Right.RunAsync(() => RevokeAsync([.. _cursors.Select(static cursor => cursor.Partition)])).ConfigureAwait(false);
        await membership.LeaveAsync(cancellationToken).ConfigureAwait(false);
        await membership.DisposeAsync().ConfigureAwait(false);
        lock (_groupGate) Volatile.Write(ref _membership, null);
    }

    /// <summary>Commits the positions of all partitions, the record handed out last included.</summary>
    public Task CommitPositionsAsync(CancellationToken cancellationToken) => CommitAsync(
        [.. _cursors.Where(static cursor => cursor.Position >= 0).Select(static cursor => KeyValuePair.Create(cursor.Partition, cursor.Position))],
        cancellationToken);

    public async Task CommitAsync(
        IReadOnlyList<KeyValuePair<TopicPartition, long>> offsets, CancellationToken cancellationToken)
    {
        if (Committer is null)
            throw new InvalidOperationException("A commit needs a group: set ConsumerOptions.GroupId.");
        await Committer.CommitAsync(
            [.. offsets.Select(static pair => new CommittedOffset(pair.Key, pair.Value))], cancellationToken).ConfigureAwait(false);
        foreach (var (partition, offset) in offsets)
        {
            if (Find(partition) is { } cursor) cursor.Committed = offset;
        }
    }

    /// <summary>Ends everything; an enumeration is waited for.</summary>
    public ValueTask DisposeAsync() => DisposeAsync(static () => true);

    /// <summary>Ends everything: commits what is processed, gives the partitions up, leaves the group.</summary>
    /// <param name="mayWaitForReader">Whether the enumeration, if there is one, is going to end by itself.</param>
    public ValueTask DisposeAsync(Func<bool> mayWaitForReader)
    {
        lock (_groupGate)
        {
            if (_disposal is null) Volatile.Write(ref _disposal, DisposeCoreAsync(mayWaitForReader));
            return new ValueTask(_disposal);
        }
    }

    private async Task DisposeCoreAsync(Func<bool> mayWaitForReader)
    {
        await Task.Yield();
        await _disposing.CancelAsync().ConfigureAwait(false);
        Right.Post(static () => { }); // so that an enumeration looks up, wherever it is
        var right = await Right.TryAcquireAsync(mayWaitForReader() ? Settings.RequestTimeout : TimeSpan.Zero).ConfigureAwait(false);
        await StopAutoCommitAsync().ConfigureAwait(false);
        var membership = _membership;
        if (membership is not null)
        {
            // A rebalance that waits for the right gets it, and finds that there is nothing to be done any more.
            if (right) await Right.ReleaseAsync().ConfigureAwait(false);
            await membership.StopAsync().ConfigureAwait(false);
            if (right) right = await Right.TryAcquireAsync(Settings.RequestTimeout).ConfigureAwait(false);
        }

        TopicPartition[] all = [.. _cursors.Select(static cursor => cursor.Partition)];
        if (membership is not null && all.Length > 0) await RevokeAsync(all).ConfigureAwait(false);
        else if (Settings.AutoCommit) await TryCommitProcessedAsync(_cursors).ConfigureAwait(false);
        if (membership is not null)
        {
            await membership.LeaveAsync(CancellationToken.None).ConfigureAwait(false);
            await membership.DisposeAsync().ConfigureAwait(false);
        }

        Remove(all);
        await Task.WhenAll(_stopping).ConfigureAwait(false);
        if (right) await Right.ReleaseAsync().ConfigureAwait(false);
        Committer?.Dispose();
        _reader.Dispose();
    }

    private void StartAutoCommit()
    {
        if (!Settings.AutoCommit || _autoCommitStop is not null) return;
        _autoCommitStop = new CancellationTokenSource();
        var stop = _autoCommitStop.Token;
        _autoCommit = BackgroundTask.Run(() => AutoCommitAsync(stop));
    }

    private async Task StopAutoCommitAsync()
    {
        if (_autoCommitStop is null) return;
        await _autoCommitStop.CancelAsync().ConfigureAwait(false);
        await _autoCommit.ConfigureAwait(false);
        _autoCommitStop.Dispose();
    }

    private async Task AutoCommitAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Settings.AutoCommitInterval, Context.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false)) await TryCommitProcessedAsync(_cursors).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The last commit is made by who stops this loop.
        }
    }

    // Commits what the application has done with. A failure is not the application's: the records come again at worst.
    private async Task TryCommitProcessedAsync(IReadOnlyList<PartitionCursor> cursors)
    {
        var offsets = new List<KeyValuePair<TopicPartition, long>>();
        foreach (var cursor in cursors)
        {
            var processed = cursor.Processed;
            if (processed >= 0 && processed != cursor.Committed) offsets.Add(new(cursor.Partition, processed));
        }

        try
        {
            await CommitAsync(offsets, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            Log.LogWarning(exception, "The automatic commit of group {Group} failed", Settings.GroupId);
        }
    }
}
