using System.Buffers.Binary;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>The fields of the protocol, there and back, and what is none.</summary>
public sealed class CodecTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_written_is_read(bool isFlexible)
    {
        var id = Guid.NewGuid();
        var frame = Write(isFlexible, writer =>
        {
            writer.WriteBoolean(true);
            writer.WriteInt8(-3);
            writer.WriteInt16(-300);
            writer.WriteInt32(int.MinValue);
            writer.WriteInt64(long.MaxValue);
            writer.WriteUuid(id);
            writer.WriteVarUInt(uint.MaxValue);
            writer.WriteString("schön");
            writer.WriteString(null);
            writer.WriteBytes([1, 2, 3]);
            writer.WriteInt32Array([7, -8]);
            writer.WriteArrayLength(-1);
            writer.WriteTaggedFields();
            writer.WriteString(new string('x', 3000));
        });
        var reader = new KafkaReader(frame) { IsFlexible = isFlexible };
        Assert.True(reader.ReadBoolean("a"));
        Assert.Equal(-3, reader.ReadInt8("a"));
        Assert.Equal(-300, reader.ReadInt16("a"));
        Assert.Equal(int.MinValue, reader.ReadInt32("a"));
        Assert.Equal(long.MaxValue, reader.ReadInt64("a"));
        Assert.Equal(id, reader.ReadUuid("a"));
        Assert.Equal(uint.MaxValue, reader.ReadVarUInt("a"));
        Assert.Equal("schön", reader.ReadString("a"));
        Assert.Null(reader.ReadNullableString("a"));
        Assert.Equal([1, 2, 3], reader.ReadBytes("a").ToArray());
        Assert.Equal([7, -8], reader.ReadInt32Array("a"));
        Assert.Equal(-1, reader.ReadNullableArrayLength("a"));
        reader.SkipTaggedFields();
        Assert.Equal(3000, reader.ReadString("a").Length);
        Assert.Equal(0, reader.Remaining);
    }

    [Fact]
    public void Records_are_sent_from_the_memory_they_are_in()
    {
        using var writer = new KafkaWriter();
        writer.WriteInt32(1);
        var records = new byte[] { 10, 11, 12 };
        writer.WriteRecords(RecordBytes.Borrow(records));
        writer.WriteRecords(RecordBytes.Empty);
        writer.WriteInt8(9);
        var pieces = writer.Seal();
        Assert.Equal([0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 3, 10, 11, 12, 0, 0, 0, 0, 9], pieces.SelectMany(piece => piece.ToArray()));
        records[0] = 99;
        Assert.Equal(99, pieces[1].Span[0]);
    }

    [Fact]
    public void Unknown_tagged_fields_are_skipped()
    {
        var reader = new KafkaReader(new byte[] { 2, 0, 3, 1, 2, 3, 5, 0, 42 }) { IsFlexible = true };
        reader.SkipTaggedFields();
        Assert.Equal(42, reader.ReadInt8("last"));
    }

    [Theory]
    [InlineData("a string longer than the frame", false, new byte[] { 0, 5, 65 })]
    [InlineData("a string longer than the frame", true, new byte[] { 6, 65 })]
    [InlineData("a null string", false, new byte[] { 255, 255 })]
    [InlineData("a null string", true, new byte[] { 0 })]
    [InlineData("no UTF-8", false, new byte[] { 0, 2, 0xc3, 0x28 })]
    [InlineData("a varint that does not end", true, new byte[] { 255, 255, 255, 255, 255 })]
    [InlineData("a varint above 32 bits", true, new byte[] { 255, 255, 255, 255, 0x1f })]
    [InlineData("a length above 31 bits", true, new byte[] { 255, 255, 255, 255, 0x0f })]
    [InlineData("nothing", false, new byte[0])]
    public void A_malformed_string_is_refused(string what, bool isFlexible, byte[] frame)
    {
        var thrown = Record.Exception(() => new KafkaReader(frame) { IsFlexible = isFlexible }.ReadString("name"));
        Assert.True(thrown is ProtocolException, what);
    }

    [Fact]
    public void An_array_that_the_frame_cannot_hold_is_refused_before_room_is_made_for_it()
    {
        var frame = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(frame, int.MaxValue);
        Assert.Throws<ProtocolException>(() => new KafkaReader(frame).ReadInt32Array("partitions"));
        Assert.Throws<ProtocolException>(() => new KafkaReader(frame).ReadStringArray("topics"));
        Assert.Throws<ProtocolException>(() => new KafkaReader(frame).ReadBytes("records"));
    }

    private static byte[] Write(bool isFlexible, Action<KafkaWriter> write)
    {
        using var writer = new KafkaWriter { IsFlexible = isFlexible };
        write(writer);
        return [.. writer.Seal().SelectMany(piece => piece.ToArray()).Skip(4)];
    }
}
