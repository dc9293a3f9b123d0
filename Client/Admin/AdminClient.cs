using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// Administers topics, records and the cluster; the groups' part is in <c>AdminClient.Groups.cs</c>. Thread-safe. Every call
/// repeats itself through lost connections and restarting silos for up to
/// <see cref="OrleansLogClientOptions.RequestTimeout"/>; what the cluster refuses is thrown as <see cref="OrleansLogException"/>.
/// </summary>
public sealed partial class AdminClient
{
    private const int MaxParallelCalls = 64;

    private readonly ClientContext _context;

    internal AdminClient(ClientContext context) => _context = context;

    private IGrainFactory Grains => _context.Grains;

    /// <summary>Creates a topic.</summary>
    /// <param name="topic">1 to 249 characters of <c>[a-zA-Z0-9._-]</c>.</param>
    /// <param name="partitions">How many partitions; -1 for the cluster's default.</param>
    /// <param name="replicationFactor">Replicas of each partition; -1 for the cluster's default.</param>
    /// <param name="configs">Topic configurations by Kafka's names; null for none.</param>
    /// <param name="validateOnly">Whether to check only.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="OrleansLogException">InvalidTopic, TopicAlreadyExists, InvalidPartitions, InvalidReplicationFactor,
    /// InvalidConfig.</exception>
    public Task<TopicDescription> CreateTopicAsync(
        string topic,
        int partitions = -1,
        short replicationFactor = -1,
        IReadOnlyDictionary<string, string>? configs = null,
        bool validateOnly = false,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        var request = new CreateTopicRequest(
            topic, partitions, replicationFactor, configs ?? new Dictionary<string, string>(), validateOnly);
        return RunAsync($"The creation of topic '{topic}'", () => Grains.GetCatalog().CreateTopic(request), cancellationToken);
    }

    /// <summary>Deletes a topic with all its records.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition; InvalidTopic for an internal one.</exception>
    public Task DeleteTopicAsync(string topic, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return RunAsync($"The deletion of topic '{topic}'", () => Grains.GetCatalog().DeleteTopic(topic), cancellationToken);
    }

    /// <summary>All topics, ordered by name.</summary>
    public async Task<IReadOnlyList<TopicListing>> ListTopicsAsync(CancellationToken cancellationToken = default) =>
        (await RunAsync("The list of topics", () => Grains.GetCatalog().ListTopics(), cancellationToken).ConfigureAwait(false)).Topics;

    /// <summary>A topic's partitions and configuration.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition.</exception>
    public Task<TopicDescription> DescribeTopicAsync(string topic, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return RunAsync($"The description of topic '{topic}'", () => Grains.GetTopic(topic).Describe(), cancellationToken);
    }

    /// <summary>Sets a topic's configurations, or removes those given as null; all of them or none.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition, InvalidConfig.</exception>
    public Task<TopicDescription> AlterTopicConfigAsync(
        string topic,
        IReadOnlyDictionary<string, string?> changes,
        bool validateOnly = false,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ArgumentNullException.ThrowIfNull(changes);
        return RunAsync(
            $"The configuration of topic '{topic}'", () => Grains.GetTopic(topic).AlterConfig(changes, validateOnly), cancellationToken);
    }

    /// <summary>Raises a topic's number of partitions. Records with keys go to other partitions from then on.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition; InvalidPartitions when it is not more than now.</exception>
    public Task<TopicDescription> CreatePartitionsAsync(string topic, int totalCount, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return RunAsync(
            $"The extension of topic '{topic}'", () => Grains.GetTopic(topic).CreatePartitions(totalCount), cancellationToken);
    }

    /// <summary>Deletes a partition's records before an offset; -1 for all that are committed.</summary>
    /// <returns>The new log start offset.</returns>
    /// <exception cref="OrleansLogException">OffsetOutOfRange, UnknownTopicOrPartition.</exception>
    public async Task<long> DeleteRecordsAsync(
        TopicPartition partition, long beforeOffset, CancellationToken cancellationToken = default)
    {
        await RequirePartitionAsync(partition, cancellationToken).ConfigureAwait(false);
        return await RunAsync(
            $"The deletion of records of {partition}",
            () => Grains.GetPartition(partition).DeleteRecords(beforeOffset),
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The offset of a position; -1 when no record has so late a timestamp.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition.</exception>
    public async Task<OffsetAndTimestamp> ListOffsetsAsync(
        TopicPartition partition, LogPosition position, CancellationToken cancellationToken = default)
    {
        if (position.TryGetOffset(out var offset)) return new OffsetAndTimestamp(offset, -1, -1);
        return await RunAsync(
            $"The offset of {partition} at {position}",
            () => Grains.GetPartition(partition).ListOffsets(position.Timestamp),
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The offsets of a position in several partitions.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition.</exception>
    public async Task<IReadOnlyDictionary<TopicPartition, long>> ListOffsetsAsync(
        IEnumerable<TopicPartition> partitions, LogPosition position, CancellationToken cancellationToken = default)
    {
        var found = await ForEachAsync(
            partitions, (partition, stop) => ListOffsetsAsync(partition, position, stop), cancellationToken).ConfigureAwait(false);
        return found.ToDictionary(static pair => pair.Key, static pair => pair.Value.Offset);
    }

    /// <summary>The state of a partition.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition.</exception>
    public Task<PartitionDescription> DescribePartitionAsync(TopicPartition partition, CancellationToken cancellationToken = default) =>
        RunAsync($"The description of {partition}", () => Grains.GetPartition(partition).Describe(), cancellationToken);

    /// <summary>The states of all partitions of a topic, ordered by number.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition.</exception>
    public async Task<IReadOnlyList<PartitionDescription>> DescribePartitionsAsync(
        string topic, CancellationToken cancellationToken = default)
    {
        var description = await DescribeTopicAsync(topic, cancellationToken).ConfigureAwait(false);
        var found = await ForEachAsync(
            description.Partitions.Select(partition => new TopicPartition(topic, partition.Partition)),
            DescribePartitionAsync,
            cancellationToken).ConfigureAwait(false);
        return [.. found.Select(static pair => pair.Value).OrderBy(static partition => partition.Partition.Partition)];
    }

    /// <summary>The cluster and its nodes.</summary>
    public Task<ClusterDescription> DescribeClusterAsync(CancellationToken cancellationToken = default) =>
        RunAsync("The description of the cluster", () => Grains.GetCatalog().DescribeCluster(), cancellationToken);

    private Task<T> RunAsync<T>(string what, Func<Task<T>> call, CancellationToken cancellationToken) =>
        CallRetry.RunAsync(_context, _context.Options.RequestTimeout, what, call, cancellationToken);

    private Task<bool> RunAsync(string what, Func<Task> call, CancellationToken cancellationToken) => RunAsync(
        what,
        async () =>
        {
            await call().ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    // A call that writes must not bring a partition to life that the topic does not have.
    private async Task RequirePartitionAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        var topic = await DescribeTopicAsync(partition.Topic, cancellationToken).ConfigureAwait(false);
        if (partition.Partition < 0 || partition.Partition >= topic.Partitions.Count)
            throw new OrleansLogException(
                ErrorCode.UnknownTopicOrPartition,
                $"Topic '{partition.Topic}' has {topic.Partitions.Count} partitions; there is no partition {partition.Partition}.");
    }

    private static async Task<IReadOnlyList<KeyValuePair<TKey, TResult>>> ForEachAsync<TKey, TResult>(
        IEnumerable<TKey> keys, Func<TKey, CancellationToken, Task<TResult>> call, CancellationToken cancellationToken)
        where TKey : notnull
    {
        var results = new System.Collections.Concurrent.ConcurrentBag<KeyValuePair<TKey, TResult>>();
        await Parallel.ForEachAsync(
            keys,
            new ParallelOptions { MaxDegreeOfParallelism = MaxParallelCalls, CancellationToken = cancellationToken },
            async (key, stop) => results.Add(new(key, await call(key, stop).ConfigureAwait(false)))).ConfigureAwait(false);
        return [.. results];
    }
}
