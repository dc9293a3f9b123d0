using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Storage;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Replicas;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// Takes office once, soon after the silo has started, for a partition that exists for this alone: what a takeover needs is
/// compiled and connected then, and not while writers wait for it, which took most of the time of a restarted silo's first
/// failover. The partition is in no topic, nobody else is told of it but in vain, and nothing of it is left behind.
/// </summary>
internal sealed partial class TakeoverRehearsal(
    NodeDirectory nodes,
    NodeReplicas replicas,
    OpenLogs logs,
    TopicCopies topics,
    TopicDefaults defaults,
    LeaderHints hints,
    ILocalSiloDetails silo,
    IServiceProvider services,
    IGrainFactory grains,
    TimeProvider time,
    ILogger<TakeoverRehearsal> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProbePatience = TimeSpan.FromMilliseconds(200);
    private readonly CancellationTokenSource _stopping = new();
    private Task _run = Task.CompletedTask;

    private TopicPartition Partition =>
        new(string.Create(CultureInfo.InvariantCulture, $"__takeover-rehearsal-{nodes.OwnId}"), 0);

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
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

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    /// <summary>Rehearses; answers the epoch in which this node led, or -1 when it came to nothing. Never throws.</summary>
    public async Task<int> RunAsync()
    {
        var began = time.GetTimestamp();
        try
        {
            await AskOthersAsync();
            await ClearAsync(); // a process may have ended in the middle
            var epoch = await LeadAsync();
            LogRehearsed((long)time.GetElapsedTime(began).TotalMilliseconds);
            return epoch;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // It is for speed only.
            if (!_stopping.IsCancellationRequested) LogFailed(e.Message);
            return -1;
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

    private async Task<int> LeadAsync()
    {
        var (own, id) = (nodes.OwnId, Guid.NewGuid());
        int[] both = [own, nodes.Current.ActiveIds.FirstOrDefault(other => other != own, own + 1)];
        topics.Note(new TopicDescription(
            Partition.Topic, id, IsInternal: false, [new PartitionAssignment(0, both)],
            new Dictionary<string, string>(), new Dictionary<string, string>()));
        try
        {
            await using var lease = await replicas.AcquireAsync(
                Partition, id, defaults.ConfigOf(new Dictionary<string, string>()), 0, _stopping.Token);
            var state = new PartitionState(0, own, [own], both);
            lease.Follower.PrepareToLead(state);
            await StoreAsync(new PartitionOffice { TopicId = id }.With(state));
            var leader = grains.GetPartition(Partition);
            await Bounded(leader.Lead());
            var produced = await Bounded(leader.Produce(new ProduceRequest(RecordBytes.Borrow(OneRecord()), -1, 1_000)));
            (await Bounded(leader.Fetch(new FetchRequest(0, 1024)))).Records.Dispose();
            return produced.LeaderEpoch;
        }
        finally
        {
            await Bounded(DeleteAsync());
        }
    }

    private async Task<bool> DeleteAsync()
    {
        await grains.GetPartition(Partition).Delete();
        topics.Forget(Partition.Topic);
        hints.Forget(Partition);
        return true;
    }

    private async Task StoreAsync(PartitionOffice office)
    {
        var (storage, grain) = (Storage(), grains.GetPartition(Partition).GetGrainId());
        await storage.WriteStateAsync(StoredOffices.StateName, grain, new GrainState<PartitionOffice>(office));
    }

    private async Task ClearAsync()
    {
        var (storage, grain, state) = (Storage(), grains.GetPartition(Partition).GetGrainId(), new GrainState<PartitionOffice>());
        await storage.ReadStateAsync(StoredOffices.StateName, grain, state);
        if (state.RecordExists) await storage.ClearStateAsync(StoredOffices.StateName, grain, state);
        await logs.DeleteAsync(Partition);
    }

    private IGrainStorage Storage() => services.GetRequiredKeyedService<IGrainStorage>(MetadataStorage.Name);

    private byte[] OneRecord()
    {
        using var batch = new RecordBatchBuilder(1024);
        batch.TryAppend(time.GetUtcNow().ToUnixTimeMilliseconds(), default, false, "rehearsal"u8, true);
        return batch.Build().ToArray();
    }

    private Task<T> Bounded<T>(Task<T> call) => call.WaitAsync(Patience, time, _stopping.Token);

    [LoggerMessage(Level = LogLevel.Debug, Message = "A takeover was rehearsed in {Elapsed} ms.")]
    private partial void LogRehearsed(long elapsed);

    [LoggerMessage(Level = LogLevel.Information, Message = "A takeover could not be rehearsed; the first real one will take longer: {Reason}")]
    private partial void LogFailed(string reason);
}
