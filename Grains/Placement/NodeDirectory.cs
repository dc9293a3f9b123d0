using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.MembershipService.SiloMetadata;
using OrleansLog.Grains.Hosting;
using OrleansLog.Records;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// Knows which node of the cluster is which silo, from the membership and from what each silo says of itself. A silo that is
/// declared dead leaves the view at once; one that appears is in it as soon as it has said which node it is. Thread-safe.
/// </summary>
internal sealed partial class NodeDirectory(
    IClusterMembershipService membership,
    ISiloMetadataCache metadata,
    ILocalSiloDetails localSilo,
    LocalNode localNode,
    INodeIdentity identity,
    TimeProvider time,
    ILogger<NodeDirectory> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LastLook = TimeSpan.FromSeconds(1);

    // Orleans asks a silo once who it is, and after a failure not before the next change of the membership, which may be never.
    private static readonly TimeSpan AskElsewhere = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<SiloAddress, ClusterNode> _known = [];
    private IReadOnlyDictionary<SiloAddress, IReadOnlyDictionary<string, string>> _published =
        new Dictionary<SiloAddress, IReadOnlyDictionary<string, string>>();

    private Task _loop = Task.CompletedTask;
    private State _state = new(NodeView.Empty);

    /// <summary>The nodes that run, as far as this one knows.</summary>
    public NodeView Current => Volatile.Read(ref _state).View;

    /// <summary>The number of this node.</summary>
    public int OwnId => localNode.NodeId;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(NodeDirectory),
        ServiceLifecycleStage.RuntimeServices,
        _ =>
        {
            _loop = Task.Run(RunAsync, CancellationToken.None);
            return Task.CompletedTask;
        },
        async _ =>
        {
            await _stopping.CancelAsync();
            await _loop;
        });

    /// <summary>The current view, and then every later one; intermediate ones may be left out. It ends with the silo.</summary>
    public async IAsyncEnumerable<NodeView> FollowAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var state = Volatile.Read(ref _state);
        while (true)
        {
            yield return state.View;
            if (!await state.Superseded.Task.WaitAsync(cancellationToken)) yield break;
            state = Volatile.Read(ref _state);
        }
    }

    /// <summary>Waits for a view that satisfies <paramref name="condition"/>, the current one included.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled, or the silo stops.</exception>
    public async Task<NodeView> WaitForAsync(Func<NodeView, bool> condition, CancellationToken cancellationToken)
    {
        await foreach (var view in FollowAsync(cancellationToken))
        {
            if (condition(view)) return view;
        }

        throw new OperationCanceledException("The silo stops.");
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    private async Task RunAsync()
    {
        try
        {
            await using var updates = membership.MembershipUpdates.GetAsyncEnumerator(_stopping.Token);
            var next = updates.MoveNextAsync().AsTask();
            ClusterMembershipSnapshot? snapshot = null;
            var pause = FirstLook;
            while (true)
            {
                // Waits for a change of the membership; while a silo has yet to say who it is, looks again in between.
                if (Current.Unknown.Count > 0) await Task.WhenAny(next, Task.Delay(pause, time, _stopping.Token));
                else await Task.WhenAny(next);
                if (next.IsCompleted)
                {
                    if (!await next) break;
                    snapshot = updates.Current;
                    next = updates.MoveNextAsync().AsTask();
                    pause = FirstLook;
                }
                else
                {
                    _stopping.Token.ThrowIfCancellationRequested();
                    if (pause > AskElsewhere) await ReadPublishedAsync();
                    pause = pause * 2 < LastLook ? pause * 2 : LastLook;
                }

                if (snapshot is not null) Publish(snapshot);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The silo stops.
        }
        catch (Exception e)
        {
            LogFailed(e);
        }
        finally
        {
            Volatile.Read(ref _state).Superseded.TrySetResult(false);
        }
    }

    private void Publish(ClusterMembershipSnapshot snapshot)
    {
        var (nodes, unknown) = (new Dictionary<int, ClusterNode>(), new List<SiloAddress>());
        foreach (var member in snapshot.Members.Values)
        {
            if (member.Status is not (SiloStatus.Joining or SiloStatus.Active or SiloStatus.ShuttingDown or SiloStatus.Stopping))
            {
                _known.Remove(member.SiloAddress);
            }
            else if (Identify(member.SiloAddress) is not { } node)
            {
                unknown.Add(member.SiloAddress);
            }
            else
            {
                node = node with { IsActive = member.Status == SiloStatus.Active };
                // Until the silo that a node was before its restart is declared dead, there are two.
                if (!nodes.TryGetValue(node.NodeId, out var other) || IsLater(node, other)) nodes[node.NodeId] = node;
            }
        }

        foreach (var gone in _known.Keys.Where(silo => !snapshot.Members.ContainsKey(silo)).ToArray()) _known.Remove(gone);
        var view = new NodeView(snapshot.Version, nodes.Values, unknown);
        var before = Volatile.Read(ref _state);
        if (view.HasSameNodesAs(before.View)) return;
        Volatile.Write(ref _state, new State(view));
        before.Superseded.TrySetResult(true);
    }

    private async Task ReadPublishedAsync()
    {
        try
        {
            _published = await identity.ReadPublishedAsync(_stopping.Token);
        }
        catch (OrleansLogException e)
        {
            LogNotRead(e.Message);
        }
    }

    private static bool IsLater(ClusterNode node, ClusterNode other) =>
        node.IsActive != other.IsActive ? node.IsActive : node.Silo.Generation > other.Silo.Generation;

    private ClusterNode? Identify(SiloAddress silo)
    {
        if (_known.TryGetValue(silo, out var known)) return known;
        ClusterNode? node;
        if (silo.Equals(localSilo.SiloAddress))
        {
            var own = localNode.Description;
            node = new ClusterNode(
                own.NodeId, silo, IsActive: false, own.Rack, own.KafkaEndpoint, HttpEndpoint: null, localSilo.GatewayAddress?.Endpoint.ToString());
        }
        else
        {
            node = Read(silo, metadata.GetSiloMetadata(silo).Metadata)
                ?? (_published.TryGetValue(silo, out var published) ? Read(silo, published) : null);
        }

        if (node is not null) _known.Add(silo, node);
        return node;
    }

    private static ClusterNode? Read(SiloAddress silo, IReadOnlyDictionary<string, string> entries) =>
        entries.TryGetValue(NodeMetadata.NodeIdKey, out var text)
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new ClusterNode(
                id,
                silo,
                IsActive: false,
                entries.GetValueOrDefault(NodeMetadata.RackKey),
                entries.GetValueOrDefault(NodeMetadata.KafkaEndpointKey),
                entries.GetValueOrDefault(NodeMetadata.HttpEndpointKey),
                entries.GetValueOrDefault(NodeMetadata.GatewayKey))
            : null;

    [LoggerMessage(Level = LogLevel.Critical, Message = "This node no longer follows which nodes run.")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A silo has not said which node it is, and that cannot be read either: {Reason}")]
    private partial void LogNotRead(string reason);

    private sealed class State(NodeView view)
    {
        public NodeView View { get; } = view;

        /// <summary>Completed with whether there is a later state, or none will come.</summary>
        public TaskCompletionSource<bool> Superseded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
