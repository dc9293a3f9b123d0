using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Hosting;

/// <summary>Tells the catalog of this node once the silo is active, by which it also finishes what a crash left half-done.</summary>
internal sealed class NodeRegistration(IGrainFactory grains, LocalNode node) : ILifecycleParticipant<ISiloLifecycle>
{
    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(NodeRegistration),
        ServiceLifecycleStage.Active,
        cancellation => grains.GetCatalog().RegisterNode(node.Description).WaitAsync(cancellation));
}
