using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// A membership table in which only those who are not dead have a vote on whether others are, and in which no vote is lost. Orleans
/// lets votes count for two minutes, whatever became of the voter: a silo that was cut off, voted against the others, was declared
/// dead itself and started anew would leave a vote against each of them behind, and the next silo that is cut off could have a
/// healthy one declared dead by its own vote alone. And of two that vote at the same moment Orleans drops one vote, until the
/// next probe of that voter has gone unanswered as well, most of a second later: here it is cast again. As thread-safe as the
/// table it stands before.
/// </summary>
internal sealed class LivingVotes(
    IMembershipTable inner, ILocalSiloDetails localSilo, IOptions<ClusterMembershipOptions> options, TimeProvider time) : IMembershipTable
{
    private const int Attempts = 5;
    private const int LeastPauseMs = 2;
    private const int MostPauseMs = 20;

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
    public async Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) =>
        await inner.UpdateRow(entry, etag, tableVersion) || (IsOwnVote(entry) && await VoteAgainAsync(entry.SiloAddress, entry.Status == SiloStatus.Dead));

    /// <inheritdoc/>
    public Task UpdateIAmAlive(MembershipEntry entry) => inner.UpdateIAmAlive(entry);

    /// <inheritdoc/>
    public Task InitializeMembershipTable(bool tryInitTableVersion) => inner.InitializeMembershipTable(tryInitTableVersion);

    /// <inheritdoc/>
    public Task DeleteMembershipTableEntries(string clusterId) => inner.DeleteMembershipTableEntries(clusterId);

    /// <inheritdoc/>
    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => inner.CleanupDefunctSiloEntries(beforeDate);

    // Kills by order, which Orleans writes in the same way, are cast again as votes only: whoever ordered one looks whether it came about.
    private bool IsOwnVote(MembershipEntry entry) => options.Value.LivenessEnabled && !entry.SiloAddress.Equals(localSilo.SiloAddress)
        && entry.SuspectTimes is { } votes && votes.Exists(vote => vote.Item1.Equals(localSilo.SiloAddress));

    // What was decided by the table as it was is decided anew by what it is now, and by Orleans' own rules: a silo that is not a member (any
    // more) has no vote; NumVotesForDeathDeclaration of them are needed, or half of the active silos that sign, if that is less. (A vote
    // of a silo that was asked to probe is not cast again, as none is.)
    private async Task<bool> VoteAgainAsync(SiloAddress suspect, bool isDeath)
    {
        var refusedAt = time.GetTimestamp();
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            // Not all who met here at the same moment again.
            if (attempt > 0) await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(LeastPauseMs, MostPauseMs)), time);
            var table = await ReadAll();
            // The evidence is as old as that; another probe is to say whether it still holds.
            if (time.GetElapsedTime(refusedAt) > options.Value.ProbeTimeout) return false;
            if (table.TryGet(localSilo.SiloAddress) is not { Item1.Status: SiloStatus.Active or SiloStatus.Joining }) return false;
            if (table.TryGet(suspect) is not { } row) return false;
            var (entry, etag) = row;
            // Whoever was quicker had the last word, and this vote is not needed any more.
            if (entry.Status == SiloStatus.Dead) return true;
            var now = time.GetUtcNow().UtcDateTime;
            entry.AddOrUpdateSuspector(localSilo.SiloAddress, now, options.Value.NumVotesForDeathDeclaration);
            if (FreshVotes(entry, now) >= VotesNeeded(table, now)) entry.Status = SiloStatus.Dead;
            if (await inner.UpdateRow(entry, etag, table.Version.Next())) return entry.Status == SiloStatus.Dead || !isDeath;
        }

        return false;
    }

    private int FreshVotes(MembershipEntry entry, DateTime now) => entry.SuspectTimes!
        .Where(vote => now - vote.Item2 < options.Value.DeathVoteExpirationTimeout).DistinctBy(static vote => vote.Item1).Count();

    private int VotesNeeded(MembershipTableData table, DateTime now)
    {
        var silence = options.Value.IAmAliveTablePublishTimeout * options.Value.NumMissedTableIAmAliveLimit;
        var active = table.Members.Count(row => row.Item1.Status == SiloStatus.Active && now - SignedAt(row.Item1) <= silence);
        return Math.Min(options.Value.NumVotesForDeathDeclaration, (active + 1) / 2);
    }

    private static DateTime SignedAt(MembershipEntry entry) => entry.StartTime > entry.IAmAliveTime ? entry.StartTime : entry.IAmAliveTime;
}
