using OrleansLog.Cli.Consume;

namespace OrleansLog.Cli.Perf;

/// <summary>Reads records, throws them away, and measures. One run.</summary>
/// <param name="source">Where they come from.</param>
/// <param name="meter">The measurement.</param>
/// <param name="measureAge">Whether to count each record's age on arrival as its latency.</param>
/// <param name="time">The clock.</param>
internal sealed class ConsumeLoad(IRecordSource source, PerfMeter meter, bool measureAge, TimeProvider time)
{
    /// <summary>Reads so many records.</summary>
    /// <returns>Whether they came; false when there were none for <paramref name="idleTimeout"/>.</returns>
    public async Task<bool> RunAsync(long wanted, TimeSpan idleTimeout, CancellationToken cancellationToken)
    {
        using var idle = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, idle.Token);
        var enumerator = source.ConsumeAsync(stop.Token).GetAsyncEnumerator(stop.Token);
        await using (enumerator.ConfigureAwait(false))
        {
            long records = 0, bytes = 0;
            try
            {
                while (records < wanted)
                {
                    var next = enumerator.MoveNextAsync();
                    if (!(next.IsCompletedSuccessfully ? next.Result : await WaitAsync(next.AsTask(), idle, idleTimeout).ConfigureAwait(false)))
                        return false;
                    var record = enumerator.Current;
                    bytes += record.Key.Memory.Length + record.Value.Memory.Length;
                    meter.Set(++records, bytes);
                    if (measureAge)
                        meter.AddLatency(time.GetUtcNow() - record.Timestamp);
                }

                return true;
            }
            catch (OperationCanceledException) when (idle.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                return false;
            }
        }
    }

    private static async Task<bool> WaitAsync(Task<bool> next, CancellationTokenSource idle, TimeSpan idleTimeout)
    {
        idle.CancelAfter(idleTimeout);
        var moved = await next.ConfigureAwait(false);
        idle.CancelAfter(Timeout.InfiniteTimeSpan);
        return moved;
    }
}
