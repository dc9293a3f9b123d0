using System.Runtime.InteropServices;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Records;

public sealed class VarintTests
{
    public static TheoryData<int, string> Known => new()
    {
        { 0, "00" }, { -1, "01" }, { 1, "02" }, { 63, "7E" }, { -64, "7F" }, { 64, "8001" }, { -65, "8101" }, { 8191, "FE7F" },
        { -8192, "FF7F" }, { 8192, "808001" }, { int.MaxValue, "FEFFFFFF0F" }, { int.MinValue, "FFFFFFFF0F" },
    };

    [Theory]
    [MemberData(nameof(Known))]
    public void Known_values_have_their_known_bytes(int value, string hex)
    {
        Assert.Equal(hex, Encode(value));
        Assert.Equal(hex, Encode((long)value));
    }

    [Fact]
    public void Every_width_comes_back_and_takes_the_size_announced()
    {
        for (var bit = 0; bit < 64; bit++)
        {
            foreach (var value in new[] { 1L << bit, (1L << bit) - 1, -(1L << bit), ~(1L << bit) })
            {
                Assert.Equal(Varint.SizeOf(value) * 2, Encode(value).Length);
                var position = 0;
                Assert.True(Varint.TryRead(Convert.FromHexString(Encode(value)), ref position, out long read));
                Assert.Equal(value, read);
                if (value is < int.MinValue or > int.MaxValue) continue;
                Assert.Equal(Varint.SizeOf((int)value) * 2, Encode((int)value).Length);
                position = 0;
                Assert.True(Varint.TryRead(Convert.FromHexString(Encode((int)value)), ref position, out int small));
                Assert.Equal((int)value, small);
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("80")]
    [InlineData("FFFFFFFF")]
    [InlineData("808080808000")]
    public void A_32_bit_number_cut_off_or_too_long_is_refused(string hex)
    {
        var position = 0;
        Assert.False(Varint.TryRead(Convert.FromHexString(hex), ref position, out int _));
    }

    [Theory]
    [InlineData("")]
    [InlineData("80")]
    [InlineData("FFFFFFFFFFFFFFFFFF")]
    [InlineData("8080808080808080808000")]
    public void A_64_bit_number_cut_off_or_too_long_is_refused(string hex)
    {
        var position = 0;
        Assert.False(Varint.TryRead(Convert.FromHexString(hex), ref position, out long _));
    }

    private static string Encode(int value)
    {
        var buffer = new byte[Varint.MaxInt32Size];
        return Convert.ToHexString(buffer, 0, Varint.Write(ref MemoryMarshal.GetArrayDataReference(buffer), 0, value));
    }

    private static string Encode(long value)
    {
        var buffer = new byte[Varint.MaxInt64Size];
        return Convert.ToHexString(buffer, 0, Varint.Write(ref MemoryMarshal.GetArrayDataReference(buffer), 0, value));
    }
}
