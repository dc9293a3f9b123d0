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
        var resources = new (ConfigResource Resource, Dictionary<string, string?> Configs)[request.ReadArrayLength("resources")];
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
            resources[i] = (resource, configs);
        }

        var validateOnly = request.ReadBoolean("validate_only");
        request.SkipTaggedFields();
        return AnswerAsync(context, resources, validateOnly);
    }

    private static async Task AnswerAsync(
        RequestContext context, (ConfigResource Resource, Dictionary<string, string?> Configs)[] resources, bool validateOnly)
    {
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(resources.Length);
        foreach (var (resource, configs) in resources)
        {
            var answer = await AdminCalls.TryAsync(async () =>
            {
                resource.RequireTopic();
                var topic = await AdminCalls.DescribeAsync(context, resource.Name).ConfigureAwait(false);
                foreach (var name in topic.Overrides.Keys) configs.TryAdd(name, null);
                return await context.Grains.GetTopic(resource.Name).AlterConfig(configs, validateOnly).ConfigureAwait(false);
            }).ConfigureAwait(false);
            response.WriteError(answer.Error);
            response.WriteString(answer.Message);
            response.WriteInt8(resource.Type);
            response.WriteString(resource.Name);
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }
}
