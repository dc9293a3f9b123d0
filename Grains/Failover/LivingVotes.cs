namespace OrleansLog.Grains.Failover;

/// <summary>
/// A membership table in which only those who are not dead have a vote on whether others are. Orleans lets votes count for two
/// minutes, whatever became of the voter: a silo that was cut off, voted against the others, was declared dead itself and started
/// anew would leave a vote against each of them behind, and the next silo that is cut off could have a healthy one declared dead
/// by its own vote alone. Holds nothing; as thread-safe as the table it stands before.
/// </summary>
internal sealed class LivingVotes(IMembershipTable inner) : IMembershipTable
{
    /// <inheritdoc/>
    public async Task<MembershipTableData> ReadAll()
    {
        var table = await inner.ReadAll();
        var living = table.Members.Select(static row => row.Item1).Where(static member => member.Status != SiloStatus.Dead)
            .Select(static member => member.SiloAddress).ToHashSet();
        foreach (var (member, _) in table.Members)
        {
            // Of the dead the list tells who declared them so.
            if (member.Status != SiloStatus.Dead) member.SuspectTimes?.RemoveAll(vote => !living.Contains(vote.Item1));
        }

        return table;
    }

    /// <inheritdoc/>
    public Task<MembershipTableData> ReadRow(SiloAddress key) => inner.ReadRow(key);

    /// <inheritdoc/>
    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => inner.InsertRow(entry, tableVersion);

    /// <inheritdoc/>
    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => inner.UpdateRow(entry, etag, tableVersion);

    /// <inheritdoc/>
    public Task UpdateIAmAlive(MembershipEntry entry) => inner.UpdateIAmAlive(entry);

    /// <inheritdoc/>
    public Task InitializeMembershipTable(bool tryInitTableVersion) => inner.InitializeMembershipTable(tryInitTableVersion);

    /// <inheritdoc/>
    public Task DeleteMembershipTableEntries(string clusterId) => inner.DeleteMembershipTableEntries(clusterId);

    /// <inheritdoc/>
    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => inner.CleanupDefunctSiloEntries(beforeDate);
}
