using Npgsql;
using OrleansLog.Grains.Storage.Postgres;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>The schema of the metadata store, made and brought up to date by whoever starts.</summary>
public sealed class PostgresSchemaTests : IAsyncLifetime
{
    private string _connectionString = null!;

    public async Task InitializeAsync()
    {
        if (PostgresBinaries.Directory is not null)
            _connectionString = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [PostgresFact]
    public async Task It_is_made_once_by_many_who_start_at_the_same_time()
    {
        var databases = Enumerable.Range(0, 6).Select(_ => new PostgresDatabase(_connectionString)).ToArray();
        await Task.WhenAll(databases.Select(database => database.EnsureSchemaAsync(CancellationToken.None)));
        foreach (var database in databases) database.Dispose();
        Assert.Equal(PostgresSchema.CurrentVersion, await QueryAsync("SELECT Version FROM OrleansLogSchema"));
        Assert.Equal(13L, await QueryAsync("SELECT COUNT(*) FROM OrleansQuery"));
    }

    [PostgresFact]
    public async Task It_is_apart_from_what_else_is_in_the_database()
    {
        await QueryAsync("CREATE TABLE public.OrleansQuery (Mine text); INSERT INTO public.OrleansQuery VALUES ('x'); SELECT 1");
        await EnsureAsync();
        Assert.Equal("x", await QueryAsync("SELECT Mine FROM public.OrleansQuery"));
        Assert.Equal(
            0L, await QueryAsync("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'orleansquery'"));

        _connectionString += ";Search Path=Other";
        await EnsureAsync();
        Assert.Equal(1L, await QueryAsync("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'other' AND tablename = 'orleansstorage'"));
    }

    [PostgresFact]
    public async Task An_older_one_is_brought_up_to_date_and_keeps_its_rows()
    {
        await EnsureAsync();
        await QueryAsync(
            """
            INSERT INTO OrleansLogCluster (Id, ClusterId, NextNodeId) VALUES (1, 'kept', 7);
            UPDATE OrleansLogSchema SET Version = 0; DELETE FROM OrleansQuery WHERE QueryKey LIKE 'Clear%';
            DROP TABLE OrleansLogNode; SELECT 1
            """);
        await EnsureAsync();
        Assert.Equal(PostgresSchema.CurrentVersion, await QueryAsync("SELECT Version FROM OrleansLogSchema"));
        Assert.Equal(13L, await QueryAsync("SELECT COUNT(*) FROM OrleansQuery"));
        Assert.Equal("kept", await QueryAsync("SELECT ClusterId FROM OrleansLogCluster"));
        Assert.Equal(0L, await QueryAsync("SELECT COUNT(*) FROM OrleansLogNode"));
    }

    [PostgresFact]
    public async Task A_newer_one_is_refused_and_left_alone()
    {
        await EnsureAsync();
        await QueryAsync("UPDATE OrleansLogSchema SET Version = 99; DELETE FROM OrleansQuery; SELECT 1");
        var error = await Assert.ThrowsAsync<OrleansLogException>(EnsureAsync);
        Assert.Equal(ErrorCode.UnsupportedVersion, error.Error);
        Assert.Contains("99", error.Message, StringComparison.Ordinal);
        Assert.Equal(0L, await QueryAsync("SELECT COUNT(*) FROM OrleansQuery"));
    }

    private async Task EnsureAsync()
    {
        using var database = new PostgresDatabase(_connectionString);
        await database.EnsureSchemaAsync(CancellationToken.None);
    }

    private async Task<object?> QueryAsync(string sql)
    {
        using var database = new PostgresDatabase(_connectionString);
        await using var connection = (NpgsqlConnection)await database.Source.OpenConnectionAsync();
#pragma warning disable CA2100 // the test's own text
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }
}
