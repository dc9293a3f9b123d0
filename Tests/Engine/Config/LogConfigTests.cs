using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Config;

public sealed class LogConfigTests
{
    [Fact]
    public void The_defaults_are_Kafkas_except_that_every_append_is_flushed()
    {
        var values = LogConfig.Default.ToDictionary();
        Assert.Equal("1", values["flush.messages"]);
        Assert.Equal("delete", values["cleanup.policy"]);
        Assert.Equal("producer", values["compression.type"]);
        Assert.Equal("604800000", values["retention.ms"]);
        Assert.Equal("1073741824", values["segment.bytes"]);
        Assert.Equal("1048588", values["max.message.bytes"]);
        Assert.Equal("0.5", values["min.cleanable.dirty.ratio"]);
        Assert.Equal("3600000", values["message.timestamp.after.max.ms"]);
        Assert.Equal("9223372036854775807", values["flush.ms"]);
    }

    [Fact]
    public void Every_configuration_reads_back_what_it_writes()
    {
        Assert.Equal(LogConfig.Default, LogConfig.Parse(LogConfig.Default.ToDictionary()));
        var other = LogConfig.Parse(new Dictionary<string, string>
        {
            ["cleanup.policy"] = " compact, delete ",
            ["compression.type"] = "zstd",
            ["message.timestamp.type"] = "LogAppendTime",
            ["min.cleanable.dirty.ratio"] = "0.25",
            ["preallocate"] = "true",
            ["retention.ms"] = "-1",
        });
        Assert.True(other.IsCompacted && other.IsDeleted && other.Preallocate);
        Assert.Equal(CompressionType.Zstd, other.Compression);
        Assert.Equal(other, LogConfig.Parse(other.ToDictionary()));
    }

    [Fact]
    public void Overrides_stand_on_the_defaults_that_are_given()
    {
        var defaults = LogConfig.Default with { RetentionMs = 5 };
        var config = LogConfig.Parse(new Dictionary<string, string> { ["segment.bytes"] = "1048576" }, defaults);
        Assert.Equal(5, config.RetentionMs);
        Assert.Equal(1_048_576, config.SegmentBytes);
    }

    [Fact]
    public void Definitions_are_complete_and_in_order()
    {
        var names = LogConfig.Definitions.Select(definition => definition.Name).ToArray();
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        Assert.Equal(23, names.Length);
        Assert.All(LogConfig.Definitions, d => Assert.Equal(d.Default, d.Format(LogConfig.Default)));
    }

    [Theory]
    [InlineData("retention.mss", "retention.ms")]
    [InlineData("segment.byte", "segment.bytes")]
    [InlineData("cleanup.polcy", "cleanup.policy")]
    public void An_unknown_name_is_told_with_the_nearest_known_one(string name, string nearest)
    {
        var refusal = Refused(name, "1");
        Assert.Contains($"'{name}'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"Did you mean {nearest}?", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_like_no_other_gets_no_hint() =>
        Assert.DoesNotContain("Did you mean", Refused("xyz", "1").Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("retention.ms", "-2", "from -1 to")]
    [InlineData("retention.ms", "a week", "from -1 to")]
    [InlineData("segment.bytes", "1048575", "from 1048576 to 2147483647")]
    [InlineData("segment.bytes", "2147483648", "from 1048576 to 2147483647")]
    [InlineData("flush.messages", "0", "from 1 to")]
    [InlineData("min.insync.replicas", "0", "from 1 to")]
    [InlineData("min.cleanable.dirty.ratio", "1.5", "from 0 to 1")]
    [InlineData("min.cleanable.dirty.ratio", "NaN", "from 0 to 1")]
    [InlineData("preallocate", "yes", "true or false")]
    [InlineData("cleanup.policy", "compress", "delete, compact")]
    [InlineData("cleanup.policy", "", "delete, compact")]
    [InlineData("compression.type", "brotli", "zstd")]
    [InlineData("message.timestamp.type", "0", "CreateTime, LogAppendTime")]
    public void A_wrong_value_is_told_with_its_name_and_its_bound(string name, string value, string bound)
    {
        var refusal = Refused(name, value);
        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"'{value}'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(bound, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compaction_lags_must_not_contradict_each_other()
    {
        var refusal = Assert.Throws<OrleansLogException>(() => LogConfig.Parse(new Dictionary<string, string>
        {
            ["min.compaction.lag.ms"] = "100",
            ["max.compaction.lag.ms"] = "99",
        }));
        Assert.Equal(ErrorCode.InvalidConfig, refusal.Error);
        Assert.Contains("max.compaction.lag.ms, which is 99", refusal.Message, StringComparison.Ordinal);
    }

    private static OrleansLogException Refused(string name, string value)
    {
        var refusal = Assert.Throws<OrleansLogException>(
            () => LogConfig.Parse(new Dictionary<string, string> { [name] = value }));
        Assert.Equal(ErrorCode.InvalidConfig, refusal.Error);
        return refusal;
    }
}
