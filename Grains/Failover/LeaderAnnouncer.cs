using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// Tells the other nodes which offices this one has taken, so that calls come here at once. What gathers while a message is under
/// way goes with the next. A node that does not hear of it finds the leader in the store. Thread-safe.
/// </summary>
internal sealed partial class LeaderAnnouncer(
    IGrainFactory grains, NodeDirectory nodes, TimeProvider time, ILogger<LeaderAnnouncer> logger)
    : ILifecycleParticipant<ISiloLifecycle>
{
    private const int MaxWaiting = 100_000;
    private const int MaxBatch = 1_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Channel<Leadership> _news = Channel.CreateBounded<Leadership>(
        new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private Task _loop = Task.CompletedTask;

    /// <summary>Has the others told that this node leads a partition.</summary>
    public void Announce(Leadership office) => _news.Writer.TryWrite(office);

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(LeaderAnnouncer),
        ServiceLifecycleStage.Active,
        _ =>
        {
            _loop = Task.Run(RunAsync, CancellationToken.None);
            return Task.CompletedTask;
        },
        async _ =>
        {
            _news.Writer.TryComplete();
            await _loop;
        });

    private async Task RunAsync()
    {
        var batch = new List<Leadership>();
        while (await _news.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < MaxBatch && _news.Reader.TryRead(out var office)) batch.Add(office);
            Leadership[] message = [.. batch];
            await Task.WhenAll(nodes.Current.ActiveIds.Where(id => id != nodes.OwnId).Select(id => TellAsync(id, message)));
        }
    }

    private async Task TellAsync(int nodeId, Leadership[] offices)
    {
        try
        {
            await grains.GetNode(nodeId).NoteLeaders(nodes.OwnId, offices).WaitAsync(Patience, time);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogUntold(nodeId, offices.Length, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Node {Node} could not be told of {Count} offices: {Reason}")]
    private partial void LogUntold(int node, int count, string reason);
}
