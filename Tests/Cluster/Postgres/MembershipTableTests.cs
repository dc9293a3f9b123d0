using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansLog.Grains;
using OrleansLog.Grains.Storage.Postgres;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>Orleans' ADO.NET membership table on the project's own PostgreSQL schema.</summary>
public sealed class MembershipTableTests : IAsyncLifetime, IDisposable
{
    private static readonly SiloAddress One = SiloAddress.New(IPAddress.Parse("10.0.0.1"), 11111, 1);
    private static readonly SiloAddress Other = SiloAddress.New(IPAddress.Parse("2001:db8::1"), 11111, 2);
    private static readonly DateTime Now = new(2025, 2, 3, 4, 5, 6, 789, DateTimeKind.Utc);
    private readonly TemporaryDirectory _data = new();
    private IHost _host = null!;
    private IMembershipTable _table = null!;

    public async Task InitializeAsync()
    {
        if (PostgresBinaries.Directory is null) return;
        var connectionString = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo.UsePostgresClustering().ConfigureEndpoints(IPAddress.Loopback, Processes.FreePorts.Next(), 0).AddOrleansLog(options =>
        {
            options.DataDirectory = _data.Path;
            options.Metadata.ConnectionString = connectionString;
        }));
        _host = builder.Build();
        await _host.Services.GetRequiredService<OrleansLog.Grains.Storage.MetadataDatabase>().EnsureSchemaAsync(CancellationToken.None);
        _table = _host.Services.GetRequiredService<IMembershipTable>();
        await _table.InitializeMembershipTable(tryInitTableVersion: true);
    }

    public Task DisposeAsync()
    {
        _host?.Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _data.Dispose();

    [PostgresFact]
    public async Task A_silo_that_is_inserted_is_read_as_it_was_written()
    {
        Assert.Empty((await _table.ReadAll()).Members);
        var start = (await _table.ReadAll()).Version;
        Assert.True(await _table.InsertRow(Entry(One), start.Next()));
        Assert.True(await _table.InsertRow(Entry(Other), (await _table.ReadAll()).Version.Next()));

        var all = await _table.ReadAll();
        Assert.Equal(start.Version + 2, all.Version.Version);
        Assert.Equal(2, all.Members.Count);
        var (entry, _) = Assert.Single((await _table.ReadRow(Other)).Members);
        Assert.Equal(Other, entry.SiloAddress);
        Assert.Equal(("silo", "host", 30000, SiloStatus.Joining), (entry.SiloName, entry.HostName, entry.ProxyPort, entry.Status));
        Assert.Equal((Now, Now), (entry.StartTime.ToUniversalTime(), entry.IAmAliveTime.ToUniversalTime()));
    }

    [PostgresFact]
    public async Task A_writer_that_read_an_older_version_changes_nothing()
    {
        var start = (await _table.ReadAll()).Version;
        Assert.True(await _table.InsertRow(Entry(One), start.Next()));
        Assert.False(await _table.InsertRow(Entry(Other), start.Next()));
        Assert.False(await _table.UpdateRow(Entry(One, SiloStatus.Dead), string.Empty, start.Next()));

        var all = await _table.ReadAll();
        Assert.Equal(start.Version + 1, all.Version.Version);
        Assert.Equal(SiloStatus.Joining, Assert.Single(all.Members).Item1.Status);
    }

    [PostgresFact]
    public async Task A_row_that_is_there_is_not_inserted_and_one_that_is_missing_not_updated_and_the_version_stays()
    {
        Assert.True(await _table.InsertRow(Entry(One), (await _table.ReadAll()).Version.Next()));
        var before = (await _table.ReadAll()).Version;
        Assert.False(await _table.InsertRow(Entry(One, SiloStatus.Active), before.Next()));
        Assert.False(await _table.UpdateRow(Entry(Other), string.Empty, before.Next()));
        Assert.Equal(before.Version, (await _table.ReadAll()).Version.Version);
    }

    [PostgresFact]
    public async Task Of_many_who_change_the_same_version_one_succeeds()
    {
        Assert.True(await _table.InsertRow(Entry(One), (await _table.ReadAll()).Version.Next()));
        var next = (await _table.ReadAll()).Version.Next();
        var dead = Entry(One, SiloStatus.Dead);
        dead.AddSuspector(Other, Now);
        var won = await Task.WhenAll(
            Enumerable.Range(0, 12).Select(_ => Task.Run(() => _table.UpdateRow(dead, string.Empty, next))));
        Assert.Single(won, true);

        var (entry, _) = Assert.Single((await _table.ReadRow(One)).Members);
        Assert.Equal(SiloStatus.Dead, entry.Status);
        Assert.Equal(Other, Assert.Single(entry.SuspectTimes!).Item1);
    }

    [PostgresFact]
    public async Task A_signature_changes_no_version_and_the_dead_of_old_are_cleaned_away()
    {
        Assert.True(await _table.InsertRow(Entry(One, SiloStatus.Dead), (await _table.ReadAll()).Version.Next()));
        Assert.True(await _table.InsertRow(Entry(Other, SiloStatus.Active), (await _table.ReadAll()).Version.Next()));
        var version = (await _table.ReadAll()).Version.Version;
        var signed = Entry(Other);
        signed.IAmAliveTime = Now.AddMinutes(1);
        await _table.UpdateIAmAlive(signed);
        var (entry, _) = Assert.Single((await _table.ReadRow(Other)).Members);
        Assert.Equal((Now.AddMinutes(1), SiloStatus.Active), (entry.IAmAliveTime.ToUniversalTime(), entry.Status));

        await _table.CleanupDefunctSiloEntries(Now.AddHours(1));
        var all = await _table.ReadAll();
        Assert.Equal(Other, Assert.Single(all.Members).Item1.SiloAddress);
        Assert.Equal(version, all.Version.Version);
    }

    [PostgresFact]
    public async Task A_member_whose_signature_is_overdue_signs_and_reads_the_membership_and_others_are_left_alone()
    {
        var (late, prompt) = (Entry(One, SiloStatus.Active), Entry(Other, SiloStatus.Active));
        late.IAmAliveTime = DateTime.UtcNow.AddSeconds(-20);
        prompt.IAmAliveTime = DateTime.UtcNow;
        Assert.True(await _table.InsertRow(late, (await _table.ReadAll()).Version.Next()));
        Assert.True(await _table.InsertRow(prompt, (await _table.ReadAll()).Version.Next()));
        var version = (await _table.ReadAll()).Version.Version;
        var membership = new Refreshed();
        Assert.False(await PulseOf(Other).LookAsync(default));
        Assert.Equal(0, membership.Count);
        Assert.True(await PulseOf(One).LookAsync(default));
        Assert.Equal(1, membership.Count);

        var all = await _table.ReadAll();
        Assert.InRange(all.TryGet(One)!.Item1.IAmAliveTime.ToUniversalTime(), DateTime.UtcNow.AddSeconds(-5), DateTime.UtcNow.AddSeconds(5));
        Assert.Equal(version, all.Version.Version);
        Assert.False(await PulseOf(One).LookAsync(default));
        Assert.Equal(1, membership.Count);

        MembershipPulse PulseOf(SiloAddress silo) => new(
            (PostgresDatabase)_host.Services.GetRequiredService<OrleansLog.Grains.Storage.MetadataDatabase>(),
            membership,
            new LocalSilo(silo),
            _host.Services.GetRequiredService<IOptions<ClusterMembershipOptions>>(),
            TimeProvider.System,
            NullLogger<MembershipPulse>.Instance);
    }

    [PostgresFact]
    public async Task The_dead_have_no_vote()
    {
        var gone = SiloAddress.New(IPAddress.Parse("10.0.0.3"), 11111, 1);
        var third = SiloAddress.New(IPAddress.Parse("10.0.0.3"), 11111, 2);
        var suspect = Entry(One, SiloStatus.Active);
        foreach (var voter in (SiloAddress[])[Other, gone, third]) suspect.AddSuspector(voter, Now);
        var dead = Entry(Other, SiloStatus.Dead);
        dead.AddSuspector(gone, Now);
        foreach (var entry in (MembershipEntry[])[suspect, dead, Entry(third, SiloStatus.Active)])
        {
            Assert.True(await _table.InsertRow(entry, (await _table.ReadAll()).Version.Next()));
            Assert.True(await _table.UpdateRow(entry, string.Empty, (await _table.ReadAll()).Version.Next()));
        }

        // Neither one that is said to be dead nor one that is not even known any more; who is dead stays dead by whose word it was.
        var all = await _table.ReadAll();
        Assert.Equal(third, Assert.Single(all.TryGet(One)!.Item1.SuspectTimes!).Item1);
        Assert.Equal(gone, Assert.Single(all.TryGet(Other)!.Item1.SuspectTimes!).Item1);
    }

    [PostgresFact]
    public async Task A_silo_that_runs_has_read_what_came_before_its_word_once_that_is_written()
    {
        await _host.StartAsync();
        var membership = _host.Services.GetRequiredService<IClusterMembershipService>();
        var self = _host.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress;
        var seen = await _table.ReadAll();
        Assert.True(await _table.InsertRow(Entry(One, SiloStatus.Dead), seen.Version.Next()));
        var (entry, etag) = seen.TryGet(self)!;
        Assert.True(await _table.UpdateRow(entry, etag, seen.Version.Next()));

        Assert.Equal(seen.Version.Version + 2, (await _table.ReadAll()).Version.Version);
        Assert.InRange(membership.CurrentSnapshot.Version.Value, seen.Version.Version + 2, long.MaxValue);
        Assert.Contains(One, membership.CurrentSnapshot.Members.Keys);
        await _host.StopAsync();
    }

    private sealed class Refreshed : IClusterMembershipService
    {
        public int Count { get; private set; }

        public ClusterMembershipSnapshot CurrentSnapshot => throw new NotSupportedException();

        public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => throw new NotSupportedException();

        public ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default)
        {
            Count++;
            return ValueTask.CompletedTask;
        }

        public Task<bool> TryKill(SiloAddress siloAddress) => throw new NotSupportedException();
    }

    private static MembershipEntry Entry(SiloAddress silo, SiloStatus status = SiloStatus.Joining) => new()
    {
        SiloAddress = silo,
        SiloName = "silo",
        HostName = "host",
        ProxyPort = 30000,
        Status = status,
        StartTime = Now,
        IAmAliveTime = Now,
    };
}
