using System.Net;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansLog.Grains.Failover;
using Xunit;

namespace OrleansLog.Tests.Grains.Failover;

/// <summary>Votes that meet in the membership table. (That the dead have none is tried on PostgreSQL.)</summary>
public sealed class LivingVotesTests
{
    private static readonly SiloAddress First = SiloAddress.New(IPAddress.Parse("10.0.0.1"), 11111, 1);
    private static readonly SiloAddress Second = SiloAddress.New(IPAddress.Parse("10.0.0.2"), 11111, 1);
    private static readonly SiloAddress Hung = SiloAddress.New(IPAddress.Parse("10.0.0.3"), 11111, 1);
    private readonly Table _table = new(First, Second, Hung);

    [Fact]
    public async Task Of_two_votes_at_the_same_moment_none_is_lost()
    {
        var (first, second) = (Of(First), Of(Second));
        var (toFirst, toSecond) = (await first.ReadAll(), await second.ReadAll());
        Assert.True(await VoteAsync(first, First, toFirst));
        Assert.Equal(SiloStatus.Active, _table[Hung].Status);
        Assert.True(await VoteAsync(second, Second, toSecond));
        Assert.Equal(SiloStatus.Dead, _table[Hung].Status);
        Assert.Equal([First, Second], _table[Hung].SuspectTimes!.Select(static vote => vote.Item1).Order());
    }

    [Fact]
    public async Task A_vote_that_another_change_came_before_is_cast_again_and_is_one_vote()
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        await _table.TouchAsync(Second);
        Assert.True(await VoteAsync(first, First, seen));
        Assert.Equal(SiloStatus.Active, _table[Hung].Status);
        Assert.Equal(First, Assert.Single(_table[Hung].SuspectTimes!).Item1);
    }

    [Fact]
    public async Task What_was_decided_by_a_vote_that_is_void_by_now_is_decided_anew()
    {
        var (first, second) = (Of(First), Of(Second));
        Assert.True(await VoteAsync(second, Second, await second.ReadAll()));
        var seen = await first.ReadAll();
        await _table.TouchAsync(Second, SiloStatus.Dead);
        // Of those that are left one is half, so the other must be there for a decision to need two.
        _table.Add(SiloAddress.New(IPAddress.Parse("10.0.0.2"), 11111, 2));
        Assert.False(await VoteAsync(first, First, seen, SiloStatus.Dead));
        Assert.Equal(SiloStatus.Active, _table[Hung].Status);
        Assert.Equal(First, Assert.Single(_table[Hung].SuspectTimes!).Item1);
    }

    [Theory]
    [InlineData(SiloStatus.Dead)]
    [InlineData(SiloStatus.ShuttingDown)]
    public async Task Who_is_no_member_any_more_has_no_second_vote(SiloStatus status)
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        // That is what came before its vote, and of the two that are left one would be enough.
        await _table.TouchAsync(First, status);
        Assert.False(await VoteAsync(first, First, seen));
        Assert.Equal(SiloStatus.Active, _table[Hung].Status);
        Assert.Empty(_table[Hung].SuspectTimes ?? []);
    }

    [Fact]
    public async Task A_kill_that_another_change_came_before_is_a_vote_and_said_to_have_failed()
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        await _table.TouchAsync(Second);
        Assert.False(await VoteAsync(first, First, seen, SiloStatus.Dead));
        Assert.Equal(SiloStatus.Active, _table[Hung].Status);
        Assert.Equal(First, Assert.Single(_table[Hung].SuspectTimes!).Item1);
    }

    [Fact]
    public async Task Silos_that_have_not_signed_for_long_are_not_needed()
    {
        var first = Of(First);
        _table[Second].IAmAliveTime = _table[Second].StartTime = DateTime.UtcNow.AddHours(-1);
        var seen = await first.ReadAll();
        await _table.TouchAsync(Second);
        Assert.True(await VoteAsync(first, First, seen, SiloStatus.Dead));
        Assert.Equal(SiloStatus.Dead, _table[Hung].Status);
    }

    [Fact]
    public async Task A_vote_that_meets_others_again_and_again_is_cast_in_the_end()
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        _table.RefusesNext = 3;
        Assert.True(await VoteAsync(first, First, seen));
        Assert.Equal(First, Assert.Single(_table[Hung].SuspectTimes!).Item1);
    }

    [Fact]
    public async Task Who_is_dead_already_is_left_as_it_is()
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        await _table.TouchAsync(Hung, SiloStatus.Dead);
        var version = _table.Version;
        Assert.True(await VoteAsync(first, First, seen));
        Assert.Equal(version, _table.Version);
    }

    [Fact]
    public async Task What_is_no_vote_is_refused_as_the_table_refuses_it()
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        await _table.TouchAsync(Second);
        var own = seen.TryGet(First)!;
        own.Item1.Status = SiloStatus.ShuttingDown;
        Assert.False(await first.UpdateRow(own.Item1, own.Item2, seen.Version.Next()));
        Assert.Equal(SiloStatus.Active, _table[First].Status);
    }

    [Fact]
    public async Task A_table_that_always_changes_is_not_tried_for_ever()
    {
        _table.RefusesNext = int.MaxValue;
        var first = Of(First);
        Assert.False(await VoteAsync(first, First, await first.ReadAll()));
        Assert.InRange(_table.Refused, 2, 10);
    }

    // As Orleans casts it.
    private static Task<bool> VoteAsync(LivingVotes votes, SiloAddress voter, MembershipTableData seen, SiloStatus status = SiloStatus.Active)
    {
        var (entry, etag) = seen.TryGet(Hung)!;
        entry.AddOrUpdateSuspector(voter, DateTime.UtcNow, 2);
        entry.Status = status;
        return votes.UpdateRow(entry, etag, seen.Version.Next());
    }

    private LivingVotes Of(SiloAddress silo) => new(
        _table,
        new LocalSilo(silo),
        Options.Create(new ClusterMembershipOptions { NumVotesForDeathDeclaration = 2 }),
        TimeProvider.System);

    // One version for all rows, as PostgreSQL's has.
    private sealed class Table(params SiloAddress[] silos) : IMembershipTable
    {
        private readonly Dictionary<SiloAddress, MembershipEntry> _rows = silos.ToDictionary(static silo => silo, static silo => Entry(silo));

        public int Version { get; private set; }

        public int RefusesNext { get; set; }

        public int Refused { get; private set; }

        public MembershipEntry this[SiloAddress silo] => _rows[silo];

        public void Add(SiloAddress silo) => _rows.Add(silo, Entry(silo));

        public async Task TouchAsync(SiloAddress silo, SiloStatus? status = null)
        {
            var entry = Copy(_rows[silo]);
            entry.Status = status ?? entry.Status;
            Assert.True(await UpdateRow(entry, string.Empty, new TableVersion(Version + 1, string.Empty)));
        }

        public Task<MembershipTableData> ReadAll() => Task.FromResult(new MembershipTableData(
            [.. _rows.Values.Select(static entry => Tuple.Create(Copy(entry), string.Empty))], new TableVersion(Version, string.Empty)));

        public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion)
        {
            if (RefusesNext > 0)
            {
                RefusesNext--;
                Refused++;
                return Task.FromResult(false);
            }

            if (tableVersion.Version != Version + 1) return Task.FromResult(false);
            Version++;
            _rows[entry.SiloAddress] = Copy(entry);
            return Task.FromResult(true);
        }

        public Task<MembershipTableData> ReadRow(SiloAddress key) => throw new NotSupportedException();

        public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => throw new NotSupportedException();

        public Task UpdateIAmAlive(MembershipEntry entry) => throw new NotSupportedException();

        public Task InitializeMembershipTable(bool tryInitTableVersion) => throw new NotSupportedException();

        public Task DeleteMembershipTableEntries(string clusterId) => throw new NotSupportedException();

        public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => throw new NotSupportedException();

        private static MembershipEntry Entry(SiloAddress silo) => new() { SiloAddress = silo, Status = SiloStatus.Active, StartTime = DateTime.UtcNow };

        private static MembershipEntry Copy(MembershipEntry entry) => new()
        {
            SiloAddress = entry.SiloAddress,
            Status = entry.Status,
            StartTime = entry.StartTime,
            IAmAliveTime = entry.IAmAliveTime,
            SuspectTimes = entry.SuspectTimes?.ToList(),
        };
    }
}
