using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// IncrementalAlterConfigs 0-1: sets and removes configurations of topics, and adds to those that are lists or takes away from them.
/// Version 1 is flexible. The settings of a silo cannot be changed by a request.
/// </summary>
internal sealed class IncrementalAlterConfigsApi()
    : KafkaApi(ApiKey.IncrementalAlterConfigs, minVersion: 0, maxVersion: 1, flexibleFrom: 1)
{
    private enum Operation
    {
        Set = 0,
        Delete = 1,
        Append = 2,
        Subtract = 3,
    }

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var resources = new (ConfigResource, Func<TopicDescription, Dictionary<string, string?>>)[request.ReadArrayLength("resources")];
        for (var i = 0; i < resources.Length; i++)
        {
            var resource = new ConfigResource(request.ReadInt8("resource_type"), request.ReadString("resource_name"));
            var changes = new List<Change>();
            var count = request.ReadArrayLength("configs");
            for (var j = 0; j < count; j++)
            {
                changes.Add(new Change(
                    request.ReadString("name"), (Operation)request.ReadInt8("config_operation"), request.ReadNullableString("value")));
                request.SkipTaggedFields();
            }

            request.SkipTaggedFields();
            resources[i] = (resource, topic => Merge(topic, changes));
        }

        var validateOnly = request.ReadBoolean("validate_only");
        request.SkipTaggedFields();
        return ConfigAlterations.AnswerAsync(context, resources, validateOnly);
    }

    private static Dictionary<string, string?> Merge(TopicDescription topic, List<Change> changes)
    {
        var merged = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var change in changes)
        {
            if (merged.ContainsKey(change.Name))
                throw new OrleansLogException(ErrorCode.InvalidRequest, $"'{change.Name}' is to be changed more than once.");
            merged[change.Name] = change.Operation switch
            {
                Operation.Delete => null,
                Operation.Set => change.Value
                    ?? throw new OrleansLogException(ErrorCode.InvalidRequest, $"'{change.Name}' is to be set to null; delete it instead."),
                Operation.Append or Operation.Subtract => MergeList(topic, change),
                _ => throw new OrleansLogException(ErrorCode.InvalidRequest, $"There is no operation {(int)change.Operation}; there are 0 to 3."),
            };
        }

        return merged;
    }

    private static string MergeList(TopicDescription topic, Change change)
    {
        if (!TopicConfigs.IsList(change.Name))
            throw new OrleansLogException(ErrorCode.InvalidConfig, $"'{change.Name}' is no list; set or delete it.");
        var values = (topic.Configs.GetValueOrDefault(change.Name) ?? string.Empty)
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).ToList();
        foreach (var value in (change.Value ?? string.Empty).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            values.Remove(value);
            if (change.Operation == Operation.Append) values.Add(value);
        }

        return string.Join(',', values);
    }

    private sealed record Change(string Name, Operation Operation, string? Value);
}
