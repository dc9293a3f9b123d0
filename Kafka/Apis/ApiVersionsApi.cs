using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// ApiVersions 0-4: which requests are served, in which versions. Version 1 adds the throttle time, 3 is flexible and names the
/// client's software, 4 lets a feature begin at version 0. The header of the response is that of version 0 in every version. A
/// version that is not known is answered in the body of version 0, by which the client learns the ones that are. No features are
/// finalized: what they switch on (transactions, KIP-848 groups) is offered by its requests.
/// </summary>
internal sealed class ApiVersionsApi() : KafkaApi(ApiKey.ApiVersions, minVersion: 0, maxVersion: 4, flexibleFrom: 3)
{
    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        if (context.ApiVersion >= 3)
        {
            request.ReadString("client_software_name");
            request.ReadString("client_software_version");
            request.SkipTaggedFields();
        }

        var response = context.Response;
        WriteVersions(response, ErrorCode.None, context.Services.Apis.All);
        if (context.ApiVersion >= 1) response.WriteInt32(0); // throttle_time_ms
        response.WriteTaggedFields();
        return Task.CompletedTask;
    }

    /// <summary>Writes the body of the answer to a version that is not known.</summary>
    public void WriteUnsupported(KafkaWriter response)
    {
        response.IsFlexible = false;
        WriteVersions(response, ErrorCode.UnsupportedVersion, [this]);
    }

    private static void WriteVersions(KafkaWriter response, ErrorCode error, IReadOnlyList<KafkaApi> apis)
    {
        response.WriteError(error);
        response.WriteArrayLength(apis.Count);
        foreach (var api in apis)
        {
            response.WriteInt16((short)api.Key);
            response.WriteInt16(api.MinVersion);
            response.WriteInt16(api.MaxVersion);
            response.WriteTaggedFields();
        }
    }
}
