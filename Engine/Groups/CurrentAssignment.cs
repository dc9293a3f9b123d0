namespace OrleansLog.Engine.Groups;

/// <summary>Where a member stands on the way to its target assignment; the numbers are those of Kafka's records.</summary>
public enum MemberState
{
    /// <summary>It owns what the target assignment of its epoch gives it.</summary>
    Stable = 0,

    /// <summary>It has to give partitions up before it may enter the next epoch.</summary>
    UnrevokedPartitions = 1,

    /// <summary>It is in the target's epoch, but waits for partitions that others have not given up yet.</summary>
    UnreleasedPartitions = 2,

    /// <summary>A state that a newer version wrote.</summary>
    Unknown = 127,
}

/// <summary>What a member owns, and where it stands.</summary>
/// <param name="Epoch">The member's epoch; -2 while a static member is away.</param>
/// <param name="PreviousEpoch">The epoch before, with which the member comes back when the answer that raised it was lost.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Assigned">The partitions that it owns and keeps.</param>
/// <param name="PendingRevocation">The partitions that it still owns and has to give up.</param>
public sealed record CurrentAssignment(
    int Epoch, int PreviousEpoch, MemberState State, PartitionSet Assigned, PartitionSet PendingRevocation)
{
    /// <summary>The epoch of a static member that left and will be back.</summary>
    public const int AwayEpoch = -2;

    /// <summary>A member that joins.</summary>
    public static CurrentAssignment Joining { get; } = new(0, 0, MemberState.Stable, PartitionSet.Empty, PartitionSet.Empty);
}
