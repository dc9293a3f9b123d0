using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;

namespace OrleansLog.Grains.Hosting;

/// <summary>
/// Applies retention to the logs on this node that nobody has open; the log manager tends to the open ones. One loop and one
/// timer for the silo. A log is opened only if the age or size of its files says that something may be due, and a bounded
/// number of them in one round; the next round goes on where this one ended.
/// </summary>
internal sealed partial class IdleLogKeeper(
    LogHost host,
    OpenLogs logs,
    StoredOffices offices,
    LocalNode node,
    TopicDefaults defaults,
    IGrainFactory grains,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<IdleLogKeeper> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private readonly PeriodicWork _work = new(time);
    private TopicPartition? _last;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(IdleLogKeeper),
        ServiceLifecycleStage.Active,
        _ => _work.StartAsync(options.Value.RetentionCheckInterval, RunAsync, LogFailed),
        _ => _work.StopAsync());

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    /// <summary>Makes one round; returns how many segments were deleted.</summary>
    public async Task<int> CheckAsync(CancellationToken cancellationToken)
    {
        var configs = new Dictionary<string, (Guid TopicId, LogConfig Config)?>();
        var (opened, deleted) = (0, 0);
        foreach (var partition in PartitionRound.After(host.Manager.PartitionsOnDisk, _last))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (opened >= options.Value.MaxIdlePartitionsPerCheck) break;
            _last = partition;
            if (logs.IsInUse(partition)) continue;
            if (!configs.TryGetValue(partition.Topic, out var topic))
                configs[partition.Topic] = topic = await FindTopicAsync(partition.Topic);
            if (topic is not { } found || !MayBeDue(partition, found.Config)) continue;
            opened++;
            deleted += await ApplyAsync(partition, found.TopicId, found.Config, cancellationToken);
        }

        return deleted;
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        var deleted = await CheckAsync(cancellationToken);
        if (deleted > 0) LogDeleted(deleted);
    }

    private async Task<(Guid TopicId, LogConfig Config)?> FindTopicAsync(string name)
    {
        try
        {
            var topic = await grains.GetTopic(name).Describe();
            return (topic.Id, defaults.ConfigOf(topic.Overrides));
        }
        catch (OrleansLogException)
        {
            return null;
        }
    }

    private bool MayBeDue(TopicPartition partition, LogConfig config)
    {
        if (!config.IsDeleted) return false;
        var folder = new DirectoryInfo(Path.Combine(options.Value.DataDirectory, partition.ToString()));
        var segments = folder.Exists ? folder.GetFiles("*.log") : [];
        var bytes = segments.Sum(segment => segment.Length);
        if (bytes == 0) return false;
        if (config.RetentionBytes >= 0 && bytes > config.RetentionBytes) return true;
        if (config.RetentionMs < 0) return false;
        // Records are seldom younger than their file; one that is only delays its deletion.
        var oldest = segments.Min(segment => segment.LastWriteTimeUtc);
        return (time.GetUtcNow() - oldest).TotalMilliseconds > config.RetentionMs;
    }

    private async Task<int> ApplyAsync(
        TopicPartition partition, Guid topicId, LogConfig config, CancellationToken cancellationToken)
    {
        try
        {
            var office = await offices.ReadAsync(partition);
            if (office.Replicas.Length > 1)
            {
                // What is committed of it only a leader knows. That one deletes, once it is open, and its followers with it.
                if (office.Leader == node.NodeId) await grains.GetPartition(partition).Lead();
                return 0;
            }

            await using var lease = await logs.AcquireAsync(partition, topicId, config, cancellationToken);
            return RetentionPolicy.Apply(lease.Log, lease.Log.FlushedOffset, time.GetUtcNow().ToUnixTimeMilliseconds());
        }
        catch (OrleansLogException e)
        {
            LogNotTended(partition, e.Message);
            return 0;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Retention deleted {Count} segments of partitions that nobody uses.")]
    private partial void LogDeleted(int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Retention of {Partition} failed: {Reason}")]
    private partial void LogNotTended(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The look for old segments failed; the next one is in its turn.")]
    private partial void LogFailed(Exception exception);
}
