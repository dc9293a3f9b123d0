using System.Buffers;
using OrleansLog.Client;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Client;

public sealed class SerializerTests
{
    [Fact]
    public void What_is_written_is_read()
    {
        RoundTrip(Serializers.Text, "grün", 5);
        RoundTrip(Serializers.Int32, -2, 4);
        RoundTrip(Serializers.Int64, long.MinValue, 8);
        RoundTrip(Serializers.Double, Math.PI, 8);
        RoundTrip(Serializers.Guid, Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"), 16);
        RoundTrip(Serializers.Json<Dictionary<string, int>>(), new Dictionary<string, int> { ["a"] = 1 }, 7);
        RoundTrip(Serializers.For<int?>(null), 7, 4);
        RoundTrip(Serializers.Custom<byte>((b, output) => output.Write([b]), static data => data.Span[0]), (byte)9, 1);
    }

    [Fact]
    public void A_uuid_is_written_in_the_order_in_which_it_is_read() =>
        Assert.Equal("00112233445566778899AABBCCDDEEFF", Convert.ToHexString(
            Write(Serializers.Guid, Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"))));

    [Fact]
    public void Null_is_not_empty()
    {
        Assert.True(Serializers.Text.IsNull(null));
        Assert.False(Serializers.Text.IsNull(""));
        Assert.Null(Serializers.Text.Deserialize(default, isNull: true));
        Assert.Equal("", Serializers.Text.Deserialize(default, isNull: false));
        Assert.Null(Serializers.For<long?>(null).Deserialize(default, isNull: true));
    }

    [Fact]
    public void Bytes_that_are_kept_are_a_copy_and_borrowed_ones_are_not()
    {
        var data = new byte[] { 1, 2, 3 };
        var kept = Serializers.Bytes.Deserialize(data, false);
        var borrowed = Serializers.BorrowedBytes.Deserialize(data, false);
        data[0] = 9;
        Assert.Equal(1, kept.Span[0]);
        Assert.Equal(9, borrowed.Span[0]);
    }

    [Fact]
    public void A_number_of_another_size_is_refused()
    {
        var error = Assert.Throws<OrleansLogException>(() => Serializers.Int64.Deserialize(new byte[5], false));
        Assert.Equal("5 bytes cannot be read as a 64-bit integer, which has 8 bytes.", error.Message);
    }

    [Fact]
    public void A_type_without_a_serializer_is_refused_by_name() =>
        Assert.Contains(
            nameof(Uri), Assert.Throws<ArgumentException>(() => Serializers.For<Uri>(null)).Message, StringComparison.Ordinal);

    private static void RoundTrip<T>(RecordSerializer<T> serializer, T value, int size)
    {
        var bytes = Write(serializer, value);
        Assert.Equal(size, bytes.Length);
        Assert.Equal(value, serializer.Deserialize(bytes, false));
    }

    private static byte[] Write<T>(RecordSerializer<T> serializer, T value)
    {
        var output = new ArrayBufferWriter<byte>();
        serializer.Serialize(value, output);
        return output.WrittenSpan.ToArray();
    }
}
