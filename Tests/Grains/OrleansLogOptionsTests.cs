using OrleansLog.Grains;
using OrleansLog.Grains.Options;
using Xunit;

namespace OrleansLog.Tests.Grains;

public sealed class OrleansLogOptionsTests
{
    [Fact]
    public void The_defaults_are_valid() => Assert.True(Validate(_ => { }).Succeeded);

    [Fact]
    public void Every_fault_is_named_with_setting_value_and_bound()
    {
        var result = Validate(options =>
        {
            options.DataDirectory = " ";
            options.NodeId = -1;
            options.DefaultPartitions = 0;
            options.MaxFetchBytes = 12;
            options.CommitJournalBytes = 5;
            options.TopicDefaults["retention.mss"] = "1";
            options.Metadata.ConnectionString = "Data Source=:memory:";
        });
        Assert.True(result.Failed);
        (string Setting, string Words)[] expected =
        [
            ("OrleansLog:DataDirectory", "empty"),
            ("OrleansLog:NodeId", "is -1; set it to a value from 0"),
            ("OrleansLog:DefaultPartitions", "is 0; set it to a value from 1 to 10000"),
            ("OrleansLog:MaxFetchBytes", "is 12"),
            ("OrleansLog:CommitJournalBytes", "is 5; set it to a value from 8388608 to 1073741824 or 0."),
            ("OrleansLog:TopicDefaults", "retention.ms?"),
            ("OrleansLog:Metadata:ConnectionString", "names no file"),
        ];
        var faults = result.Failures.ToArray();
        Assert.Equal(expected.Length, faults.Length);
        foreach (var (setting, words) in expected)
        {
            var fault = Assert.Single(faults, fault => fault.StartsWith(setting, StringComparison.Ordinal));
            Assert.Contains(words, fault, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(null, MetadataStoreProvider.Sqlite)]
    [InlineData("Data Source=/x/metadata.db", MetadataStoreProvider.Sqlite)]
    [InlineData("Host=db;Username=u;Database=d", MetadataStoreProvider.PostgreSql)]
    [InlineData("server=db;user id=u", MetadataStoreProvider.PostgreSql)]
    [InlineData("Host", MetadataStoreProvider.Sqlite)]
    public void A_connection_string_tells_which_database_is_meant(string? connectionString, MetadataStoreProvider expected) =>
        Assert.Equal(expected, new MetadataStoreOptions { ConnectionString = connectionString }.EffectiveProvider);

    private static Microsoft.Extensions.Options.ValidateOptionsResult Validate(Action<OrleansLogOptions> configure)
    {
        var options = new OrleansLogOptions();
        configure(options);
        return new OrleansLogOptionsValidator().Validate(null, options);
    }
}
