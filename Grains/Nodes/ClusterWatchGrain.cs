using Orleans.Concurrency;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;

namespace OrleansLog.Grains.Nodes;

/// <summary>Answers with what this node's directory of nodes says. It keeps nothing.</summary>
[StatelessWorker(1)]
internal sealed class ClusterWatchGrain(NodeDirectory nodes, SiloStopping stopping, TimeProvider time) : Grain, IClusterWatchGrain
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(25);

    /// <inheritdoc/>
    public async Task<RunningNodes> Watch(long knownVersion, int maxWaitMs)
    {
        var wait = TimeSpan.FromMilliseconds(Math.Max(0, maxWaitMs));
        using var limit = new CancellationTokenSource(wait < MaxWait ? wait : MaxWait, time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping.Token);
        try
        {
            return Describe(await nodes.WaitForAsync(view => view.Revision > knownVersion, ending.Token));
        }
        catch (OperationCanceledException)
        {
            return Describe(nodes.Current);
        }
    }

    private RunningNodes Describe(NodeView view)
    {
        ClusterNode[] withGateway = [.. view.Nodes.Where(node => node is { IsActive: true, Gateway: not null })];
        return new RunningNodes(
            view.Revision,
            [.. view.Nodes.Select(node => node.Silo).Concat(view.Unknown).Select(silo => silo.ToParsableString())],
            [.. withGateway.Select(node => node.Gateway!)],
            [.. withGateway.Select(node => node.NodeId)],
            nodes.OwnId);
    }
}
