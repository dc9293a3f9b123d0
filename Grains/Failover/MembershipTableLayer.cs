namespace OrleansLog.Grains.Failover;

/// <summary>What stands before a membership table and changes some of what it does; the rest goes through. As thread-safe as the table.</summary>
internal abstract class MembershipTableLayer(IMembershipTable inner) : IMembershipTable
{
    /// <summary>The table that this one stands before.</summary>
    protected IMembershipTable Inner => inner;

    /// <inheritdoc/>
    public virtual Task<MembershipTableData> ReadAll() => inner.ReadAll();

    /// <inheritdoc/>
    public virtual Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => inner.InsertRow(entry, tableVersion);

    /// <inheritdoc/>
    public virtual Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => inner.UpdateRow(entry, etag, tableVersion);

    /// <inheritdoc/>
    public Task<MembershipTableData> ReadRow(SiloAddress key) => inner.ReadRow(key);

    /// <inheritdoc/>
    public Task UpdateIAmAlive(MembershipEntry entry) => inner.UpdateIAmAlive(entry);

    /// <inheritdoc/>
    public Task InitializeMembershipTable(bool tryInitTableVersion) => inner.InitializeMembershipTable(tryInitTableVersion);

    /// <inheritdoc/>
    public Task DeleteMembershipTableEntries(string clusterId) => inner.DeleteMembershipTableEntries(clusterId);

    /// <inheritdoc/>
    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => inner.CleanupDefunctSiloEntries(beforeDate);
}
