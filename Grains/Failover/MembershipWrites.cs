using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// A membership table in which a write that is still right is not lost to another that came at the same moment. The table takes one
/// change at a time; Orleans, when refused, votes again when its next probe has gone unanswered, most of a second later, writes
/// its own status again after two to four seconds, and a silo that starts in the place of one that was killed has that one declared
/// dead when it reads the table the next time, before which nobody can join. Silos that start together would so wait for each
/// other. Here such a write is made again at once, by the table as it is then.
/// </summary>
/// <param name="inner">The table.</param>
/// <param name="localSilo">This silo.</param>
/// <param name="options">Orleans' rules for votes.</param>
/// <param name="readAgain">Has Orleans read the table, in this version or a later one, before the task ends; it fails or is cancelled by the
/// token.</param>
/// <param name="time">The clock.</param>
internal sealed class MembershipWrites(
    IMembershipTable inner,
    ILocalSiloDetails localSilo,
    IOptions<ClusterMembershipOptions> options,
    Func<MembershipVersion, CancellationToken, Task> readAgain,
    TimeProvider time) : MembershipTableLayer(inner)
{
    private const int Attempts = 8;
    private const int LeastPauseMs = 2;
    private const int MostPauseMs = 20;
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(1);

    private SiloAddress Self => localSilo.SiloAddress;

    /// <inheritdoc/>
    public override async Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) =>
        await Inner.InsertRow(entry, tableVersion) || (IsOwnStatus(entry) && await RepeatOwnAsync(table => InsertAsync(table, entry)));

    /// <inheritdoc/>
    public override async Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion)
    {
        if (await Inner.UpdateRow(entry, etag, tableVersion)) return true;
        if (IsOwnStatus(entry)) return await RepeatOwnAsync(table => SetStatusAsync(table, entry));
        if (IsDeathOfPredecessor(entry)) return await RepeatAsync(table => BuryAsync(table, entry));
        if (!IsOwnVote(entry)) return false;
        var refusedAt = time.GetTimestamp();
        return await RepeatAsync(table => VoteAsync(table, entry.SiloAddress, entry.Status == SiloStatus.Dead, refusedAt));
    }

    private bool IsOwnStatus(MembershipEntry entry) => entry.SiloAddress.Equals(Self);

    private bool IsDeathOfPredecessor(MembershipEntry entry) => entry.Status == SiloStatus.Dead
        && entry.SiloAddress.Endpoint.Equals(Self.Endpoint) && entry.SiloAddress.Generation < Self.Generation;

    // Kills by order, which Orleans writes in the same way, are cast again as votes only: whoever ordered one looks whether it came about.
    private bool IsOwnVote(MembershipEntry entry) => options.Value.LivenessEnabled && !entry.SiloAddress.Equals(Self)
        && entry.SuspectTimes is { } votes && votes.Exists(vote => vote.Item1.Equals(Self));

    /// <summary>Attempts a write by the table as it is, until an attempt has a result; it has none when another change came before it again.</summary>
    private async Task<T> RepeatAsync<T>(Func<MembershipTableData, Task<T?>> attempt)
        where T : struct
    {
        for (var number = 0; number < Attempts; number++)
        {
            // Not all who met here at the same moment again.
            if (number > 0) await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(LeastPauseMs, MostPauseMs)), time);
            if (await attempt(await Inner.ReadAll()) is { } result) return result;
        }

        return default;
    }

    // Orleans goes on with the table as it read it before the write, under the version that it meant to write, which was another's change. So
    // it is to have read that of the write by then: it takes none that is older. Without, it is told that the write was refused, and
    // makes it once more after a while, which changes nothing.
    private async Task<bool> RepeatOwnAsync(Func<MembershipTableData, Task<Written?>> attempt)
    {
        if (await RepeatAsync(attempt) is not { IsThere: true, Version: var version }) return false;
        using var limit = new CancellationTokenSource(ReadPatience, time);
        var ending = limit.Token;
        var reading = Task.Run(() => readAgain(version, ending), ending).WaitAsync(ending);
        await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return reading.IsCompletedSuccessfully;
    }

    private async Task<Written?> InsertAsync(MembershipTableData table, MembershipEntry entry)
    {
        if (table.TryGet(Self) is not null) return Written.Not;
        return await Inner.InsertRow(entry, table.Version.Next()) ? Written.In(table.Version.Next()) : null;
    }

    private async Task<Written?> SetStatusAsync(MembershipTableData table, MembershipEntry wanted)
    {
        if (table.TryGet(Self) is not { } row) return Written.Not;
        var (entry, etag) = row;
        // A silo that was declared dead finds that out by the table. It may be further on in its own stop, and does not go back.
        if (entry.Status == SiloStatus.Dead && wanted.Status != SiloStatus.Dead) return Written.Not;
        if (entry.Status > wanted.Status || entry.Status == SiloStatus.Dead) return Written.In(table.Version);
        (entry.Status, entry.IAmAliveTime) = (wanted.Status, wanted.IAmAliveTime);
        if (wanted.Status == SiloStatus.Dead) entry.SuspectTimes = wanted.SuspectTimes;
        return await Inner.UpdateRow(entry, etag, table.Version.Next()) ? Written.In(table.Version.Next()) : null;
    }

    private async Task<bool?> BuryAsync(MembershipTableData table, MembershipEntry wanted)
    {
        if (table.TryGet(wanted.SiloAddress) is not { } row) return false;
        var (entry, etag) = row;
        if (entry.Status == SiloStatus.Dead) return true;
        (entry.Status, entry.SuspectTimes) = (SiloStatus.Dead, wanted.SuspectTimes);
        return await Inner.UpdateRow(entry, etag, table.Version.Next()) ? true : null;
    }

    // What was decided by the table as it was is decided anew by what it is now, and by Orleans' own rules: a silo that is not a member (any
    // more) has no vote; NumVotesForDeathDeclaration of them are needed, or half of the active silos that sign, if that is less. (A vote
    // of a silo that was asked to probe is not cast again, as none is.)
    private async Task<bool?> VoteAsync(MembershipTableData table, SiloAddress suspect, bool isDeath, long refusedAt)
    {
        // The evidence is as old as that; another probe is to say whether it still holds.
        if (time.GetElapsedTime(refusedAt) > options.Value.ProbeTimeout) return false;
        if (table.TryGet(Self) is not { Item1.Status: SiloStatus.Active or SiloStatus.Joining }) return false;
        if (table.TryGet(suspect) is not { } row) return false;
        var (entry, etag) = row;
        // Whoever was quicker had the last word, and this vote is not needed any more.
        if (entry.Status == SiloStatus.Dead) return true;
        var now = time.GetUtcNow().UtcDateTime;
        entry.AddOrUpdateSuspector(Self, now, options.Value.NumVotesForDeathDeclaration);
        if (FreshVotes(entry, now) >= VotesNeeded(table, now)) entry.Status = SiloStatus.Dead;
        return await Inner.UpdateRow(entry, etag, table.Version.Next()) ? entry.Status == SiloStatus.Dead || !isDeath : null;
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

    /// <summary>Whether the table says what it is to say, and since which version at the latest.</summary>
    private readonly record struct Written(bool IsThere, MembershipVersion Version)
    {
        public static Written Not => default;

        public static Written In(TableVersion version) => new(true, new MembershipVersion(version.Version));
    }
}
