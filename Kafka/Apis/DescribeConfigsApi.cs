using System.Globalization;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// DescribeConfigs 0-4: the configurations of topics, and the settings of the silo asked. Version 1 adds where a value comes from
/// and synonyms, 3 types and documentation, 4 is flexible. Documentation is not sent (docs/configuration.md has it), and a value
/// that the silo's settings give to all topics is told as a default.
/// </summary>
internal sealed class DescribeConfigsApi() : KafkaApi(ApiKey.DescribeConfigs, minVersion: 0, maxVersion: 4, flexibleFrom: 4)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var resources = new (ConfigResource Resource, string[]? Keys)[request.ReadArrayLength("resources")];
        for (var i = 0; i < resources.Length; i++)
        {
            var resource = new ConfigResource(request.ReadInt8("resource_type"), request.ReadString("resource_name"));
            var keys = request.ReadNullableArrayLength("configuration_keys");
            var names = keys < 0 ? null : new string[keys];
            for (var j = 0; j < keys; j++) names![j] = request.ReadString("configuration_key");
            request.SkipTaggedFields();
            resources[i] = (resource, names);
        }

        var withSynonyms = context.ApiVersion >= 1 && request.ReadBoolean("include_synonyms");
        if (context.ApiVersion >= 3) request.ReadBoolean("include_documentation");
        request.SkipTaggedFields();
        return AnswerAsync(context, resources, withSynonyms);
    }

    private static async Task AnswerAsync(
        RequestContext context, (ConfigResource Resource, string[]? Keys)[] resources, bool withSynonyms)
    {
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(resources.Length);
        foreach (var (resource, keys) in resources)
        {
            var answer = await AdminCalls.TryAsync(() => DescribeAsync(context, resource)).ConfigureAwait(false);
            response.WriteError(answer.Error);
            response.WriteString(answer.Message);
            response.WriteInt8(resource.Type);
            response.WriteString(resource.Name);
            var entries = (answer.Value ?? []).Where(entry => keys is null || keys.Contains(entry.Name)).ToArray();
            response.WriteArrayLength(entries.Length);
            foreach (var entry in entries) Write(response, context.ApiVersion, entry, withSynonyms);
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static async Task<IReadOnlyList<Entry>> DescribeAsync(RequestContext context, ConfigResource resource)
    {
        if (resource.Type == ConfigResource.Broker)
        {
            resource.RequireNode(context.Cluster.NodeId);
            return [.. BrokerSettings(context).Select(static setting =>
                new Entry(setting.Key, setting.Value, TopicConfigs.Source.StaticBroker, IsReadOnly: true))];
        }

        resource.RequireTopic();
        var topic = await AdminCalls.DescribeAsync(context, resource.Name).ConfigureAwait(false);
        return [.. topic.Configs.Select(config =>
            new Entry(config.Key, config.Value, TopicConfigs.SourceOf(topic, config.Key), IsReadOnly: false))];
    }

    private static IEnumerable<KeyValuePair<string, string>> BrokerSettings(RequestContext context) => context.Cluster.Settings.Concat(
    [
        KeyValuePair.Create("auto.create.topics.enable", context.Options.AutoCreateTopics ? "true" : "false"),
        KeyValuePair.Create("connections.max.idle.ms", Text((long)context.Options.ConnectionsMaxIdle.TotalMilliseconds)),
        KeyValuePair.Create("max.connections", Text(context.Options.MaxConnections)),
        KeyValuePair.Create("queued.max.request.bytes", Text(context.Options.MaxBufferedBytes)),
        KeyValuePair.Create("socket.request.max.bytes", Text(context.Options.SocketRequestMaxBytes)),
    ]);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static void Write(KafkaWriter response, short version, Entry entry, bool withSynonyms)
    {
        response.WriteString(entry.Name);
        response.WriteString(entry.Value);
        response.WriteBoolean(entry.IsReadOnly);
        if (version == 0) response.WriteBoolean(entry.Source == TopicConfigs.Source.Default);
        else response.WriteInt8((sbyte)entry.Source);
        response.WriteBoolean(false); // is_sensitive
        if (version >= 1)
        {
            response.WriteArrayLength(withSynonyms ? 1 : 0);
            if (withSynonyms)
            {
                response.WriteString(entry.Name);
                response.WriteString(entry.Value);
                response.WriteInt8((sbyte)entry.Source);
                response.WriteTaggedFields();
            }
        }

        if (version >= 3)
        {
            response.WriteInt8((sbyte)TopicConfigs.TypeOf(entry.Name, entry.Value));
            response.WriteString(null); // documentation
        }

        response.WriteTaggedFields();
    }

    private sealed record Entry(string Name, string Value, TopicConfigs.Source Source, bool IsReadOnly);
}
