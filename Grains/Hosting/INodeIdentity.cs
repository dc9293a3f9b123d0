using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Grains.Hosting;

/// <summary>Says which node of which cluster this silo is to be, before its data directory is opened.</summary>
internal interface INodeIdentity
{
    /// <summary>
    /// The cluster and node that the data directory must belong to, or is given to if it belongs to nobody; what is null is the
    /// directory's own choice.
    /// </summary>
    /// <param name="found">Whom the directory belongs to so far.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="OrleansLogException">This silo cannot be that node.</exception>
    Task<(string? ClusterId, int? NodeId)> DecideAsync(DataDirectoryIdentity? found, CancellationToken cancellationToken);

    /// <summary>Lets other silos read what this one says of itself, should asking it fail.</summary>
    /// <param name="entries">This silo's metadata.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="OrleansLogException">KafkaStorageError: the database failed.</exception>
    Task PublishAsync(IReadOnlyDictionary<string, string> entries, CancellationToken cancellationToken);

    /// <summary>What the silos of the cluster say of themselves: the last one of each node.</summary>
    /// <exception cref="OrleansLogException">KafkaStorageError: the database failed.</exception>
    Task<IReadOnlyDictionary<SiloAddress, IReadOnlyDictionary<string, string>>> ReadPublishedAsync(
        CancellationToken cancellationToken);

    /// <summary>Completes, with what happened, when this silo is no longer that node; it stops then.</summary>
    Task<string> Lost { get; }

    /// <summary>Lets another silo be that node. Called when the data directory is closed; may be called twice.</summary>
    ValueTask ReleaseAsync();
}
