namespace OrleansLog.Engine.Groups;

/// <summary>
/// Leads a member to its target assignment, one step with each heartbeat, as KIP-848 has it: first it gives up what it is not
/// to keep, then it enters the target's epoch, then it gets what others have given up.
/// </summary>
/// <param name="target">What the member is to own.</param>
/// <param name="targetEpoch">The epoch of the target assignment.</param>
/// <param name="isHeldByOther">Whether another member still has a partition.</param>
internal sealed class Reconciliation(PartitionSet target, int targetEpoch, Func<TopicIdPartition, bool> isHeldByOther)
{
    /// <summary>Takes the next step, if one can be taken.</summary>
    /// <param name="current">Where the member stands.</param>
    /// <param name="owned">What the member says it owns; null when it says nothing that can be relied on.</param>
    /// <param name="told">What the member was last told to own, and so may use; null when not known.</param>
    public CurrentAssignment Step(CurrentAssignment current, PartitionSet? owned, PartitionSet? told)
    {
        switch (current.State)
        {
            case MemberState.Stable when current.Epoch == targetEpoch:
                return current;
            case MemberState.Stable or MemberState.UnreleasedPartitions:
                return Advance(current, current.Epoch, told);
            case MemberState.UnrevokedPartitions:
                return owned is null || owned.Overlaps(current.PendingRevocation)
                    ? current
                    : Advance(current, current.Epoch + 1, told);
            default: // a state that a newer version wrote: the member has begun anew, owning nothing
                return Advance(current, targetEpoch, PartitionSet.Empty);
        }
    }

    private CurrentAssignment Advance(CurrentAssignment current, int epoch, PartitionSet? told)
    {
        var kept = current.Assigned.Intersect(target);
        var revoked = current.Assigned.Except(target);
        // A partition that it was never told of (its answer is lost, or its previous instance had it) need not be given up. One
        // that it was told of it may be using, whatever its request says, until it has heard that it may not.
        if (!revoked.IsEmpty && (told is null || told.Overlaps(revoked)))
            return Enter(current, epoch, MemberState.UnrevokedPartitions, kept, revoked);

        var wanted = target.Except(kept);
        var free = PartitionSet.Of(wanted.Where(partition => !isHeldByOther(partition)));
        var state = free.Count < wanted.Count ? MemberState.UnreleasedPartitions : MemberState.Stable;
        return Enter(current, targetEpoch, state, kept.Union(free), PartitionSet.Empty);
    }

    private static CurrentAssignment Enter(
        CurrentAssignment current, int epoch, MemberState state, PartitionSet assigned, PartitionSet pendingRevocation) =>
        new(epoch, epoch == current.Epoch ? current.PreviousEpoch : current.Epoch, state, assigned, pendingRevocation);
}
