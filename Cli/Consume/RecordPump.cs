using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Input;
using OrleansLog.Client;

namespace OrleansLog.Cli.Consume;

/// <summary>
/// Brings records from a consumer to standard output. The output is written in large pieces while records keep coming, and at
/// once when none is waiting. One run.
/// </summary>
internal sealed class RecordPump(
    IRecordSource source,
    RecordFormatter formatter,
    RecordOutput output,
    WrittenOffsets offsets,
    OffsetCommitter committer,
    ConsumeSettings settings,
    TimeProvider time)
{
    /// <summary>How long the last flush and commit may take after it was told to stop.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private long _records;

    /// <summary>Records put out so far; may be asked for from another thread.</summary>
    public long Records => Volatile.Read(ref _records);

    /// <summary>Runs until one of the ends that <see cref="ConsumeSettings"/> names, or until interrupted.</summary>
    public async Task<ConsumeResult> RunAsync(CancellationToken interrupted)
    {
        var start = time.GetTimestamp();
        ConsumeEnd end;
        try
        {
            end = settings.Count == 0 ? ConsumeEnd.CountReached : await PumpAsync(interrupted).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            end = ConsumeEnd.Interrupted;
        }
        catch (OutputClosedException)
        {
            end = ConsumeEnd.OutputClosed;
        }

        if (!await FinishAsync().ConfigureAwait(false) && end != ConsumeEnd.Interrupted)
            end = ConsumeEnd.OutputClosed;
        return new ConsumeResult(end, _records, committer.Failure, time.GetElapsedTime(start));
    }

    /// <returns>Whether all output was taken.</returns>
    private async Task<bool> FinishAsync()
    {
        using var patience = new CancellationTokenSource(Patience, time);
        try
        {
            await committer.FinishAsync(patience.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (exception is OutputClosedException or OperationCanceledException)
        {
            return false; // nobody takes the rest any more; it was not committed
        }
    }

    private async Task<ConsumeEnd> PumpAsync(CancellationToken interrupted)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        var records = source.ConsumeAsync(stop.Token).GetAsyncEnumerator(stop.Token);
        await using (records.ConfigureAwait(false))
        {
            while (true)
            {
                var next = records.MoveNextAsync();
                if (next.IsCompletedSuccessfully)
                {
                    if (!next.Result)
                        return ConsumeEnd.EndReached;
                }
                else
                {
                    var outcome = await WaitAsync(records, next.AsTask(), stop).ConfigureAwait(false);
                    if (outcome is { } end)
                        return end;
                }

                var atTarget = Write(records.Current);
                if (_records == settings.Count)
                    return ConsumeEnd.CountReached;
                if (output.Buffer.Length >= RecordOutput.WorthWriting)
                {
                    await committer.FlushAsync(stop.Token).ConfigureAwait(false);
                    atTarget = true; // a good moment to look
                }

                if (atTarget && HasReachedEnd())
                    return ConsumeEnd.EndReached;
            }
        }
    }

    private bool Write(in ConsumerRecord<NullableBytes, NullableBytes> record)
    {
        formatter.Write(record, output.Buffer);
        _records++;
        return offsets.Write(record.Topic, record.Partition, record.Offset);
    }

    /// <summary>Uses the time until the next record to write out and to commit.</summary>
    /// <returns>Null when a record has come, else why there will be none.</returns>
    private async Task<ConsumeEnd?> WaitAsync(
        IAsyncEnumerator<ConsumerRecord<NullableBytes, NullableBytes>> records, Task<bool> next, CancellationTokenSource stop)
    {
        try
        {
            var idleSince = time.GetTimestamp();
            while (!next.IsCompleted)
            {
                await committer.FlushAsync(stop.Token).ConfigureAwait(false);
                if (HasReachedEnd())
                    return await LeaveAsync(records, next, stop, ConsumeEnd.EndReached).ConfigureAwait(false);
                var idleLeft = settings.IdleTimeout - time.GetElapsedTime(idleSince);
                if (idleLeft <= TimeSpan.Zero)
                    return await LeaveAsync(records, next, stop, ConsumeEnd.Idle).ConfigureAwait(false);
                await ((Task)next).WaitAsync(Shorter(idleLeft, committer.DueIn), time)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch (Exception)
        {
            // The enumeration must have ended before it is disposed of.
            await LeaveAsync(records, next, stop, ConsumeEnd.Interrupted).ConfigureAwait(false);
            throw;
        }

        return await next.ConfigureAwait(false) ? null : ConsumeEnd.EndReached;
    }

    private async Task<ConsumeEnd> LeaveAsync(
        IAsyncEnumerator<ConsumerRecord<NullableBytes, NullableBytes>> records, Task<bool> next, CancellationTokenSource stop, ConsumeEnd end)
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // The position may count a record that was on its way here: it may be the very one that was waited for.
        if (next.IsCompletedSuccessfully && next.Result)
            Write(records.Current);
        return end;
    }

    private static TimeSpan Shorter(TimeSpan? left, TimeSpan? right)
    {
        var least = TimeSpan.FromMilliseconds(1);
        if (left is null && right is null)
            return Timeout.InfiniteTimeSpan;
        var shorter = left is null || right < left ? right!.Value : left.Value;
        return shorter > least ? shorter : least;
    }

    private bool HasReachedEnd() => settings.UntilEnd && offsets.HaveAllReachedTargets(source.Position);
}
