using System.Collections.Immutable;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Storage;

namespace OrleansLog.Grains.Hosting;

/// <summary>The identity of a silo that shares its metadata with nobody: what is configured, else what its directory says.</summary>
internal sealed class EmbeddedIdentity(IOptions<OrleansLogOptions> options) : INodeIdentity
{
    /// <inheritdoc/>
    public Task<string> Lost { get; } = new TaskCompletionSource<string>().Task;

    /// <inheritdoc/>
    public Task<(string? ClusterId, int? NodeId)> DecideAsync(
        DataDirectoryIdentity? found, CancellationToken cancellationToken) =>
        Task.FromResult((options.Value.ClusterId, options.Value.NodeId));

    /// <inheritdoc/>
    public Task PublishAsync(IReadOnlyDictionary<string, string> entries, CancellationToken cancellationToken) =>
        Task.CompletedTask;

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<SiloAddress, IReadOnlyDictionary<string, string>>> ReadPublishedAsync(
        CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyDictionary<SiloAddress, IReadOnlyDictionary<string, string>>>(
            ImmutableDictionary<SiloAddress, IReadOnlyDictionary<string, string>>.Empty);

    /// <inheritdoc/>
    public ValueTask ReleaseAsync() => ValueTask.CompletedTask;
}
