using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Storage;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Replicas;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// Takes office once, soon after the silo has started, for a partition that exists for this alone (<see cref="RehearsalTopic"/>),
/// replicates to another node, hands over to it and follows it: what a takeover needs is compiled and connected then, and not while
/// writers wait for it, which took most of the time of a restarted silo's first failover. Nothing of it is left behind.
/// </summary>
internal sealed partial class TakeoverRehearsal(
    NodeDirectory nodes,
    NodeReplicas replicas,
    OpenLogs logs,
    LogHost host,
    TopicDefaults defaults,
    LeaderHints hints,
    ILocalSiloDetails silo,
    IServiceProvider services,
    IGrainFactory grains,
    TimeProvider time,
    ILogger<TakeoverRehearsal> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private static readonly TimeSpan OtherPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProbePatience = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private readonly CancellationTokenSource _stopping = new();
    private Task _run = Task.CompletedTask;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer)
    {
        observer.Subscribe(
            nameof(TakeoverRehearsal), LogStage.DataDirectory + 1, _ => DeleteLeftoversAsync(), static _ => Task.CompletedTask);
        observer.Subscribe(
            nameof(TakeoverRehearsal),
            ServiceLifecycleStage.Active + 1,
            _ =>
            {
                _run = Task.Run(RunAsync, CancellationToken.None);
                return Task.CompletedTask;
            },
            async _ =>
            {
                await _stopping.CancelAsync();
                await _run;
            });
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    /// <summary>
    /// Rehearses; answers the epoch in which the partition was led last: 3 when it was handed over, which raises it twice, 1 when there
    /// was nobody to hand it over to; or -1 when it came to nothing. Never throws.
    /// </summary>
    public async Task<int> RunAsync()
    {
        var began = time.GetTimestamp();
        try
        {
            var other = await FindOtherAsync();
            await AskOthersAsync();
            var epoch = await RehearseAsync(RehearsalTopic.PartitionFor(nodes.OwnId, other ?? nodes.OwnId + 1), other);
            LogRehearsed((long)time.GetElapsedTime(began).TotalMilliseconds, epoch);
            return epoch;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // It is for speed only.
            if (!_stopping.IsCancellationRequested) LogFailed(e.Message);
            return -1;
        }
    }

    /// <summary>Another node that runs, or null. The first ones of a cluster start together, and one of them first.</summary>
    private async Task<int?> FindOtherAsync()
    {
        using var patience = new CancellationTokenSource(OtherPatience, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, patience.Token);
        try
        {
            var view = await nodes.WaitForAsync(view => view.ActiveIds.Any(id => id != nodes.OwnId), limit.Token);
            return view.ActiveIds.Where(id => id != nodes.OwnId).Min();
        }
        catch (OperationCanceledException) when (!_stopping.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>What a node does that is refused a connection.</summary>
    private async Task AskOthersAsync()
    {
        var own = silo.SiloAddress.Endpoint;
        // Nobody listens on port 1, and if somebody does, no harm is done.
        await PortProbe.TryAsync(new IPEndPoint(own.Address, 1), ProbePatience, _stopping.Token);
        await Task.WhenAll(nodes.Current.ActiveIds.Where(id => id != nodes.OwnId).Select(
            id => Bounded(grains.GetNode(id).CanReach(own.Address.ToString(), own.Port))));
    }

    private async Task<int> RehearseAsync(TopicPartition partition, int? other)
    {
        await ClearAsync(partition, other); // a process may have ended in the middle
        var leader = grains.GetPartition(partition);
        try
        {
            await using var lease = await PrepareAsync(partition);
            await Bounded(leader.Lead());
            if (other is not { } follower) return await Bounded(RehearsalTopic.UseAsync(leader));
            await WhenInSyncAsync(leader, follower);
            await Bounded(RehearsalTopic.UseAsync(leader));
            await Bounded(grains.GetNode(follower).Rehearse(partition));
            await Bounded(leader.HandOver(follower));
            await Bounded(leader.Lead());
            return await Bounded(RehearsalTopic.UseAsync(leader));
        }
        finally
        {
            await Bounded(DeleteAsync(partition));
        }
    }

    /// <summary>Stores that this node led the partition, alone in sync.</summary>
    private async Task<ReplicaLease> PrepareAsync(TopicPartition partition)
    {
        var topic = RehearsalTopic.Find(partition.Topic)!;
        var lease = await replicas.AcquireAsync(partition, topic.Id, defaults.ConfigOf(topic.Overrides), 0, _stopping.Token);
        try
        {
            var state = new PartitionState(0, nodes.OwnId, [nodes.OwnId], [.. topic.Partitions[0].Replicas]);
            lease.Follower.PrepareToLead(state);
            await StoreAsync(partition, new PartitionOffice { TopicId = topic.Id }.With(state));
            return lease;
        }
        catch
        {
            await lease.DisposeAsync();
            throw;
        }
    }

    private async Task WhenInSyncAsync(IPartitionGrain leader, int follower)
    {
        var began = time.GetTimestamp();
        while (!(await Bounded(leader.Describe())).InSyncReplicas.Contains(follower))
        {
            if (time.GetElapsedTime(began) > Patience) throw new TimeoutException($"Node {follower} is not in sync.");
            await Task.Delay(Pause, time, _stopping.Token);
        }
    }

    private async Task<bool> DeleteAsync(TopicPartition partition)
    {
        await grains.GetPartition(partition).Delete();
        hints.Forget(partition);
        return true;
    }

    private async Task ClearAsync(TopicPartition partition, int? other)
    {
        var (storage, grain, state) = (Storage(), grains.GetPartition(partition).GetGrainId(), new GrainState<PartitionOffice>());
        await storage.ReadStateAsync(StoredOffices.StateName, grain, state);
        if (state.RecordExists) await storage.ClearStateAsync(StoredOffices.StateName, grain, state);
        await logs.DeleteAsync(partition);
        if (other is { } follower) await grains.GetReplica(partition, follower).Delete().WaitAsync(Patience, time, _stopping.Token);
    }

    /// <summary>What another node rehearsed with this one, before this one ended in the middle.</summary>
    private async Task DeleteLeftoversAsync()
    {
        foreach (var partition in host.Manager.PartitionsOnDisk.Where(static partition => RehearsalTopic.Is(partition.Topic)))
            await host.Manager.DeleteLogAsync(partition);
    }

    private async Task StoreAsync(TopicPartition partition, PartitionOffice office)
    {
        var (storage, grain) = (Storage(), grains.GetPartition(partition).GetGrainId());
        await storage.WriteStateAsync(StoredOffices.StateName, grain, new GrainState<PartitionOffice>(office));
    }

    private IGrainStorage Storage() => services.GetRequiredKeyedService<IGrainStorage>(MetadataStorage.Name);

    private Task<T> Bounded<T>(Task<T> call) => call.WaitAsync(Patience, time, _stopping.Token);

    [LoggerMessage(Level = LogLevel.Debug, Message = "A takeover was rehearsed in {Elapsed} ms, up to epoch {Epoch}.")]
    private partial void LogRehearsed(long elapsed, int epoch);

    [LoggerMessage(Level = LogLevel.Information, Message = "A takeover could not be rehearsed; the first real one will take longer: {Reason}")]
    private partial void LogFailed(string reason);
}
