namespace OrleansLog.Cli.Perf;

/// <summary>Writes a line each second while a measurement runs. Disposing of it ends that.</summary>
internal sealed class PerfTicker : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    /// <param name="meter">The measurement.</param>
    /// <param name="time">The clock.</param>
    /// <param name="write">Writes a second's sample; called on another thread.</param>
    public PerfTicker(PerfMeter meter, TimeProvider time, Action<PerfSample> write) => _loop = LoopAsync(meter, time, write);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task LoopAsync(PerfMeter meter, TimeProvider time, Action<PerfSample> write)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
                write(meter.Look());
        }
        catch (OperationCanceledException)
        {
            // the measurement is over
        }
    }
}
