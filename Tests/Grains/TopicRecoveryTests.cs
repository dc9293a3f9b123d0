using Microsoft.Data.Sqlite;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Grains;

/// <summary>A crash in the middle of making or deleting a topic, brought about by setting the store back to that point.</summary>
public sealed class TopicRecoveryTests : IDisposable
{
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_topic_that_was_being_made_is_completed(bool topicKnowsAlready)
    {
        var id = await MakeTopicAndStop();
        SetStage("\"Creating\",\"intent\":{\"assignment\":[[1],[1]],\"overrides\":{\"retention.ms\":\"5\"}}");
        if (!topicKnowsAlready) Execute("DELETE FROM OrleansStorage WHERE GrainTypeString = 'topic'");

        await using var cluster = await LogCluster.StartAsync(_data.Path);
        Assert.Equal(id, Assert.Single((await cluster.Catalog.ListTopics()).Topics).Id);
        var topic = await cluster.Grains.GetTopic("t").Describe();
        Assert.Equal(id, topic.Id);
        Assert.Equal(2, topic.Partitions.Count);
        Assert.Equal("5", topic.Overrides["retention.ms"]);
        Assert.Equal(0, (await cluster.Partition("t", 1).Produce(Batches.Request("a"))).BaseOffsets.Single());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_topic_that_was_being_deleted_is_removed(bool topicKnowsAlready)
    {
        await MakeTopicAndStop();
        SetStage("\"Deleting\"");
        if (topicKnowsAlready) Execute("DELETE FROM OrleansStorage WHERE GrainTypeString = 'topic'");

        await using var cluster = await LogCluster.StartAsync(_data.Path);
        Assert.Empty((await cluster.Catalog.ListTopics()).Topics);
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => cluster.Grains.GetTopic("t").Describe());
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, error.Error);
        if (!topicKnowsAlready) Assert.Empty(Directory.GetDirectories(_data.Path));
        await cluster.CreateTopicAsync("other");
    }

    [Fact]
    public async Task A_partition_count_that_the_catalog_has_not_heard_of_reaches_it_with_the_topics_next_use()
    {
        await MakeTopicAndStop();
        Execute("UPDATE OrleansStorage SET PayloadBinary = CAST(REPLACE(CAST(PayloadBinary AS TEXT), "
            + "'[[1],[1]]', '[[1],[1],[1]]') AS BLOB) WHERE GrainTypeString = 'topic'");
        Execute("UPDATE OrleansStorage SET PayloadBinary = CAST(REPLACE(CAST(PayloadBinary AS TEXT), "
            + "'\"isUnannounced\":false', '\"isUnannounced\":true') AS BLOB) WHERE GrainTypeString = 'topic'");

        await using var cluster = await LogCluster.StartAsync(_data.Path);
        Assert.Equal(3, (await cluster.Grains.GetTopic("t").Describe()).Partitions.Count);
        Assert.Equal(3, Assert.Single((await cluster.Catalog.ListTopics()).Topics).PartitionCount);
    }

    [Fact]
    public async Task Data_whose_metadata_was_lost_is_not_taken_over_by_a_new_topic_of_that_name()
    {
        await MakeTopicAndStop();
        Execute("DELETE FROM OrleansStorage");
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t", 2);
        var error = await Assert.ThrowsAsync<OrleansLogException>(
            () => cluster.Partition("t", 0).Produce(Batches.Request("a")));
        Assert.Equal(ErrorCode.InconsistentTopicId, error.Error);
        Assert.NotEmpty(Directory.GetFiles(_data.File("t-0"), "*.log"));
    }

    private async Task<Guid> MakeTopicAndStop()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        var topic = await cluster.CreateTopicAsync("t", 2, new Dictionary<string, string> { ["retention.ms"] = "5" });
        await cluster.Partition("t", 0).Produce(Batches.Request("before"));
        return topic.Id;
    }

    private void SetStage(string stage) => Execute(
        "UPDATE OrleansStorage SET PayloadBinary = CAST(REPLACE(CAST(PayloadBinary AS TEXT), '\"Ready\"', '"
        + stage + "') AS BLOB) WHERE GrainTypeString = 'topics'");

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_data.File("metadata.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // the test's own text
        command.CommandText = sql;
#pragma warning restore CA2100
        Assert.Equal(1, Math.Min(1, command.ExecuteNonQuery()));
    }
}
