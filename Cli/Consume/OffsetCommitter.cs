using OrleansLog.Records;

namespace OrleansLog.Cli.Consume;

/// <summary>
/// Writes records out and commits what was written, in this order. Its calls exclude each other: a rebalance may want partitions
/// back while the pump waits for records and uses the time to flush and commit.
/// </summary>
internal sealed class OffsetCommitter(
    IRecordSource source, RecordOutput output, WrittenOffsets offsets, bool commits, TimeSpan interval, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private long _lastCommit = time.GetTimestamp();

    /// <summary>Why the last commit failed; null when it has not, or a later one succeeded.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>When the next commit is due; null when there is nothing to commit.</summary>
    public TimeSpan? DueIn
    {
        get
        {
            if (!commits || offsets.Committable().Count == 0)
                return null;
            var left = interval - time.GetElapsedTime(_lastCommit);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>Writes out what was gathered, and commits if it is time to.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await WriteAsync(cancellationToken).ConfigureAwait(false);
            if (commits && time.GetElapsedTime(_lastCommit) >= interval)
                await CommitAsync(offsets.Committable(), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Writes out, commits and forgets partitions that go to another member.</summary>
    public async ValueTask GiveUpAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await WriteAsync(cancellationToken).ConfigureAwait(false);
            await CommitAsync(offsets.Committable(partitions), cancellationToken).ConfigureAwait(false);
            offsets.Remove(partitions);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Forgets partitions that another member may have already: nothing can be committed for them.</summary>
    public async ValueTask ForgetAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        offsets.Remove(partitions);
        _gate.Release();
    }

    /// <summary>Sets where partitions end.</summary>
    public async ValueTask SetTargetsAsync(IReadOnlyDictionary<TopicPartition, long> targets, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        foreach (var (partition, target) in targets)
            offsets.SetTarget(partition, target);
        _gate.Release();
    }

    /// <summary>The last flush and the last commit; neither throws for what the other side refuses.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await WriteAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await CommitAsync(offsets.Committable(), cancellationToken).ConfigureAwait(false);
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private async ValueTask WriteAsync(CancellationToken cancellationToken)
    {
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
        offsets.MarkFlushed();
    }

    private async ValueTask CommitAsync(
        IReadOnlyList<KeyValuePair<TopicPartition, long>> committable, CancellationToken cancellationToken)
    {
        if (!commits)
            return;
        _lastCommit = time.GetTimestamp();
        if (committable.Count == 0)
            return;
        try
        {
            await source.CommitAsync(committable, cancellationToken).ConfigureAwait(false);
            offsets.MarkCommitted(committable);
            Failure = null;
        }
        catch (OrleansLogException exception)
        {
            // The records are written; that they may be read again is for the end to tell, if no later commit mends it.
            Failure = exception;
        }
    }
}
