using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Grains;

public sealed class CatalogTests : IDisposable
{
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Topics_outlive_the_silo()
    {
        TopicDescription made;
        long version;
        await using (var cluster = await LogCluster.StartAsync(_data.Path))
        {
            made = await cluster.CreateTopicAsync("orders", 3, new Dictionary<string, string> { ["retention.ms"] = "1000" });
            version = await cluster.Catalog.GetTopicsVersion();
        }

        await using (var cluster = await LogCluster.StartAsync(_data.Path))
        {
            var found = await cluster.Grains.GetTopic("orders").Describe();
            Assert.Equal(made.Id, found.Id);
            Assert.Equal(3, found.Partitions.Count);
            Assert.Equal("1000", found.Overrides["retention.ms"]);
            Assert.Equal("1000", found.Configs["retention.ms"]);
            Assert.Equal("1", found.Configs["flush.messages"]);
            var listed = Assert.Single((await cluster.Catalog.ListTopics()).Topics);
            Assert.Equal(new TopicListing("orders", made.Id, 3, 1, false), listed);
            Assert.Equal(version, await cluster.Catalog.GetTopicsVersion());
        }
    }

    [Fact]
    public async Task Names_that_a_number_parser_takes_for_one_are_different_topics()
    {
        string[] names = ["a", "A", "0a", "10", "010", "00000000-0000-0000-0000-00000000000a", "0000000000000000000000000000000A"];
        await using (var cluster = await LogCluster.StartAsync(_data.Path))
        {
            for (var i = 0; i < names.Length; i++) await cluster.CreateTopicAsync(names[i], i + 1);
        }

        await using (var cluster = await LogCluster.StartAsync(_data.Path))
        {
            for (var i = 0; i < names.Length; i++)
                Assert.Equal(i + 1, (await cluster.Grains.GetTopic(names[i]).Describe()).Partitions.Count);
        }
    }

    [Fact]
    public async Task A_name_against_the_rules_is_refused()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        (string Name, string Reason)[] cases =
        [
            ("", "empty"), (".", "'.'"), ("..", "'..'"), ("a b", "U+0020"), ("a/b", "'/'"), ("größe", "U+00F6"),
            ("__consumer_offsets", "internal"), (new string('x', 250), "249"),
        ];
        foreach (var (name, reason) in cases)
        {
            var error = await Assert.ThrowsAsync<OrleansLogException>(() => cluster.CreateTopicAsync(name));
            Assert.Equal(ErrorCode.InvalidTopic, error.Error);
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        }

        await cluster.CreateTopicAsync(new string('x', 249));
    }

    [Fact]
    public async Task Requests_out_of_bounds_are_refused_with_name_value_and_bound()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path, options => options.MaxTopics = 2);
        await cluster.CreateTopicAsync("a.b");

        await Refused(ErrorCode.TopicAlreadyExists, new("a.b", 1, 1, NoConfigs), "'a.b' exists");
        await Refused(ErrorCode.InvalidTopic, new("a_b", 1, 1, NoConfigs), "'a.b'");
        await Refused(ErrorCode.InvalidPartitions, new("t", 0, 1, NoConfigs), "asks for 0 partitions");
        await Refused(ErrorCode.InvalidPartitions, new("t", 10_001, 1, NoConfigs), "MaxPartitionsPerTopic");
        await Refused(ErrorCode.InvalidReplicationFactor, new("t", 1, 3, NoConfigs), "of 3", "which is 1");
        await Refused(ErrorCode.InvalidReplicationFactor, new("t", 1, 0, NoConfigs), "of 0");
        await Refused(
            ErrorCode.InvalidConfig, new("t", 1, 1, new Dictionary<string, string> { ["retention.mss"] = "1" }), "retention.ms?");
        await Refused(
            ErrorCode.InvalidConfig, new("t", 1, 1, new Dictionary<string, string> { ["retention.ms"] = "soon" }), "'soon'");
        await cluster.CreateTopicAsync("second");
        await Refused(ErrorCode.PolicyViolation, new("third", 1, 1, NoConfigs), "OrleansLog:MaxTopics");
        Assert.Equal(2, (await cluster.Catalog.ListTopics()).Topics.Count);

        async Task Refused(ErrorCode code, CreateTopicRequest request, params string[] words)
        {
            var error = await Assert.ThrowsAsync<OrleansLogException>(() => cluster.Catalog.CreateTopic(request));
            Assert.Equal(code, error.Error);
            Assert.All(words, word => Assert.Contains(word, error.Message, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Validation_makes_nothing()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path, options => options.DefaultPartitions = 4);
        var planned = await cluster.Catalog.CreateTopic(new("t", -1, -1, NoConfigs, ValidateOnly: true));
        Assert.Equal(4, planned.Partitions.Count);
        Assert.Empty((await cluster.Catalog.ListTopics()).Topics);
        await Unknown(() => cluster.Grains.GetTopic("t").Describe());
    }

    [Fact]
    public async Task A_deleted_topic_is_gone_and_its_name_is_free()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        var first = await cluster.CreateTopicAsync("t");
        var before = await cluster.Catalog.GetTopicsVersion();
        await cluster.Catalog.DeleteTopic("t");
        Assert.True(await cluster.Catalog.GetTopicsVersion() > before);
        await Unknown(() => cluster.Grains.GetTopic("t").Describe());
        await Unknown(() => cluster.Catalog.DeleteTopic("t"));
        var second = await cluster.CreateTopicAsync("t");
        Assert.NotEqual(first.Id, second.Id);
    }

    [Fact]
    public async Task Configurations_are_altered_all_or_none()
    {
        await using var cluster = await LogCluster.StartAsync(
            _data.Path, options => options.TopicDefaults["retention.ms"] = "5000");
        await cluster.CreateTopicAsync("t", 2, new Dictionary<string, string> { ["segment.ms"] = "7" });
        var topic = cluster.Grains.GetTopic("t");

        var error = await Assert.ThrowsAsync<OrleansLogException>(() => topic.AlterConfig(
            new Dictionary<string, string?> { ["retention.ms"] = "9", ["segment.bytes"] = "x" }, validateOnly: false));
        Assert.Equal(ErrorCode.InvalidConfig, error.Error);
        Assert.Equal("5000", (await topic.Describe()).Configs["retention.ms"]);

        var planned = await topic.AlterConfig(new Dictionary<string, string?> { ["retention.ms"] = "9" }, validateOnly: true);
        Assert.Equal("9", planned.Configs["retention.ms"]);
        Assert.Equal("5000", (await topic.Describe()).Configs["retention.ms"]);

        await topic.AlterConfig(
            new Dictionary<string, string?> { ["retention.ms"] = "9", ["segment.ms"] = null }, validateOnly: false);
        var altered = await topic.Describe();
        Assert.Equal("9", altered.Configs["retention.ms"]);
        Assert.DoesNotContain("segment.ms", altered.Overrides.Keys);

        error = await Assert.ThrowsAsync<OrleansLogException>(() => topic.AlterConfig(
            new Dictionary<string, string?> { ["retention.sm"] = null }, validateOnly: false));
        Assert.Contains("retention.ms", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Partitions_are_added_and_never_taken_away()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t", 2);
        var topic = cluster.Grains.GetTopic("t");
        var before = await cluster.Catalog.GetTopicsVersion();
        Assert.Equal(5, (await topic.CreatePartitions(5)).Partitions.Count);
        Assert.Equal(5, (await cluster.Catalog.ListTopics()).Topics[0].PartitionCount);
        Assert.True(await cluster.Catalog.GetTopicsVersion() > before);
        foreach (var count in (int[])[5, 4, 0, 10_001])
        {
            var error = await Assert.ThrowsAsync<OrleansLogException>(() => topic.CreatePartitions(count));
            Assert.Equal(ErrorCode.InvalidPartitions, error.Error);
        }
    }

    [Fact]
    public async Task Producer_ids_are_never_handed_out_twice()
    {
        var ids = new HashSet<long>();
        for (var run = 0; run < 2; run++)
        {
            var cluster = await LogCluster.StartAsync(_data.Path);
            var blocks = await Task.WhenAll(Enumerable.Range(1, 20).Select(count => cluster.Catalog.AllocateProducerIds(count)));
            foreach (var block in blocks)
            {
                for (var i = 0; i < block.Count; i++) Assert.True(ids.Add(block.FirstId + i));
            }

            await cluster.KillAsync();
        }

        Assert.Equal(420, ids.Count);
    }

    [Fact]
    public async Task Groups_are_listed_in_order_and_forgotten()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await Task.WhenAll("b c a b".Split(' ').Select(cluster.Catalog.RegisterGroup));
        Assert.Equal(["a", "b", "c"], await cluster.Catalog.ListGroups());
        await cluster.Catalog.UnregisterGroup("b");
        await cluster.Catalog.UnregisterGroup("never");
        Assert.Equal(["a", "c"], await cluster.Catalog.ListGroups());
    }

    [Fact]
    public async Task An_internal_topic_is_made_once_with_the_projects_settings()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path, options => options.OffsetsTopicPartitions = 3);
        var made = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => cluster.Catalog.EnsureInternalTopic("__consumer_offsets")));
        Assert.Single(made.Select(topic => topic.Id).Distinct());
        Assert.True(made[0].IsInternal);
        Assert.Equal(3, made[0].Partitions.Count);
        Assert.Equal("compact", made[0].Configs["cleanup.policy"]);
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => cluster.Catalog.DeleteTopic("__consumer_offsets"));
        Assert.Equal(ErrorCode.InvalidTopic, error.Error);
    }

    [Fact]
    public async Task The_cluster_describes_itself_by_its_data_directory()
    {
        string id;
        await using (var cluster = await LogCluster.StartAsync(_data.Path, options => options.NodeId = 7))
        {
            var described = await cluster.Catalog.DescribeCluster();
            id = described.ClusterId;
            Assert.Equal(new NodeDescription(7, null, "localhost", 0), Assert.Single(described.Nodes));
        }

        await using (var cluster = await LogCluster.StartAsync(_data.Path, options => options.Rack = "r1"))
        {
            var described = await cluster.Catalog.DescribeCluster();
            Assert.Equal(id, described.ClusterId);
            Assert.Equal(new NodeDescription(7, "r1", "localhost", 0), Assert.Single(described.Nodes));
        }
    }

    private static Dictionary<string, string> NoConfigs => [];

    private static async Task Unknown(Func<Task> action)
    {
        var error = await Assert.ThrowsAsync<OrleansLogException>(action);
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, error.Error);
    }
}
