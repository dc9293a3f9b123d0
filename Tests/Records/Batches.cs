using System.Text;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Records;

/// <summary>Makes batches for the tests of the format.</summary>
internal static class Batches
{
    public const long Time = 1_700_000_000_000;

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    /// <summary>A batch of <paramref name="count"/> records with a mix of keys, nulls and headers.</summary>
    public static byte[] Mixed(int count, CompressionType compression = CompressionType.None, int level = 0, long producerId = -1)
    {
        using var builder = new RecordBatchBuilder(1 << 24, compression, level);
        for (var i = 0; i < count; i++) Assert.True(Append(builder, i));
        if (producerId >= 0) builder.SetProducer(producerId, 3, 17);
        return builder.Build().ToArray();
    }

    public static bool Append(RecordBatchBuilder builder, int i) => builder.TryAppend(
        Time + (i % 7) - 3, Bytes($"key-{i % 5}"), i % 3 != 0,
        Bytes($"value {i} of a line that compresses rather well"), i % 4 != 0,
        i % 6 == 0 ? [new RecordHeader("größe", Bytes($"{i}")), new RecordHeader("none", default, hasValue: false)] : null);

    /// <summary>Checks what <see cref="Mixed"/> wrote.</summary>
    public static void AssertMixed(
        ReadOnlyMemory<byte> batch, int count, long baseOffset = 0, RecordBatchReaderOptions? options = null)
    {
        using var reader = new RecordBatchReader(batch, options);
        for (var i = 0; i < count; i++)
        {
            Assert.True(reader.MoveNext());
            var record = reader.Current;
            Assert.Equal(baseOffset + i, record.Offset);
            Assert.Equal(Time + (i % 7) - 3, record.TimestampMs);
            Assert.Equal(i % 3 != 0, record.HasKey);
            Assert.Equal(i % 3 != 0 ? $"key-{i % 5}" : "", Text(record.Key));
            Assert.Equal(i % 4 != 0, record.HasValue);
            Assert.Equal(i % 4 != 0 ? $"value {i} of a line that compresses rather well" : "", Text(record.Value));
            var headers = record.Headers.ToArray();
            Assert.Equal(i % 6 == 0 ? 2 : 0, headers.Length);
            if (headers.Length == 0) continue;
            Assert.Equal(("größe", $"{i}", true), (headers[0].Key, Text(headers[0].Value), headers[0].HasValue));
            Assert.Equal(("none", false), (headers[1].Key, headers[1].HasValue));
        }

        Assert.False(reader.MoveNext());
        Assert.False(reader.MoveNext());
    }

    public static OrleansLogException Refused(Action action) => Assert.Throws<OrleansLogException>(action);

    public static byte[] WithCrc(byte[] batch)
    {
        RecordBatch.WriteCrc(batch);
        return batch;
    }
}
