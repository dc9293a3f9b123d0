using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>One API key: reads the request, carries it out, writes the response, for all versions served. Thread-safe.</summary>
/// <param name="key">Its key.</param>
/// <param name="minVersion">The least version advertised.</param>
/// <param name="maxVersion">The greatest version served.</param>
/// <param name="flexibleFrom">The first version with compact lengths and tagged fields.</param>
internal abstract class KafkaApi(ApiKey key, short minVersion, short maxVersion, short flexibleFrom)
{
    /// <summary>Its key.</summary>
    public ApiKey Key { get; } = key;

    /// <summary>The least version advertised.</summary>
    public short MinVersion { get; } = minVersion;

    /// <summary>The greatest version served.</summary>
    public short MaxVersion { get; } = maxVersion;

    /// <summary>
    /// Whether a request may begin while earlier ones of its kind on the same connection are under way. What has to be in their
    /// order is what <see cref="HandleAsync"/> does before it returns. Any other request begins when all before it are answered.
    /// </summary>
    public virtual bool IsPipelined => false;

    /// <summary>Whether a version is flexible.</summary>
    public bool IsFlexible(short version) => version >= flexibleFrom;

    /// <summary>Whether a version is served.</summary>
    public bool Serves(short version) => version >= MinVersion && version <= MaxVersion;

    /// <summary>
    /// Reads the request's body, carries it out, and writes the body of the response. Reading comes first and is synchronous, since
    /// the reader cannot outlive the call.
    /// </summary>
    /// <exception cref="ProtocolException">The body is malformed: the connection is closed.</exception>
    public abstract Task HandleAsync(RequestContext context, KafkaReader request);
}
