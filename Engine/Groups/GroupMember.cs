namespace OrleansLog.Engine.Groups;

/// <summary>
/// A member of a group: what the log says of it, and what only the coordinator in office knows (when it was last heard of).
/// </summary>
internal sealed class GroupMember(string id)
{
    /// <summary>Its id.</summary>
    public string Id { get; } = id;

    /// <summary>What it said of itself; null only while its records are being replayed.</summary>
    public MemberMetadata? Metadata { get; set; }

    /// <summary>What it owns and where it stands.</summary>
    public CurrentAssignment Current { get; set; } = CurrentAssignment.Joining;

    /// <summary>What it is to own.</summary>
    public PartitionSet Target { get; set; } = PartitionSet.Empty;

    /// <summary>When it is removed unless it is heard of; milliseconds of the coordinator's clock.</summary>
    public long SessionDeadlineMs { get; set; } = long.MaxValue;

    /// <summary>When it is removed unless it has given up what it has to; <see cref="long.MaxValue"/> when nothing.</summary>
    public long RevocationDeadlineMs { get; set; } = long.MaxValue;

    /// <summary>The sequence number of its last heartbeat; 0 when none is known.</summary>
    public long LastSequence { get; set; }

    /// <summary>The epoch that it last came with: it has heard of that.</summary>
    public int KnownEpoch { get; set; }

    /// <summary>What it last said it owns; null when it said nothing to this coordinator.</summary>
    public PartitionSet? Reported { get; set; }

    /// <summary>What it was last told to own; null when this coordinator told it nothing.</summary>
    public PartitionSet? Told { get; set; }

    /// <summary>Everything that nobody else may have: what it keeps and what it has still to give up.</summary>
    public PartitionSet Held => Current.Assigned.Union(Current.PendingRevocation);

    /// <summary>Whether it is a static member that left and will be back.</summary>
    public bool IsAway => Current.Epoch == CurrentAssignment.AwayEpoch;

    /// <summary>The earlier of its deadlines.</summary>
    public long DeadlineMs => Math.Min(SessionDeadlineMs, RevocationDeadlineMs);
}
