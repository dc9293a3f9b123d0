using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Server;

/// <summary>The header of a request. Its first three fields are the same in every version.</summary>
/// <param name="ApiKey">What is asked for.</param>
/// <param name="ApiVersion">In which version.</param>
/// <param name="CorrelationId">The client's number for it, which the response bears.</param>
/// <param name="ClientId">What the client calls itself; null when it does not say.</param>
internal readonly record struct RequestHeader(short ApiKey, short ApiVersion, int CorrelationId, string? ClientId)
{
    /// <summary>Reads the three fields.</summary>
    /// <exception cref="ProtocolException">There are not enough bytes.</exception>
    public static RequestHeader ReadStart(ref KafkaReader reader) => new(
        reader.ReadInt16("request_api_key"), reader.ReadInt16("request_api_version"), reader.ReadInt32("correlation_id"), null);

    /// <summary>Reads the rest, of a version that is known; the body follows.</summary>
    /// <exception cref="ProtocolException">There are not enough bytes.</exception>
    public RequestHeader ReadRest(ref KafkaReader reader, bool isFlexible)
    {
        var clientId = reader.ReadHeaderString("client_id");
        reader.IsFlexible = isFlexible;
        reader.SkipTaggedFields();
        return this with { ClientId = clientId };
    }
}
