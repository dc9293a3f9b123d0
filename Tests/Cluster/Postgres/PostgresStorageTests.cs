using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orleans.Serialization;
using Orleans.Storage;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Storage.Postgres;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>Orleans' ADO.NET grain storage on the project's own PostgreSQL schema.</summary>
public sealed class PostgresStorageTests : IAsyncLifetime
{
    private static readonly GrainId Grain = GrainId.Create("topic", "orders");
    private readonly ServiceProvider _services = new ServiceCollection().AddLogging().AddSerializer().BuildServiceProvider();
    private PostgresDatabase _database = null!;
    private MetadataStorage _storage = null!;

    public async Task InitializeAsync()
    {
        if (PostgresBinaries.Directory is null) return;
        _database = new PostgresDatabase(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());
        _storage = await OpenAsync(_database);
    }

    public async Task DisposeAsync()
    {
        _database?.Dispose();
        await _services.DisposeAsync();
    }

    [PostgresFact]
    public async Task What_is_written_is_read_by_another_silo()
    {
        var written = State(new TopicState { Id = Guid.NewGuid(), Assignment = [[1, 2], [2, 1]], Overrides = new() { ["a"] = "b" } });
        await _storage.WriteStateAsync("topic", Grain, written);
        Assert.Equal("1", written.ETag);

        using var database = new PostgresDatabase(_database.Source.ConnectionString);
        var other = await OpenAsync(database);
        var read = await ReadAsync(other);
        Assert.True(read.RecordExists);
        Assert.Equal("1", read.ETag);
        Assert.Equal(written.State!.Id, read.State!.Id);
        Assert.Equal([[1, 2], [2, 1]], read.State!.Assignment);
        Assert.Equal("b", read.State!.Overrides["a"]);
    }

    [PostgresFact]
    public async Task What_was_never_written_does_not_exist()
    {
        var read = await ReadAsync(_storage);
        Assert.False(read.RecordExists);
        Assert.Null(read.ETag);
    }

    [PostgresFact]
    public async Task Of_many_writers_who_read_the_same_version_one_succeeds_and_the_others_change_nothing()
    {
        await _storage.WriteStateAsync("topic", Grain, State(new TopicState()));
        var writers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => ReadAsync(_storage)));
        foreach (var writer in writers) writer.State = new TopicState { Id = Guid.NewGuid() };
        var won = await WinnersAsync(writers.Select(writer => _storage.WriteStateAsync("topic", Grain, writer)));

        var winner = writers[Assert.Single(won)];
        var read = await ReadAsync(_storage);
        Assert.Equal(winner.State!.Id, read.State!.Id);
        Assert.Equal("2", read.ETag);
        await _storage.WriteStateAsync("topic", Grain, winner);
        Assert.Equal("3", winner.ETag);
    }

    [PostgresFact]
    public async Task Of_many_first_writers_exactly_one_succeeds() =>
        Assert.Single(await WinnersAsync(
            Enumerable.Range(0, 16).Select(_ => _storage.WriteStateAsync("topic", Grain, State(new TopicState())))));

    [PostgresFact]
    public async Task A_cleared_state_is_gone_and_an_outdated_clearing_fails()
    {
        var state = State(new TopicState { Id = Guid.NewGuid() });
        await _storage.WriteStateAsync("topic", Grain, state);
        var outdated = await ReadAsync(_storage);
        await _storage.WriteStateAsync("topic", Grain, state);
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.ClearStateAsync("topic", Grain, outdated));
        Assert.True((await ReadAsync(_storage)).RecordExists);

        await _storage.ClearStateAsync("topic", Grain, state);
        Assert.False((await ReadAsync(_storage)).RecordExists);
        Assert.Equal(0L, await QueryAsync("SELECT COUNT(*) FROM OrleansStorage"));
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync("topic", Grain, outdated));
        await _storage.WriteStateAsync("topic", Grain, state);
        Assert.Equal("1", state.ETag);
    }

    [PostgresFact]
    public async Task Keys_of_any_characters_are_kept_apart()
    {
        string[] keys =
        [
            "a", "A", "0a", "0000000000000000000000000000000A", "a+b", "a+B", "ä", "a\u0308", "ß", "ss", "a'b", "a\"b", "a\\b",
            "a b", "a b ", " a", "a\tb", "a%b", "a_b", "@ServiceId", "$1", ":x", "'; DROP TABLE OrleansStorage; --", "日本", "\U0001F600",
            "a\0b",
        ];
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

    [PostgresFact]
    public async Task A_database_that_fails_is_a_storage_error_that_names_it_and_is_read_again_when_it_is_back()
    {
        await using var server = await PostgresServer.StartNewAsync();
        using var database = new PostgresDatabase(await server.CreateDatabaseAsync() + ";Timeout=2");
        var storage = await OpenAsync(database);
        await storage.WriteStateAsync("topic", Grain, State(new TopicState()));
        await server.StopAsync();
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => ReadAsync(storage));
        Assert.Equal(ErrorCode.KafkaStorageError, error.Error);
        Assert.Contains(database.Name, error.Message, StringComparison.Ordinal);

        await server.StartAsync();
        Assert.True((await ReadAsync(storage)).RecordExists);
        // A restart that nobody saw: the connections of before are dead, and the reader must not be told so.
        await server.StopAsync();
        await server.StartAsync();
        Assert.True((await ReadAsync(storage)).RecordExists);
    }

    private static GrainState<TopicState> State(TopicState state) => new(state);

    private static async Task<GrainState<TopicState>> ReadAsync(MetadataStorage storage)
    {
        var state = State(new TopicState());
        await storage.ReadStateAsync("topic", Grain, state);
        return state;
    }

    /// <summary>Which of the writes succeeded; the others must have met a conflict.</summary>
    private static async Task<IReadOnlyList<int>> WinnersAsync(IEnumerable<Task> writes)
    {
        var won = await Task.WhenAll(writes.Select(async (write, index) =>
        {
            try
            {
                await write;
                return index;
            }
            catch (InconsistentStateException)
            {
                return -1;
            }
        }));
        return [.. won.Where(static index => index >= 0)];
    }

    private async Task<MetadataStorage> OpenAsync(PostgresDatabase database)
    {
        var storage = new MetadataStorage(_services, database);
        await new TestLifecycle().StartAsync(storage);
        return storage;
    }

    private async Task<object?> QueryAsync(string sql)
    {
        await using var connection = (NpgsqlConnection)await _database.Source.OpenConnectionAsync();
#pragma warning disable CA2100 // the test's own text
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }
}
