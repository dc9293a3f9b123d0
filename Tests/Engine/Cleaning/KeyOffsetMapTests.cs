using System.Text;
using OrleansLog.Engine.Storage;
using Xunit;

namespace OrleansLog.Tests.Engine.Cleaning;

public sealed class KeyOffsetMapTests
{
    [Theory]
    [InlineData(0, "A3817F04BA25A8E66DF67214C7550293")]
    [InlineData(1, "DA87C1D86B99AF44347659119B22FC45")]
    [InlineData(2, "8177228DA4A45DC7FCA38BDEF60AFFE4")]
    public void The_hash_is_the_published_one(int length, string expected)
    {
        var input = Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        var (first, second) = new SipHash128(0x0706050403020100, 0x0f0e0d0c0b0a0908).Compute(input);
        var bytes = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(bytes, first);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), second);
        Assert.Equal(expected, Convert.ToHexString(bytes));
    }

    [Fact]
    public void It_agrees_with_a_dictionary_over_random_puts()
    {
        var random = new Random(1);
        var map = new KeyOffsetMap(5000);
        var model = new Dictionary<string, long>();
        for (var offset = 0L; offset < 20_000; offset++)
        {
            var key = random.Next(5000).ToString(System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(map.TryPut(Encoding.UTF8.GetBytes(key), offset));
            model[key] = offset;
        }

        Assert.Equal(model.Count, map.Count);
        for (var i = 0; i < 6000; i++)
        {
            var key = i.ToString(System.Globalization.CultureInfo.InvariantCulture);
            Assert.Equal(model.GetValueOrDefault(key, -1), map.Find(Encoding.UTF8.GetBytes(key)));
        }
    }

    [Fact]
    public void A_full_map_takes_known_keys_only()
    {
        var map = new KeyOffsetMap(2);
        Assert.True(map.TryPut("a"u8, 0));
        Assert.True(map.TryPut("b"u8, 1));
        Assert.False(map.TryPut("c"u8, 2));
        Assert.True(map.TryPut("a"u8, 3));
        Assert.Equal(3, map.Find("a"u8));
        Assert.Equal(-1, map.Find("c"u8));
    }

    [Fact]
    public void An_earlier_offset_does_not_replace_a_later_one()
    {
        var map = new KeyOffsetMap(1);
        map.TryPut("a"u8, 7);
        map.TryPut("a"u8, 5);
        Assert.Equal(7, map.Find("a"u8));
    }

    [Fact]
    public void The_empty_key_and_offset_zero_are_like_any_other()
    {
        var map = new KeyOffsetMap(1);
        Assert.Equal(-1, map.Find([]));
        Assert.True(map.TryPut([], 0));
        Assert.Equal(0, map.Find([]));
    }

    [Fact]
    public void Its_memory_is_what_was_promised()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var map = new KeyOffsetMap(KeyOffsetMap.KeysIn(1 << 20));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1 << 19, (1 << 20) + 1024);
        Assert.Equal(32_768, map.MaxKeys);
    }
}
