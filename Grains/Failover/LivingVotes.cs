namespace OrleansLog.Grains.Failover;

/// <summary>
/// A membership table in which only those who are not dead have a vote on whether others are. Orleans lets votes count for two
/// minutes, whatever became of the voter: a silo that was cut off, voted against the others, was declared dead itself and started
/// anew would leave a vote against each of them behind, and the next silo that is cut off could have a healthy one declared dead
/// by its own vote alone.
/// </summary>
internal sealed class LivingVotes(IMembershipTable inner) : MembershipTableLayer(inner)
{
    /// <inheritdoc/>
    public override async Task<MembershipTableData> ReadAll()
    {
        var table = await Inner.ReadAll();
        var living = table.Members.Select(static row => row.Item1).Where(static member => member.Status != SiloStatus.Dead)
            .Select(static member => member.SiloAddress).ToHashSet();
        foreach (var (member, _) in table.Members)
        {
            // Of the dead the list tells who declared them so.
            if (member.Status != SiloStatus.Dead) member.SuspectTimes?.RemoveAll(vote => !living.Contains(vote.Item1));
        }

        return table;
    }
}
