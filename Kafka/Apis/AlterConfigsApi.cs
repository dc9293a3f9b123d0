using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// AlterConfigs 0-2: gives topics exactly these configurations; what is not named falls back to its default. Version 2 is flexible.
/// The settings of a silo cannot be changed by a request.
/// </summary>
internal sealed class AlterConfigsApi() : KafkaApi(ApiKey.AlterConfigs, minVersion: 0, maxVersion: 2, flexibleFrom: 2)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var resources = new (ConfigResource, Func<TopicDescription, Dictionary<string, string?>>)[request.ReadArrayLength("resources")];
        for (var i = 0; i < resources.Length; i++)
        {
            var resource = new ConfigResource(request.ReadInt8("resource_type"), request.ReadString("resource_name"));
            var configs = new Dictionary<string, string?>(StringComparer.Ordinal);
            var count = request.ReadArrayLength("configs");
            for (var j = 0; j < count; j++)
            {
                var name = request.ReadString("name");
                configs[name] = request.ReadNullableString("value");
                request.SkipTaggedFields();
            }

            request.SkipTaggedFields();
            resources[i] = (resource, Exactly(configs));
        }

        var validateOnly = request.ReadBoolean("validate_only");
        request.SkipTaggedFields();
        return ConfigAlterations.AnswerAsync(context, resources, validateOnly);
    }

    private static Func<TopicDescription, Dictionary<string, string?>> Exactly(Dictionary<string, string?> configs) => topic =>
    {
        foreach (var name in topic.Overrides.Keys) configs.TryAdd(name, null);
        return configs;
    };
}
