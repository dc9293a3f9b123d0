using System.Net;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansLog.Grains.Failover;
using Xunit;

namespace OrleansLog.Tests.Grains.Failover;

/// <summary>Writes that meet in the membership table. (That the dead have no vote is tried on PostgreSQL.)</summary>
public sealed class MembershipWritesTests
{
    private static readonly SiloAddress First = SiloAddress.New(IPAddress.Parse("10.0.0.1"), 11111, 1);
    private static readonly SiloAddress Second = SiloAddress.New(IPAddress.Parse("10.0.0.2"), 11111, 1);
    private static readonly SiloAddress Hung = SiloAddress.New(IPAddress.Parse("10.0.0.3"), 11111, 1);
    private readonly Table _table = new(First, Second, Hung);
    // The versions that Orleans was to read.
    private readonly List<MembershipVersion> _readAgain = [];
    private Task _reading = Task.CompletedTask;

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
    public async Task What_a_silo_says_of_itself_is_said_again_and_what_others_say_of_it_stays()
    {
        var (first, second) = (Of(First), Of(Second));
        var seen = await first.ReadAll();
        Assert.True(await VoteAsync(second, Second, await second.ReadAll(), suspect: First));
        Assert.True(await SayAsync(first, First, seen, SiloStatus.ShuttingDown));
        Assert.Equal(SiloStatus.ShuttingDown, _table[First].Status);
        Assert.Equal(Second, Assert.Single(_table[First].SuspectTimes!).Item1);
    }

    /// <summary>Orleans would otherwise take what it read before for the version that it wrote.</summary>
    [Fact]
    public async Task That_is_done_once_Orleans_has_read_the_version_in_which_it_stands()
    {
        var first = Of(First);
        Assert.True(await SayAsync(first, First, await first.ReadAll(), SiloStatus.Joining));
        Assert.Empty(_readAgain);
        var seen = await first.ReadAll();
        await _table.TouchAsync(Second);
        Assert.True(await SayAsync(first, First, seen, SiloStatus.Active));
        Assert.Equal(new MembershipVersion(_table.Version), Assert.Single(_readAgain));
    }

    [Fact]
    public async Task What_cannot_be_read_again_in_time_is_to_be_said_once_more()
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        await _table.TouchAsync(Second);
        _reading = new TaskCompletionSource().Task;
        Assert.False(await SayAsync(first, First, seen, SiloStatus.ShuttingDown).WaitAsync(TimeSpan.FromSeconds(30)));
        seen = await first.ReadAll();
        await _table.TouchAsync(Second);
        _reading = Task.FromException(new IOException("no database"));
        Assert.False(await SayAsync(first, First, seen, SiloStatus.ShuttingDown));
        _reading = Task.CompletedTask;
        Assert.True(await SayAsync(first, First, await first.ReadAll(), SiloStatus.ShuttingDown));
        Assert.Equal(SiloStatus.ShuttingDown, _table[First].Status);
    }

    [Theory]
    [InlineData(SiloStatus.Stopping, SiloStatus.ShuttingDown)]
    [InlineData(SiloStatus.Dead, SiloStatus.Dead)]
    public async Task A_silo_that_stops_does_not_go_back(SiloStatus stage, SiloStatus earlier)
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        await _table.TouchAsync(First, stage);
        var version = _table.Version;
        Assert.True(await SayAsync(first, First, seen, earlier));
        Assert.Equal((stage, version), (_table[First].Status, _table.Version));
        Assert.Equal(new MembershipVersion(version), Assert.Single(_readAgain));
    }

    [Fact]
    public async Task Who_was_declared_dead_says_nothing_more()
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        await _table.TouchAsync(First, SiloStatus.Dead);
        Assert.False(await SayAsync(first, First, seen, SiloStatus.ShuttingDown));
        Assert.Equal(SiloStatus.Dead, _table[First].Status);
    }

    [Fact]
    public async Task That_it_has_ended_a_silo_says_again_and_by_whose_word()
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        await _table.TouchAsync(Second);
        seen.TryGet(First)!.Item1.AddSuspector(First, DateTime.UtcNow);
        Assert.True(await SayAsync(first, First, seen, SiloStatus.Dead));
        Assert.Equal(SiloStatus.Dead, _table[First].Status);
        Assert.Equal(First, Assert.Single(_table[First].SuspectTimes!).Item1);
    }

    [Fact]
    public async Task Silos_that_join_at_the_same_moment_all_do()
    {
        var newcomers = Enumerable.Range(4, 3).Select(static host => SiloAddress.New(IPAddress.Parse($"10.0.0.{host}"), 11111, 1)).ToArray();
        var seen = await Of(First).ReadAll();
        foreach (var newcomer in newcomers)
        {
            var entry = new MembershipEntry { SiloAddress = newcomer, Status = SiloStatus.Joining, StartTime = DateTime.UtcNow };
            Assert.True(await Of(newcomer).InsertRow(entry, seen.Version.Next()));
            Assert.Equal(SiloStatus.Joining, _table[newcomer].Status);
        }

        var known = await Of(First).ReadAll();
        var again = new MembershipEntry { SiloAddress = newcomers[0], Status = SiloStatus.Joining, StartTime = DateTime.UtcNow };
        Assert.False(await Of(newcomers[0]).InsertRow(again, known.Version.Next()));
    }

    [Fact]
    public async Task The_one_in_whose_place_a_silo_starts_is_declared_dead_whatever_comes_in_between()
    {
        var successor = SiloAddress.New(Hung.Endpoint, Hung.Generation + 1);
        var starting = Of(successor);
        var seen = await starting.ReadAll();
        await _table.TouchAsync(Second);
        _table.RefusesNext = 2;
        Assert.True(await VoteAsync(starting, successor, seen, SiloStatus.Dead));
        Assert.Equal(SiloStatus.Dead, _table[Hung].Status);
        Assert.Equal(successor, Assert.Single(_table[Hung].SuspectTimes!).Item1);
    }

    [Fact]
    public async Task A_silo_that_was_started_later_in_the_same_place_is_not()
    {
        var predecessor = SiloAddress.New(Hung.Endpoint, Hung.Generation - 1);
        var late = Of(predecessor);
        var seen = await late.ReadAll();
        await _table.TouchAsync(Second);
        Assert.False(await VoteAsync(late, predecessor, seen, SiloStatus.Dead));
        Assert.Equal(SiloStatus.Active, _table[Hung].Status);
    }

    [Fact]
    public async Task What_one_says_of_another_without_a_vote_is_refused_as_the_table_refuses_it()
    {
        var first = Of(First);
        var seen = await first.ReadAll();
        await _table.TouchAsync(Second);
        Assert.False(await SayAsync(first, Second, seen, SiloStatus.ShuttingDown));
        Assert.Equal(SiloStatus.Active, _table[Second].Status);
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
    private static Task<bool> VoteAsync(
        MembershipWrites writes, SiloAddress voter, MembershipTableData seen, SiloStatus status = SiloStatus.Active, SiloAddress? suspect = null)
    {
        seen.TryGet(suspect ?? Hung)!.Item1.AddOrUpdateSuspector(voter, DateTime.UtcNow, 2);
        return SayAsync(writes, suspect ?? Hung, seen, status);
    }

    private static Task<bool> SayAsync(MembershipWrites writes, SiloAddress of, MembershipTableData seen, SiloStatus status)
    {
        var (entry, etag) = seen.TryGet(of)!;
        entry.Status = status;
        return writes.UpdateRow(entry, etag, seen.Version.Next());
    }

    private MembershipWrites Of(SiloAddress silo) => new(
        new LivingVotes(_table),
        new LocalSilo(silo),
        Options.Create(new ClusterMembershipOptions { NumVotesForDeathDeclaration = 2 }),
        (version, _) =>
        {
            _readAgain.Add(version);
            return _reading;
        },
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

        public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) =>
            _rows.ContainsKey(entry.SiloAddress) ? Task.FromResult(false) : UpdateRow(entry, string.Empty, tableVersion);

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
