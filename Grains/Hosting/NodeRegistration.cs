using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Hosting;

/// <summary>Tells the catalog of this node once the silo is active, by which it also finishes what a crash left half-done.</summary>
internal sealed partial class NodeRegistration(
    IGrainFactory grains, LocalNode node, TimeProvider time, ILogger<NodeRegistration> logger) : ILifecycleParticipant<ISiloLifecycle>
{
    // The catalog may be where it was before a crash of all silos: until that is known to be gone, calls are sent there.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) =>
        observer.Subscribe(nameof(NodeRegistration), ServiceLifecycleStage.Active, RegisterAsync);

    /// <summary>Registers the node, again and again while no silo takes the call.</summary>
    /// <exception cref="OrleansException">None did for a minute.</exception>
    public async Task RegisterAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                await grains.GetCatalog().RegisterNode(node.Description).WaitAsync(cancellationToken);
                return;
            }
            catch (Exception e) when (e is OrleansException or TimeoutException && time.GetElapsedTime(began) < Patience)
            {
                LogNotReached(e.Message);
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The catalog is not reached yet: {Reason}")]
    private partial void LogNotReached(string reason);
}
