using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// ApiVersions 0-4: which requests are served, in which versions. Version 1 adds the throttle time, 3 is flexible and names the
/// client's software, 4 lets a feature begin at version 0. The header of the response is that of version 0 in every version. A
/// version that is not known is answered in the body of version 0, by which the client learns the ones that are. The
/// feature <c>group.version</c> is finalized at 1: clients take it for the sign that groups of KIP-848 are served.
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
        if (context.ApiVersion >= 3) WriteFeatures(response);
        return Task.CompletedTask;
    }

    /// <summary>Writes the body of the answer to a version that is not known.</summary>
    public void WriteUnsupported(KafkaWriter response)
    {
        response.IsFlexible = false;
        WriteVersions(response, ErrorCode.UnsupportedVersion, [this]);
    }

    /// <summary>Tagged fields of the response: 0 supported features, 1 the epoch of the finalized ones, 2 these.</summary>
    private static void WriteFeatures(KafkaWriter response)
    {
        const string name = "group.version";
        var featureBytes = (uint)(1 + 1 + name.Length + 2 + 2 + 1); // array length, name, two levels, tagged fields
        response.WriteVarUInt(3);
        response.WriteVarUInt(0);
        response.WriteVarUInt(featureBytes);
        WriteFeature(response, name, 1, 1); // least and greatest level; before version 4 the least may not be 0
        response.WriteVarUInt(1);
        response.WriteVarUInt(sizeof(long));
        response.WriteInt64(0);
        response.WriteVarUInt(2);
        response.WriteVarUInt(featureBytes);
        WriteFeature(response, name, 1, 1); // greatest and least level
    }

    private static void WriteFeature(KafkaWriter response, string name, short first, short second)
    {
        response.WriteArrayLength(1);
        response.WriteString(name);
        response.WriteInt16(first);
        response.WriteInt16(second);
        response.WriteTaggedFields();
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
