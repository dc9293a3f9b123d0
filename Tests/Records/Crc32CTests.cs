using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Records;

public sealed class Crc32CTests
{
    [Fact]
    public void The_check_value_of_the_algorithm_comes_out()
    {
        Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));
        Assert.Equal(0xE3069283u, ~Crc32CTables.Append(~0u, "123456789"u8));
        Assert.Equal(0u, Crc32C.Compute([]));
    }

    [Fact]
    public void The_vectors_of_RFC_3720_come_out()
    {
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Compute(Enumerable.Repeat((byte)0xFF, 32).ToArray()));
        Assert.Equal(0x46DD794Eu, Crc32C.Compute(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray()));
    }

    [Fact]
    public void All_paths_agree_at_any_length_and_alignment()
    {
        var random = new Random(1);
        var data = new byte[40_000];
        random.NextBytes(data);
        for (var i = 0; i < 4_000; i++)
        {
            var start = random.Next(64);
            var length = i < 2_000 ? i : random.Next(data.Length - start);
            var seed = (uint)random.NextInt64();
            var span = data.AsSpan(start, length);
            var expected = ~Crc32CTables.Append(~seed, span);
            Assert.Equal(expected, Crc32C.Append(seed, span));
            if (Crc32C.HasInstruction) Assert.Equal(expected, ~Crc32C.AppendByInstruction(~seed, span));
        }
    }

    [Fact]
    public void Appending_in_pieces_gives_the_CRC_of_the_whole()
    {
        var data = new byte[10_000];
        new Random(2).NextBytes(data);
        var whole = Crc32C.Compute(data);
        for (var cut = 0; cut <= data.Length; cut += 97)
        {
            Assert.Equal(whole, Crc32C.Append(Crc32C.Compute(data.AsSpan(0, cut)), data.AsSpan(cut)));
        }
    }
}
