using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.Storage;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Storage.Sqlite;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Grains;

/// <summary>Orleans' ADO.NET provider on the project's own SQLite schema.</summary>
public sealed class MetadataStorageTests : IAsyncLifetime, IDisposable
{
    private static readonly GrainId Grain = GrainId.Create("topic", "orders");
    private readonly TemporaryDirectory _folder = new();
    private ServiceProvider _services = null!;
    private SqliteDatabase _database = null!;
    private MetadataStorage _storage = null!;

    public async Task InitializeAsync()
    {
        _services = new ServiceCollection().AddLogging().AddSerializer().BuildServiceProvider();
        _storage = await OpenAsync();
    }

    public async Task DisposeAsync()
    {
        _database.Dispose();
        await _services.DisposeAsync();
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_is_written_is_read_after_a_restart()
    {
        var written = State(new TopicState { Id = Guid.NewGuid(), Assignment = [[1, 2], [2, 1]], Overrides = new() { ["a"] = "b" } });
        await _storage.WriteStateAsync("topic", Grain, written);
        Assert.Equal("1", written.ETag);
        Assert.True(written.RecordExists);

        _storage = await OpenAsync();
        var read = await ReadAsync();
        Assert.True(read.RecordExists);
        Assert.Equal("1", read.ETag);
        Assert.Equal(written.State!.Id, read.State!.Id);
        Assert.Equal([[1, 2], [2, 1]], read.State!.Assignment);
        Assert.Equal("b", read.State!.Overrides["a"]);
    }

    [Fact]
    public async Task Hundreds_of_changes_need_no_more_room_on_the_disk_than_was_taken_at_the_start()
    {
        var before = Sizes();
        Assert.True(before.Log >= SqliteReserve.Bytes, $"{before}");
        for (var i = 0; i < 500; i++)
            await _storage.WriteStateAsync("topic", GrainId.Create("topic", $"topic-{i}"), State(new TopicState { Id = Guid.NewGuid() }));
        Assert.Equal(before, Sizes());

        (long File, long Log) Sizes() => (new FileInfo(_database.Name).Length, new FileInfo(_database.Name + "-wal").Length);
    }

    [Fact]
    public async Task What_was_never_written_does_not_exist()
    {
        var read = await ReadAsync();
        Assert.False(read.RecordExists);
        Assert.Null(read.ETag);
        Assert.Equal(Guid.Empty, read.State!.Id);
    }

    [Fact]
    public async Task Of_two_writers_who_read_the_same_version_one_fails_and_changes_nothing()
    {
        await _storage.WriteStateAsync("topic", Grain, State(new TopicState()));
        var (one, other) = (await ReadAsync(), await ReadAsync());
        one.State = new TopicState { Id = Guid.NewGuid() };
        other.State = new TopicState { Id = Guid.NewGuid() };
        await _storage.WriteStateAsync("topic", Grain, one);
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync("topic", Grain, other));

        var read = await ReadAsync();
        Assert.Equal(one.State!.Id, read.State!.Id);
        Assert.Equal("2", read.ETag);
        await _storage.WriteStateAsync("topic", Grain, one);
        Assert.Equal("3", one.ETag);
    }

    [Fact]
    public async Task Of_many_first_writers_exactly_one_succeeds()
    {
        var wins = await Task.WhenAll(Enumerable.Range(0, 16).Select(async _ =>
        {
            try
            {
                await _storage.WriteStateAsync("topic", Grain, State(new TopicState()));
                return 1;
            }
            catch (InconsistentStateException)
            {
                return 0;
            }
        }));
        Assert.Equal(1, wins.Sum());
    }

    [Fact]
    public async Task A_cleared_state_is_gone_and_an_outdated_clearing_fails()
    {
        var state = State(new TopicState { Id = Guid.NewGuid() });
        await _storage.WriteStateAsync("topic", Grain, state);
        var outdated = await ReadAsync();
        await _storage.WriteStateAsync("topic", Grain, state);
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.ClearStateAsync("topic", Grain, outdated));
        Assert.True((await ReadAsync()).RecordExists);

        await _storage.ClearStateAsync("topic", Grain, state);
        Assert.False(state.RecordExists);
        Assert.False((await ReadAsync()).RecordExists);
        Assert.Equal(0L, Query("SELECT COUNT(*) FROM OrleansStorage"));

        // Whoever held the state before it was cleared cannot bring it back.
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync("topic", Grain, outdated));
        await _storage.WriteStateAsync("topic", Grain, state);
        Assert.Equal("1", state.ETag);
    }

    [Fact]
    public async Task States_of_one_grain_and_keys_that_are_the_same_number_are_kept_apart()
    {
        string[] keys = ["a", "A", "0a", "0000000000000000000000000000000a", "0000000000000000000000000000000A", "a+b", "a+B"];
        foreach (var stateName in (string[])["one", "two"])
        {
            foreach (var key in keys)
            {
                var state = State(new TopicState { Overrides = new() { ["is"] = stateName + key } });
                await _storage.WriteStateAsync(stateName, GrainId.Create("g", key), state);
            }
        }

        foreach (var stateName in (string[])["one", "two"])
        {
            foreach (var key in keys)
            {
                var state = State(new TopicState());
                await _storage.ReadStateAsync(stateName, GrainId.Create("g", key), state);
                Assert.Equal(stateName + key, state.State!.Overrides["is"]);
            }
        }
    }

    [Fact]
    public void A_committed_write_survives_a_power_loss()
    {
        using var source = new SqliteDataSource(ConnectionString);
        using var connection = source.OpenConnection();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA synchronous";
        Assert.Equal(2L, command.ExecuteScalar());
        command.CommandText = "PRAGMA journal_mode";
        Assert.Equal("wal", command.ExecuteScalar());
    }

    [Fact]
    public async Task The_schema_is_made_once_however_often_it_is_asked_for()
    {
        await _storage.WriteStateAsync("topic", Grain, State(new TopicState()));
        using var source = new SqliteDataSource(ConnectionString);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => SqliteSchema.Ensure(source))));
        Assert.Equal(1L, Query("SELECT Version FROM OrleansLogSchema"));
        Assert.True((await ReadAsync()).RecordExists);

        // An older store, or one whose making was interrupted, is brought up to date without losing a row.
        Query("UPDATE OrleansLogSchema SET Version = 0; DELETE FROM OrleansQuery WHERE QueryKey = 'ClearStorageKey'; SELECT 1");
        SqliteSchema.Ensure(source);
        Assert.Equal(4L, Query("SELECT COUNT(*) FROM OrleansQuery"));
        Assert.True((await ReadAsync()).RecordExists);
    }

    [Fact]
    public void A_store_of_a_newer_version_is_refused()
    {
        Query("UPDATE OrleansLogSchema SET Version = 99; SELECT 1");
        using var source = new SqliteDataSource(ConnectionString);
        var error = Assert.Throws<OrleansLogException>(() => SqliteSchema.Ensure(source));
        Assert.Equal(ErrorCode.UnsupportedVersion, error.Error);
        Assert.Contains("99", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused_with_its_name()
    {
        await File.WriteAllTextAsync(_folder.File("other.db"), new string('x', 5000));
        using var database = new SqliteDatabase($"Data Source={_folder.File("other.db")}");
        var storage = new MetadataStorage(_services, database);
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => new TestLifecycle().StartAsync(storage));
        Assert.Equal(ErrorCode.KafkaStorageError, error.Error);
        Assert.Contains("other.db", error.Message, StringComparison.Ordinal);
    }

    private string ConnectionString => $"Data Source={_folder.File("metadata.db")}";

    private static GrainState<TopicState> State(TopicState state) => new(state);

    private async Task<GrainState<TopicState>> ReadAsync()
    {
        var state = State(new TopicState());
        await _storage.ReadStateAsync("topic", Grain, state);
        return state;
    }

    private async Task<MetadataStorage> OpenAsync()
    {
        _database?.Dispose();
        _database = new SqliteDatabase(ConnectionString);
        var storage = new MetadataStorage(_services, _database);
        await new TestLifecycle().StartAsync(storage);
        return storage;
    }

    private object? Query(string sql)
    {
        using var connection = new SqliteConnection(ConnectionString + ";Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // the test's own text
        command.CommandText = sql;
#pragma warning restore CA2100
        return command.ExecuteScalar();
    }
}
