namespace OrleansLog.Kafka.Apis;

/// <summary>The requests that are served. Immutable.</summary>
internal sealed class ApiTable
{
    private readonly KafkaApi?[] _byKey;

    /// <summary>A table of these.</summary>
    public ApiTable(IEnumerable<KafkaApi> apis)
    {
        All = [.. apis.OrderBy(static api => api.Key)];
        _byKey = new KafkaApi?[(int)All[^1].Key + 1];
        foreach (var api in All) _byKey[(int)api.Key] = api;
    }

    /// <summary>All that this silo serves: here an API is added.</summary>
    public static ApiTable Create() => new(
    [
        new ApiVersionsApi(),
        new ProduceApi(),
        new FetchApi(),
        new ListOffsetsApi(),
        new MetadataApi(),
        new CreateTopicsApi(),
        new DeleteTopicsApi(),
        new DeleteRecordsApi(),
        new InitProducerIdApi(),
        new OffsetForLeaderEpochApi(),
        new DescribeConfigsApi(),
        new AlterConfigsApi(),
        new DescribeLogDirsApi(),
        new CreatePartitionsApi(),
        new ElectLeadersApi(),
        new IncrementalAlterConfigsApi(),
        new AlterPartitionReassignmentsApi(),
        new ListPartitionReassignmentsApi(),
        new DescribeClusterApi(),
        new DescribeTopicPartitionsApi(),
        .. GroupApis.Create(),
    ]);

    /// <summary>In the order of their keys.</summary>
    public IReadOnlyList<KafkaApi> All { get; }

    /// <summary>The API of a key; null when it is not served.</summary>
    public KafkaApi? Find(short key) => key >= 0 && key < _byKey.Length ? _byKey[key] : null;
}
