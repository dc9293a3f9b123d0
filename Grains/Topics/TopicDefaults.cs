using Microsoft.Extensions.Options;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Topics;

/// <summary>What holds for every topic unless it says otherwise, from the options. Thread-safe.</summary>
internal sealed class TopicDefaults
{
    private readonly OrleansLogOptions _options;
    private readonly LogConfig _config;

    /// <summary>Reads the options.</summary>
    public TopicDefaults(IOptions<OrleansLogOptions> options)
    {
        _options = options.Value;
        _config = LogConfig.Parse(_options.TopicDefaults);
    }

    /// <summary>The configuration of a topic with these overrides.</summary>
    /// <exception cref="OrleansLogException">InvalidConfig.</exception>
    public LogConfig ConfigOf(IReadOnlyDictionary<string, string> overrides) => LogConfig.Parse(overrides, _config);

    /// <summary>Refuses the name of a configuration that there is not.</summary>
    /// <exception cref="OrleansLogException">InvalidConfig, with the nearest name.</exception>
    public void CheckName(string config) => ConfigOf(new Dictionary<string, string>
    {
        [config] = _config.ToDictionary().GetValueOrDefault(config, string.Empty),
    });

    /// <summary>Describes a topic.</summary>
    /// <exception cref="OrleansLogException">InvalidConfig.</exception>
    public TopicDescription Describe(
        string name, Guid id, bool isInternal, int[][] assignment, IReadOnlyDictionary<string, string> overrides) => new(
        name,
        id,
        isInternal,
        [.. assignment.Select((replicas, partition) => new PartitionAssignment(partition, replicas))],
        overrides,
        ConfigOf(overrides).ToDictionary());

    /// <summary>Refuses a number of partitions that no topic can have.</summary>
    /// <exception cref="OrleansLogException">InvalidPartitions.</exception>
    public void CheckPartitionCount(string topic, int partitions)
    {
        if (partitions >= 1 && partitions <= _options.MaxPartitionsPerTopic) return;
        throw new OrleansLogException(
            ErrorCode.InvalidPartitions,
            $"The topic '{topic}' asks for {partitions} partitions; the number must be from 1 to {_options.MaxPartitionsPerTopic} "
            + $"({OrleansLogOptions.SectionName}:{nameof(OrleansLogOptions.MaxPartitionsPerTopic)}).");
    }
}
