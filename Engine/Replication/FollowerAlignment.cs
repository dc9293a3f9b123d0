using OrleansLog.Engine.Storage;

namespace OrleansLog.Engine.Replication;

/// <summary>What a follower has to do before it is sent records.</summary>
/// <param name="Alignment">Truncate or Restart.</param>
/// <param name="Offset">The offset up to which the two logs agree, or where the follower's log begins anew.</param>
/// <param name="NeedsAnotherTerm">Whether more of the follower's epochs have to be seen, once it has truncated.</param>
internal readonly record struct FollowerAlignment(ReplicaAlignment Alignment, long Offset, bool NeedsAnotherTerm)
{
    /// <summary>
    /// Finds the point of divergence by leader epochs: the end of the latest epoch that both logs know, in whichever log it ends
    /// first. The high watermark has no say in it: a follower may know too little of it, and would cut off what was committed.
    /// </summary>
    public static FollowerAlignment Find(PartitionLog leader, FollowerLogState follower)
    {
        var start = leader.LogStartOffset;
        // What may be damaged goes, and all behind it.
        var end = follower.DamagedFrom >= 0 ? Math.Min(follower.DamagedFrom, follower.LogEndOffset) : follower.LogEndOffset;
        foreach (var epoch in follower.Epochs)
        {
            var known = leader.EndOffsetForEpoch(epoch.Epoch);
            if (known.Epoch == epoch.Epoch) return At(Math.Min(end, known.EndOffset), leader, follower);
            // Nothing that was appended in an epoch that the leader has not, is the leader's.
            end = Math.Min(end, epoch.StartOffset);
        }

        if (follower.HasMoreEpochs && end > follower.LogStartOffset && end >= start)
            return new FollowerAlignment(ReplicaAlignment.Truncate, end, NeedsAnotherTerm: true);
        // Nothing in common; an empty log that is where the leader's begins has nothing to give up, though.
        var isEmptyThere = follower.LogStartOffset == start && follower.LogEndOffset == start;
        return new FollowerAlignment(isEmptyThere ? ReplicaAlignment.Truncate : ReplicaAlignment.Restart, start, NeedsAnotherTerm: false);
    }

    private static FollowerAlignment At(long offset, PartitionLog leader, FollowerLogState follower)
    {
        var start = leader.LogStartOffset;
        // A log that began behind that point would lack what lies before.
        var isWithin = offset >= start && (offset >= follower.LogStartOffset);
        return isWithin
            ? new FollowerAlignment(ReplicaAlignment.Truncate, offset, NeedsAnotherTerm: false)
            : new FollowerAlignment(ReplicaAlignment.Restart, start, NeedsAnotherTerm: false);
    }
}
