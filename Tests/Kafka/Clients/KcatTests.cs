using System.Globalization;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>kcat, which is librdkafka, unmodified.</summary>
public sealed class KcatTests : IAsyncLifetime
{
    private static readonly string Lines = string.Concat(Enumerable.Range(1, 5000).Select(i => FormattableString.Invariant($"{i}\n")));
    private KafkaSilo _silo = null!;

    private string Bootstrap => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_silo.Port}");

    public async Task InitializeAsync() => _silo = await KafkaSilo.StartAsync();

    public async Task DisposeAsync() => await _silo.DisposeAsync();

    [KcatFact]
    public async Task Lines_of_every_codec_come_back_in_their_order()
    {
        foreach (var codec in (string[])["none", "gzip", "snappy", "lz4", "zstd"])
        {
            await Kcat(Lines, "-P", "-t", codec, "-z", codec, "-X", "enable.idempotence=true");
            Assert.Equal(Lines, await Kcat(null, "-C", "-t", codec, "-o", "beginning", "-e", "-q"));
        }
    }

    [KcatFact]
    public async Task Keys_headers_timestamps_and_offsets_are_kept()
    {
        await Kcat("k1:v1\nk2:v2\n", "-P", "-t", "t", "-K:", "-H", "a=b", "-H", "c=d");
        var read = await Kcat(null, "-C", "-t", "t", "-o", "beginning", "-e", "-q", "-f", "%k %s %h %o\n");
        Assert.Equal("k1 v1 a=b,c=d 0\nk2 v2 a=b,c=d 1\n", read);
        Assert.Contains("t [0] offset 0", await Kcat(null, "-Q", "-t", "t:0:0"), StringComparison.Ordinal);
        Assert.Equal(["0:v1", "1:v2"], await _silo.Cluster.Partition("t", 0).ReadAllAsync());
    }

    [KcatFact]
    public async Task The_cluster_is_listed()
    {
        await _silo.Cluster.CreateTopicAsync("t", partitions: 3);
        var listing = await Kcat(null, "-L");
        Assert.Contains($"broker 1 at {Bootstrap} (controller)", listing, StringComparison.Ordinal);
        Assert.Contains("topic \"t\" with 3 partitions:", listing, StringComparison.Ordinal);
        Assert.Contains("partition 2, leader 1, replicas: 1, isrs: 1", listing, StringComparison.Ordinal);
    }

    private Task<string> Kcat(string? input, params string[] arguments) => RealClient.RunAsync("kcat", ["-b", Bootstrap, .. arguments], input);
}
