using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Records;

namespace OrleansLog.Grains.Hosting;

/// <summary>
/// Holds the log manager, and with it the lock of the data directory, from the silo's first breath to its last. Thread-safe.
/// </summary>
internal sealed class LogHost(
    IOptions<OrleansLogOptions> options,
    INodeIdentity identity,
    LocalNode localNode,
    TimeProvider time,
    ILogger<LogManager> logger)
    : ILifecycleParticipant<ISiloLifecycle>, IAsyncDisposable
{
    private LogManager? _manager;

    /// <summary>Whether the logs are open.</summary>
    public bool IsOpen => Volatile.Read(ref _manager) is not null;

    /// <summary>The logs of this node.</summary>
    /// <exception cref="OrleansLogException">NotLeaderOrFollower: the silo has not opened them yet, or is shutting down.</exception>
    public LogManager Manager => Volatile.Read(ref _manager)
        ?? throw new OrleansLogException(ErrorCode.NotLeaderOrFollower, "This node has no open data directory: it starts or stops.");

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) =>
        observer.Subscribe(nameof(LogHost), LogStage.DataDirectory, OpenAsync, _ => DisposeAsync().AsTask());

    /// <summary>Closes all logs cleanly. A silo that fails to start never reaches its stop stages; its services do it then.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _manager, null) is { } manager) await manager.DisposeAsync();
        await identity.ReleaseAsync();
    }

    private async Task OpenAsync(CancellationToken cancellation)
    {
        var path = Path.GetFullPath(options.Value.DataDirectory);
        var fileSystem = new PhysicalFileSystem();
        try
        {
            var (clusterId, nodeId) = await identity.DecideAsync(DataDirectory.ReadIdentity(fileSystem, path), cancellation);
            _manager = await LogManager.OpenAsync(
                new LogManagerOptions
                {
                    DataDirectory = path,
                    ClusterId = clusterId,
                    NodeId = nodeId,
                    RetentionInterval = options.Value.RetentionCheckInterval,
                    CommitJournalBytes = options.Value.CommitJournalBytes,
                    CompletesTogether = AnswerRound.Run,
                },
                fileSystem,
                time,
                logger,
                cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OrleansLogException(
                ErrorCode.KafkaStorageError,
                $"The data directory '{path}' ({OrleansLogOptions.SectionName}:{nameof(OrleansLogOptions.DataDirectory)}) "
                + $"cannot be used: {e.Message}",
                e);
        }

        localNode.Identify(_manager.Identity);
    }
}
