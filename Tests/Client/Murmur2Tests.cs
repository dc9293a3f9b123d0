using System.Text;
using OrleansLog.Client;
using Xunit;

namespace OrleansLog.Tests.Client;

public sealed class Murmur2Tests
{
    // The vectors of Kafka's own test of its hash.
    [Theory]
    [InlineData("21", -973932308)]
    [InlineData("foobar", -790332482)]
    [InlineData("a-little-bit-long-string", -985981536)]
    [InlineData("a-little-bit-longer-string", -1486304829)]
    [InlineData("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]
    [InlineData("abc", 479470107)]
    public void The_hash_is_that_of_the_Java_client(string key, int hash) =>
        Assert.Equal(hash, Murmur2.Hash(Encoding.UTF8.GetBytes(key)));

    [Fact]
    public void A_negative_hash_loses_its_sign_bit_only() =>
        Assert.Equal((-973932308 & int.MaxValue) % 6, Murmur2.Partition("21"u8, 6));
}
