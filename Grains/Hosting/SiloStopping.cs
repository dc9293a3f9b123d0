namespace OrleansLog.Grains.Hosting;

/// <summary>
/// Tells that the silo is about to stop, before its grains are deactivated: Orleans waits for the calls that a grain is in, and
/// a long poll would hold the stop up for as long as it may wait. Thread-safe.
/// </summary>
internal sealed class SiloStopping : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();

    private volatile bool _isLeaving;

    /// <summary>Whether the stop has begun: leaderships are being handed over, and the replicas here are to leave the ISR.</summary>
    public bool IsLeaving => _isLeaving;

    /// <summary>Cancelled when the leaderships are handed over.</summary>
    public CancellationToken Token => _stopping.Token;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer)
    {
        observer.Subscribe(
            nameof(SiloStopping), ServiceLifecycleStage.Active, _ => Task.CompletedTask, _ => _stopping.CancelAsync());
        observer.Subscribe(nameof(SiloStopping), LogStage.Presence, _ => Task.CompletedTask, _ =>
        {
            _isLeaving = true;
            return Task.CompletedTask;
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();
}
