namespace OrleansLog.Engine.Groups;

/// <summary>What a member says of itself.</summary>
/// <param name="InstanceId"><c>group.instance.id</c>; null for a dynamic member.</param>
/// <param name="RackId">Its rack; null when not known.</param>
/// <param name="ClientId">Its name for people.</param>
/// <param name="ClientHost">Where it calls from; empty when not known.</param>
/// <param name="SubscribedTopics">The topics it subscribes to by name, ordered, each once.</param>
/// <param name="SubscribedPattern">The regular expression it subscribes by; null for none.</param>
/// <param name="RebalanceTimeoutMs">How long it may take to give partitions up, from 1.</param>
/// <param name="Assignor">The assignor it prefers; null when it does not care.</param>
public sealed record MemberMetadata(
    string? InstanceId,
    string? RackId,
    string ClientId,
    string ClientHost,
    IReadOnlyList<string> SubscribedTopics,
    string? SubscribedPattern,
    int RebalanceTimeoutMs,
    string? Assignor)
{
    /// <summary>Whether both subscribe to the same topics by the same means.</summary>
    public bool HasSameSubscription(MemberMetadata other) =>
        SubscribedPattern == other.SubscribedPattern
        && SubscribedTopics.SequenceEqual(other.SubscribedTopics, StringComparer.Ordinal);

    /// <inheritdoc/>
    public bool Equals(MemberMetadata? other) =>
        other is not null
        && InstanceId == other.InstanceId && RackId == other.RackId && ClientId == other.ClientId
        && ClientHost == other.ClientHost && RebalanceTimeoutMs == other.RebalanceTimeoutMs && Assignor == other.Assignor
        && HasSameSubscription(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(InstanceId, ClientId, SubscribedPattern, SubscribedTopics.Count);
}
