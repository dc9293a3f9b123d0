namespace OrleansLog.Engine.Groups.Classic;

/// <summary>A way to share out partitions that a member offers; the group uses one that all its members offer.</summary>
/// <param name="Name">Its name, such as <c>range</c>.</param>
/// <param name="Metadata">What the leader has to know of the member; opaque to the coordinator.</param>
public readonly record struct ClassicProtocol(string Name, byte[] Metadata);

/// <summary>A member asks to join, or to stay in, the next generation.</summary>
/// <param name="MemberId">Its id; empty when it has none yet.</param>
/// <param name="InstanceId"><c>group.instance.id</c> of a static member; null for a dynamic one.</param>
/// <param name="ProtocolType">What the group is for: <c>consumer</c>, <c>connect</c>, ...</param>
/// <param name="Protocols">What it offers, the best first.</param>
public sealed record ClassicJoin(
    string MemberId, string? InstanceId, string ProtocolType, IReadOnlyList<ClassicProtocol> Protocols)
{
    /// <summary>It is removed when not heard of for so long.</summary>
    public int SessionTimeoutMs { get; init; }

    /// <summary>How long it may take to come back when the group rebalances.</summary>
    public int RebalanceTimeoutMs { get; init; }

    /// <summary>A name for people.</summary>
    public string ClientId { get; init; } = "";

    /// <summary>Where it calls from.</summary>
    public string ClientHost { get; init; } = "";

    /// <summary>Whether a new member is first told its id and comes back with it (from version 4), so that one whose answer was
    /// lost leaves no member behind that nobody is.</summary>
    public bool RequiresKnownMemberId { get; init; }

    /// <summary>Whether it knows that a leader may be told to leave the assignment as it is (from version 9).</summary>
    public bool CanSkipAssignment { get; init; }
}

/// <summary>A member as its leader is told of it.</summary>
/// <param name="MemberId">Its id.</param>
/// <param name="InstanceId">Its instance id; null for a dynamic member.</param>
/// <param name="Metadata">What it said for the protocol in use.</param>
public sealed record ClassicJoinMember(string MemberId, string? InstanceId, byte[] Metadata);

/// <summary>The answer to a join.</summary>
/// <param name="Error">None, or why it did not join.</param>
/// <param name="MemberId">Its id; with MemberIdRequired, the one to come back with.</param>
public sealed record ClassicJoinResult(ErrorCode Error, string MemberId)
{
    /// <summary>The generation; -1 when it did not join.</summary>
    public int Generation { get; init; } = -1;

    /// <summary>What the group is for.</summary>
    public string? ProtocolType { get; init; }

    /// <summary>The protocol in use.</summary>
    public string? Protocol { get; init; }

    /// <summary>Who shares out the partitions.</summary>
    public string LeaderId { get; init; } = "";

    /// <summary>All members; empty but for the leader.</summary>
    public IReadOnlyList<ClassicJoinMember> Members { get; init; } = [];

    /// <summary>Whether the leader has to leave the assignment as it is.</summary>
    public bool SkipAssignment { get; init; }
}

/// <summary>A member asks for its assignment; the leader brings those of all.</summary>
/// <param name="MemberId">The member.</param>
/// <param name="InstanceId">Its instance id; null for a dynamic member.</param>
/// <param name="Generation">The generation it joined.</param>
/// <param name="Assignments">The leader's: what each member is to own. Empty from others.</param>
public sealed record ClassicSync(
    string MemberId, string? InstanceId, int Generation, IReadOnlyList<KeyValuePair<string, byte[]>> Assignments)
{
    /// <summary>What it takes the group to be for; null when it does not say.</summary>
    public string? ProtocolType { get; init; }

    /// <summary>The protocol it takes to be in use; null when it does not say.</summary>
    public string? Protocol { get; init; }
}

/// <summary>The answer to a sync.</summary>
/// <param name="Error">None, or why there is no assignment.</param>
/// <param name="ProtocolType">What the group is for.</param>
/// <param name="Protocol">The protocol in use.</param>
/// <param name="Assignment">What the member owns; opaque.</param>
public sealed record ClassicSyncResult(ErrorCode Error, string? ProtocolType, string? Protocol, byte[] Assignment)
{
    /// <summary>A sync without an assignment.</summary>
    public static ClassicSyncResult Failed(ErrorCode error) => new(error, null, null, []);
}

/// <summary>A member that leaves.</summary>
/// <param name="MemberId">Its id; empty to name a static member by its instance alone.</param>
/// <param name="InstanceId">Its instance id; null for a dynamic member.</param>
public readonly record struct ClassicLeaver(string MemberId, string? InstanceId);
