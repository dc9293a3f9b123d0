namespace OrleansLog.Grains.Hosting;

/// <summary>
/// What a silo does again and again while it runs: one round at a time, one loop, one timer. A round that fails is told of, and
/// the next one is in its turn. Started once and stopped once.
/// </summary>
internal sealed class PeriodicWork(TimeProvider time) : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private Task _loop = Task.CompletedTask;
    private bool _isFinished;

    /// <summary>Cancelled when the work is to stop.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Begins; does nothing when <paramref name="interval"/> is zero, by which settings turn the work off.</summary>
    /// <param name="interval">The time between two rounds.</param>
    /// <param name="round">One round; cancelled when the silo stops.</param>
    /// <param name="failed">Tells of a round that failed.</param>
    /// <param name="first">The time until the first round; the interval when there is none.</param>
    public Task StartAsync(
        TimeSpan interval, Func<CancellationToken, Task> round, Action<Exception> failed, TimeSpan? first = null)
    {
        if (interval > TimeSpan.Zero) _loop = Task.Run(() => RunAsync(interval, round, failed, first), CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Called within a round: it was the last one.</summary>
    public void Finish() => _isFinished = true;

    /// <summary>Stops; completes when the round that is under way has ended.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _loop;
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    private async Task RunAsync(TimeSpan interval, Func<CancellationToken, Task> round, Action<Exception> failed, TimeSpan? first)
    {
        try
        {
            if (first is { } wait)
            {
                await Task.Delay(wait, time, Stopping);
                await TryAsync(round, failed);
            }

            if (_isFinished) return;
            using var timer = new PeriodicTimer(interval, time);
            while (!_isFinished && await timer.WaitForNextTickAsync(Stopping)) await TryAsync(round, failed);
        }
        catch (OperationCanceledException) when (Stopping.IsCancellationRequested)
        {
            // The silo stops.
        }
    }

    private async Task TryAsync(Func<CancellationToken, Task> round, Action<Exception> failed)
    {
        try
        {
            await round(Stopping);
        }
        catch (Exception e) when (e is not OutOfMemoryException && !Stopping.IsCancellationRequested)
        {
            failed(e);
        }
    }
}
