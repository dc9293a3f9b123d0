namespace OrleansLog.Kafka.Protocol;

/// <summary>
/// What a client sent is not the protocol. The connection it came by is closed, with this message as the logged reason: whatever
/// follows cannot be told apart any more.
/// </summary>
internal sealed class ProtocolException(string message) : Exception(message);
