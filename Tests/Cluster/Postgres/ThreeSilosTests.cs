using Npgsql;
using OrleansLog.Client;
using OrleansLog.Grains.Failover;
using OrleansLog.Records;
using OrleansLog.Tests.Processes;
using Xunit;

namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>Three real silos and a real PostgreSQL.</summary>
[Collection(ProcessCollection.Name)]
public sealed class ThreeSilosTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [PostgresFact]
    public async Task They_are_one_cluster_that_takes_records_and_gives_them_back()
    {
        await using var cluster = await SiloCluster.StartAsync(await NewDatabaseAsync());
        await using var client = await cluster.ConnectAsync();
        var description = await client.Admin.DescribeClusterAsync();
        Assert.Equal([(1, "rack-1"), (2, "rack-2"), (3, "rack-3")], description.Nodes.Select(node => (node.NodeId, node.Rack!)));
        Assert.All(
            cluster.Setups,
            (setup, index) => Assert.Contains(description.ClusterId, cluster[index].Process.Output.Text, StringComparison.Ordinal));
        await ProduceAndReadAsync(client, "first");
    }

    [PostgresFact]
    public async Task A_silo_that_was_killed_is_a_member_again_when_it_is_started_again_and_so_are_all()
    {
        await using var cluster = await SiloCluster.StartAsync(await NewDatabaseAsync());
        await cluster[1].KillAsync();
        // It was killed while another node, which is gone by now, rehearsed with it.
        var leftover = Path.Combine(cluster.Setups[1].DataDirectory, RehearsalTopic.PartitionFor(9, 2).ToString());
        Directory.CreateDirectory(leftover);
        await cluster.StartAsync(1);
        await WhenActiveAsync(cluster, 3);
        Assert.False(Directory.Exists(leftover));

        for (var index = 0; index < 3; index++) await cluster[index].KillAsync();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(cluster.StartAsync));
        await WhenActiveAsync(cluster, 3);
        await using var client = await cluster.ConnectAsync();
        await ProduceAndReadAsync(client, "after");
    }

    [PostgresFact]
    public async Task One_silo_of_three_that_were_killed_starts_alone()
    {
        await using var cluster = await SiloCluster.StartAsync(await NewDatabaseAsync());
        for (var index = 0; index < 3; index++) await cluster[index].KillAsync();
        await cluster.StartAsync(2);
        await WhenActiveAsync(cluster, 1);
    }

    [PostgresFact]
    public async Task A_silo_with_the_node_id_of_one_that_runs_and_one_with_the_data_of_another_cluster_are_refused()
    {
        await using var cluster = await SiloCluster.StartAsync(await NewDatabaseAsync(), count: 1);
        var twin = cluster.Another("twin", ("OrleansLog:NodeId", "1"));
        await CannotStartAsync(
            twin, "Node id 1", $"127.0.0.1:{cluster.Setups[0].SiloPort}", cluster.Setups[0].DataDirectory, twin.DataDirectory);
        Assert.False(File.Exists(Path.Combine(twin.DataDirectory, "meta.properties")));

        await using var other = await SiloCluster.StartAsync(await NewDatabaseAsync(), count: 1);
        await other[0].StopAsync();
        await CannotStartAsync(
            other.Setups[0] with { Settings = cluster.Setups[0].Settings }, "belongs to cluster", other.Setups[0].DataDirectory);

        await using var third = await SiloProcess.StartAsync(cluster.Another("third"));
        Assert.Contains("as node 2 of cluster", third.Process.Output.Text, StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task A_database_that_cannot_be_reached_is_named_without_its_password()
    {
        using var data = new TemporaryDirectory();
        var setup = SiloSetup.In(data["d"]) with
        {
            Settings = new Dictionary<string, string>
            {
                ["OrleansLog:Metadata:ConnectionString"] = $"Host=127.0.0.1;Port={FreePorts.Next()};Username=u;Password=secret;Database=d",
                ["OrleansLog:Metadata:StartTimeout"] = "00:00:01",
            },
        };
        var errors = await CannotStartAsync(setup, "/d' cannot be opened", "127.0.0.1");
        Assert.DoesNotContain("secret", errors, StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task Silos_outlive_their_database_and_go_on_with_it_when_it_is_back()
    {
        await using var server = await PostgresServer.StartNewAsync();
        await using var cluster = await SiloCluster.StartAsync(await server.CreateDatabaseAsync());
        await using var client = await cluster.ConnectAsync();
        await using var producer = await OpenTopicAsync(client, "before");
        await using var members = await GroupMembers.StartAsync(client, "before");

        await server.StopAsync();
        // Longer than a silo may be silent before others hold it for dead, and than several looks at the table.
        var until = DateTime.UtcNow.AddSeconds(25);
        var commits = members.Commits;
        var produced = 0;
        for (var record = 0; DateTime.UtcNow < until; record++, produced++)
        {
            await producer.ProduceAsync("before", $"{record}", "more").AsTask().WaitAsync(Limit);
            await Task.Delay(100);
        }

        // Groups go on, too.
        Assert.True(members.Commits - commits > produced * 0.8, $"Of {produced} records {members.Commits - commits} were read and committed.");
        for (var index = 0; index < 3; index++) Assert.False(cluster[index].Process.HasExited, cluster[index].Process.Describe());

        await server.StartAsync();
        await WhenActiveAsync(cluster, 3);
        await ProduceAndReadAsync(client, "after");
        // Nobody was taken for dead and came back as another silo.
        Assert.Equal(3L, await QueryAsync(cluster, "SELECT COUNT(*) FROM OrleansMembershipTable"));
    }

    private static async Task<string> NewDatabaseAsync() => await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();

    private static async Task<Producer<string, string>> OpenTopicAsync(OrleansLogClient client, string topic)
    {
        await client.Admin.CreateTopicAsync(topic, partitions: 6);
        var producer = client.CreateProducer(new ProducerOptions<string, string>());
        foreach (var partition in Enumerable.Range(0, 6))
            await producer.ProduceAsync(new ProducerRecord<string, string>(topic, "key", "first") { Partition = partition });
        return producer;
    }

    private static async Task ProduceAndReadAsync(OrleansLogClient client, string topic)
    {
        await using (var producer = await OpenTopicAsync(client, topic))
        {
            await Task.WhenAll(Enumerable.Range(0, 100).Select(record => producer.ProduceAsync(topic, $"key-{record}", $"{record}").AsTask()));
        }

        await using var reader = client.CreateConsumer(new ConsumerOptions<string, string> { StopAtEnd = true });
        reader.Assign(Enumerable.Range(0, 6).Select(
            partition => KeyValuePair.Create(new TopicPartition(topic, partition), LogPosition.Beginning)));
        var read = new List<string>();
        using var limit = new CancellationTokenSource(Limit);
        await foreach (var record in reader.ConsumeAsync(limit.Token)) read.Add(record.Value!);
        Assert.Equal(6, read.Count(static value => value == "first"));
        Assert.Equal(Enumerable.Range(0, 100), read.Where(static value => value != "first").Select(int.Parse).Order());
    }

    private static async Task<string> CannotStartAsync(SiloSetup setup, params string[] words)
    {
        await using var silo = SiloProcess.Launch(setup);
        Assert.Equal(1, await silo.WaitForExitAsync(Limit));
        var errors = silo.Errors.Text;
        Assert.StartsWith("OrleansLog cannot start: ", errors.Split('\n')[^1], StringComparison.Ordinal);
        Assert.All(words, word => Assert.Contains(word, errors, StringComparison.Ordinal));
        return errors;
    }

    private static async Task WhenActiveAsync(SiloCluster cluster, int count)
    {
        using var limit = new CancellationTokenSource(Limit);
        while ((long)(await QueryAsync(cluster, "SELECT COUNT(*) FROM OrleansMembershipTable WHERE Status = 3"))! != count)
            await Task.Delay(50, limit.Token);
    }

    private static async Task<object?> QueryAsync(SiloCluster cluster, string sql)
    {
        await using var connection = new NpgsqlConnection(cluster.ConnectionString + ";Pooling=False;Search Path=orleanslog");
        await connection.OpenAsync();
#pragma warning disable CA2100 // the test's own text
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }

    /// <summary>A group of one that reads a topic and commits.</summary>
    private sealed class GroupMembers : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private Task _loop = Task.CompletedTask;
        private long _commits;

        public long Commits => Interlocked.Read(ref _commits);

        public static async Task<GroupMembers> StartAsync(OrleansLogClient client, string topic)
        {
            var members = new GroupMembers();
            members._loop = Task.Run(() => members.RunAsync(client, topic));
            for (var until = DateTime.UtcNow + Limit; members.Commits < 2; await Task.Delay(20))
            {
                if (members._loop.IsCompleted) await members._loop;
                Assert.True(DateTime.UtcNow < until, "The group does not commit.");
            }

            return members;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            try
            {
                await _loop;
            }
            catch (OperationCanceledException)
            {
                // It was told to stop.
            }

            _stop.Dispose();
        }

        private async Task RunAsync(OrleansLogClient client, string topic)
        {
            await using var consumer = client.CreateConsumer(new ConsumerOptions<string, string>
            {
                GroupId = "members", EnableAutoCommit = false, AutoOffsetReset = AutoOffsetReset.Earliest,
            });
            consumer.Subscribe([topic]);
            await foreach (var record in consumer.ConsumeAsync(_stop.Token))
            {
                await consumer.CommitAsync(record, _stop.Token);
                Interlocked.Increment(ref _commits);
            }
        }
    }
}
