using Microsoft.Extensions.Options;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Grains.Hosting;

/// <summary>Holds the data directory and the log manager from the silo's first breath to its last. Thread-safe.</summary>
internal sealed class LogHost(IOptions<OrleansLogOptions> options, LocalNode localNode)
    : ILifecycleParticipant<ISiloLifecycle>, IAsyncDisposable
{
    private DataDirectory? _directory;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) =>
        observer.Subscribe(nameof(LogHost), LogStage.DataDirectory, OpenAsync, _ => DisposeAsync().AsTask());

    /// <summary>Closes everything cleanly; a silo that fails to start never reaches its stop stages, so its services do it.</summary>
    public ValueTask DisposeAsync()
    {
        Interlocked.Exchange(ref _directory, null)?.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task OpenAsync(CancellationToken cancellation) => Task.Run(Open, cancellation);

    private void Open()
    {
        var path = options.Value.DataDirectory;
        try
        {
            _directory = DataDirectory.Open(new PhysicalFileSystem(), path, options.Value.ClusterId, options.Value.NodeId);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OrleansLogException(
                ErrorCode.KafkaStorageError,
                $"The data directory '{Path.GetFullPath(path)}' ({OrleansLogOptions.SectionName}:"
                + $"{nameof(OrleansLogOptions.DataDirectory)}) cannot be used: {e.Message}",
                e);
        }

        localNode.Identify(_directory.Identity);
    }
}
