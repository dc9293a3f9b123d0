using OrleansLog.Records;
using Xunit;
using static OrleansLog.Tests.Records.Batches;

namespace OrleansLog.Tests.Records;

/// <summary>
/// Batches written by another implementation, kafka-python 2.0.2 (<c>DefaultRecordBatchBuilder</c>) with its native codecs: what
/// the format says is not left to this project's own reading of it.
/// </summary>
public sealed class GoldenBatchTests
{
    private const int Count = 16;

    public static TheoryData<CompressionType, string> Golden => new()
    {
        { CompressionType.None, """
            AAAAAAAAAAAAAAIXAAAAAAJ5GjzGAAAAAAAPAAABi8/lZ/sAAAGLz+VoBf//////////////////AAAAEC4AAAABAQYEaDAGAP8wCG51bGwBBM
            OkAAwACAIAAABwABAECmtleS0yWmdvbGRlbiB2YWx1ZSAyO2dvbGRlbiB2YWx1ZSAyO2dvbGRlbiB2YWx1ZSAyOwA0AAIGCmtleS0zHmdvbGRl
            biB2YWx1ZSAzOwBIAAoIATxnb2xkZW4gdmFsdWUgNDtnb2xkZW4gdmFsdWUgNDsADAASCgABABYABAwKa2V5LTYAAHQADA4Ka2V5LTc8Z29sZG
            VuIHZhbHVlIDc7Z29sZGVuIHZhbHVlIDc7BgRoNwYA/zcIbnVsbAEEw6QAZgAUEAFaZ29sZGVuIHZhbHVlIDg7Z29sZGVuIHZhbHVlIDg7Z29s
            ZGVuIHZhbHVlIDg7ACoABhIAHmdvbGRlbiB2YWx1ZSA5OwAYAA4UDGtleS0xMAEAGAAAFgxrZXktMTEAACwACBgBIGdvbGRlbiB2YWx1ZSAxMj
            sATAAQGgBAZ29sZGVuIHZhbHVlIDEzO2dvbGRlbiB2YWx1ZSAxMzsAngEAAhwMa2V5LTE0YGdvbGRlbiB2YWx1ZSAxNDtnb2xkZW4gdmFsdWUg
            MTQ7Z29sZGVuIHZhbHVlIDE0OwYGaDE0CAD/MTQIbnVsbAEEw6QAGAAKHgxrZXktMTUBAA==
            """ },
        { CompressionType.Gzip, """
            AAAAAAAAAAAAAAEgAAAAAAJ/+dpVAAEAAAAPAAABi8/lZ/sAAAGLz+VoBQAAAAAAAAAJAAIAAAAFAAAAEB+LCABWlwJrAv99kMFqwkAURc8LYR
            hCkCAioRTJWmxJTNq0jIsuu+gXdGWhsUKDuqgFf8ZV/6QfZqcJKBPEzTDn3Xl33n23gIjyl6nikOrVtq7F//0hRHtW2hD5wWe1u5m+fqzr92qV
            fL/V2yqZmstIgaeaxnzkSLnhmUDLzKkWpoP2/36AMMQPG5t7+CLsNffSbS5NB22a0qYpT2kWDCJxEzyYy8gY1ccd/tEQ0xuE/0NkqVhg2EIGE3
            QsifM+s4t4IbriyS3npsvsBe+69SrmrtpZzhlWapkVmoM9jpFjglHrdyf8AV5ETPXmAQAA
            """ },
        { CompressionType.Snappy, """
            AAAAAAAAAAAAAAFpAAAAAAKgzlS7AAIAAAAPAAABi8/lZ/sAAAGLz+VoBQAAAAAAAAAJAAIAAAAFAAAAEIJTTkFQUFkAAAAAAQAAAAEAAAEk5g
            PwQy4AAAABAQYEaDAGAP8wCG51bGwBBMOkAAwACAIAAABwABAECmtleS0yWmdvbGRlbiB2YWx1ZSAyO2dvbGRlbiB2YWx1Sg8AEAA0AAIGBTkE
            Mx4yKgAgMzsASAAKCAE8MhYABDQ7Og8ALAAMABIKAAEAFgAEDAVHGDYAAHQADA4FDAA3Nj0AADc2PQAsNzsGBGg3BgD/NwhuEc4UZgAUEAFaMm
            QAADg2NgBCDwAUACoABhIANr0ATDk7ABgADhQMa2V5LTEwAQAYAAAWCQ0gMQAALAAIGAEgMmQAJDEyOwBMABAaAEA2FwAAMzZ8ACAxMzsAngEA
            AhwJTAQ0YDYuADodAUoQACQGBmgxNAgA/zE0GfMwGAAKHgxrZXktMTUBAA==
            """ },
        { CompressionType.Lz4, """
            AAAAAAAAAAAAAAFRAAAAAAJ1GpWSAAMAAAAPAAABi8/lZ/sAAAGLz+VoBQAAAAAAAAAJAAIAAAAFAAAAEAQiTRhoQOYBAAAAAAAAnAkBAAD/Ki
            4AAAABAQYEaDAGAP8wCG51bGwBBMOkAAwACAIAAABwABAECmtleS0yWmdvbGRlbiB2YWx1ZSAyOw8AC1EANAACBjkAKTMeKgCZMzsASAAKCAE8
            FgAaNE8A4TQ7AAwAEgoAAQAWAAQMRwBxNgAAdAAMDgwAGjc9ABo3PQCmNzsGBGg3BgD/N84AWmYAFBABwgAaODYADQ8AagAqAAYSAL0AgDk7AB
            gADhQMEQGCMTABABgAABYNAJkxAAAsAAgYASDXAKoxMjsATAAQGgBAFwAaM3wAkjEzOwCeAQACHEwAKjRgLgALHQEPEAAApgYGaDE0CAD/MTTz
            ANAYAAoeDGtleS0xNQEAAAAAAA==
            """ },
        { CompressionType.Zstd, """
            AAAAAAAAAAAAAAEhAAAAAAKbYd6jABQAAAAPAAABi8/lZ/sAAAGLz+VoBQAAAAAAAAAJAAIAAAAFAAAAECi1L/1g5gA1BwCiyygtcEvTGPz//5
            +ranQBAI58+cg0iIiUL/ysV1DqLv62TmHINdNrljVNbLOlFU2mp0Fk2YHvusFXqTrAAOXMeKUnKQzQzPBG70mnPfAP8s4JPfdgdl6EHbrAO01T
            No8j4rXGiunGGBm3xR84NuR8cexeCBOyLS+8UkRSZfhGDzWxHi4eCQVhUUg0RAQY1MTCmit+pe3W2GBpWRNJg64Vqphm/gUBGQBTDGI3G84kAE
            I7EFTiJ7ALWvLVKaOpzoEZTkEBBz6ZgcxAFkWTOmpgBPmAINlLNiVcCvIdwnHAYa4unSJOKA==
            """ },
    };

    [Theory]
    [MemberData(nameof(Golden))]
    public void A_batch_of_another_implementation_is_valid_and_read_record_by_record(CompressionType compression, string base64)
    {
        var batch = Convert.FromBase64String(base64);
        var header = RecordBatch.Validate(batch, fromProducer: true);
        Assert.Equal((compression, Count), (header.Compression, header.RecordCount));
        Assert.Equal((Time - 5, Time + 5), (header.BaseTimestamp, header.MaxTimestamp));
        Assert.Equal(compression == CompressionType.Zstd, header.IsTransactional);
        Assert.Equal(compression == CompressionType.None ? -1 : 20, header.LastSequence);
        using var reader = new RecordBatchReader(batch);
        for (var i = 0; i < Count; i++)
        {
            Assert.True(reader.MoveNext());
            AssertRecord(reader.Current, i);
        }

        Assert.False(reader.MoveNext());
        RecordBatch.ValidateRecords(batch, requireKeys: false);
    }

    [Fact]
    public void The_same_records_give_the_same_bytes()
    {
        var golden = Convert.FromBase64String((string)Golden.Single(row => (CompressionType)row[0] == CompressionType.None)[1]);
        RecordBatch.SetLeaderEpoch(golden, -1); // kafka-python writes 0
        using var builder = new RecordBatchBuilder(1 << 20);
        using var reader = new RecordBatchReader(golden);
        while (reader.MoveNext())
        {
            var record = reader.Current;
            builder.TryAppend(
                record.TimestampMs, record.Key.Span, record.HasKey, record.Value.Span, record.HasValue, [.. record.Headers]);
        }

        Assert.Equal(Convert.ToHexString(golden), Convert.ToHexString(builder.Build().Span));
    }

    private static void AssertRecord(in OrleansLog.Records.Record record, int i)
    {
        Assert.Equal((i, Time + (i * 37 % 11) - 5), (record.Offset, record.TimestampMs));
        Assert.Equal((i % 4 != 0, i % 5 != 0), (record.HasKey, record.HasValue));
        Assert.Equal(i % 4 < 2 ? "" : $"key-{i}", Text(record.Key));
        Assert.Equal(i % 5 < 2 ? "" : string.Concat(Enumerable.Repeat($"golden value {i};", 1 + (i % 3))), Text(record.Value));
        var headers = record.Headers.ToArray();
        Assert.Equal(i % 7 == 0 ? 3 : 0, headers.Length);
        if (headers.Length == 0) return;
        Assert.Equal(("h" + i, true), (headers[0].Key, headers[0].HasValue));
        Assert.Equal([0x00, 0xFF, .. Bytes($"{i}")], headers[0].Value.ToArray());
        Assert.Equal(("null", false, 0), (headers[1].Key, headers[1].HasValue, headers[1].Value.Length));
        Assert.Equal(("ä", true, 0), (headers[2].Key, headers[2].HasValue, headers[2].Value.Length));
    }
}
