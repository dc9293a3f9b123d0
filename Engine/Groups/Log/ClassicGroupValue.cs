namespace OrleansLog.Engine.Groups.Log;

/// <summary>
/// What the log says of a classic group. One without a leader, but with members, has begun a generation in which nobody has
/// shared out the partitions yet.
/// </summary>
/// <param name="ProtocolType">What the group is for.</param>
/// <param name="Generation">Its generation.</param>
/// <param name="Protocol">The protocol in use; null when there are no members.</param>
/// <param name="LeaderId">The member that shared out the partitions; null when none has.</param>
/// <param name="StateTimestampMs">Since when it is in its state, milliseconds since the Unix epoch; -1 when not known.</param>
/// <param name="Members">Its members.</param>
public sealed record ClassicGroupValue(
    string ProtocolType,
    int Generation,
    string? Protocol,
    string? LeaderId,
    long StateTimestampMs,
    IReadOnlyList<ClassicMemberValue> Members);

/// <summary>What the log says of a member of a classic group.</summary>
/// <param name="MemberId">Its id.</param>
/// <param name="InstanceId">Its instance id; null for a dynamic member.</param>
/// <param name="ClientId">Its name for people.</param>
/// <param name="ClientHost">Where it calls from.</param>
/// <param name="RebalanceTimeoutMs">How long it may take to come back when the group rebalances.</param>
/// <param name="SessionTimeoutMs">It is removed when not heard of for so long.</param>
/// <param name="Subscription">What it said for the protocol in use.</param>
/// <param name="Assignment">What it owns.</param>
public sealed record ClassicMemberValue(
    string MemberId,
    string? InstanceId,
    string ClientId,
    string ClientHost,
    int RebalanceTimeoutMs,
    int SessionTimeoutMs,
    byte[] Subscription,
    byte[] Assignment);
