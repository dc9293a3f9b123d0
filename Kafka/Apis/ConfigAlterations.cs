using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Kafka.Apis;

/// <summary>Changes of topics' configurations, and the answer that AlterConfigs and IncrementalAlterConfigs share.</summary>
internal static class ConfigAlterations
{
    /// <summary>Makes the changes, one resource after the other, and answers each; with <paramref name="validateOnly"/> only
    /// what would become of them.</summary>
    /// <param name="context">The request.</param>
    /// <param name="resources">Each with what makes of its topic the configurations to set, or to remove where they are null.</param>
    /// <param name="validateOnly">Whether nothing is to be changed.</param>
    public static async Task AnswerAsync(
        RequestContext context,
        IReadOnlyList<(ConfigResource Resource, Func<TopicDescription, Dictionary<string, string?>> Changes)> resources,
        bool validateOnly)
    {
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteArrayLength(resources.Count);
        foreach (var (resource, changes) in resources)
        {
            var answer = await AdminCalls.TryAsync(async () =>
            {
                resource.RequireTopic();
                var topic = await AdminCalls.DescribeAsync(context, resource.Name).ConfigureAwait(false);
                return await context.Grains.GetTopic(resource.Name).AlterConfig(changes(topic), validateOnly).ConfigureAwait(false);
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
