using OrleansLog.Records;

namespace OrleansLog.Tests.Faults;

/// <summary>What befalls a file of a log on its disk.</summary>
internal static class SegmentDamage
{
    /// <summary>A segment that holds something: one between others, where there is one.</summary>
    public static string Choose(string dataDirectory, TopicPartition partition, Random random)
    {
        var segments = Directory.GetFiles(Path.Combine(dataDirectory, partition.ToString()), "*.log")
            .Where(static path => new FileInfo(path).Length > 0).Order(StringComparer.Ordinal).ToArray();
        return segments.Length > 2 ? segments[random.Next(1, segments.Length - 1)] : segments[^1];
    }

    public static void FlipBit(string path, Random random) => FlipBit(path, random.NextInt64(new FileInfo(path).Length), random.Next(8));

    public static void FlipBit(string path, long position, int bit)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = position;
        var value = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(value ^ (1 << bit)));
    }

    /// <summary>Cuts it anywhere, or, one time in two, between two batches.</summary>
    public static void Cut(string path, Random random)
    {
        using var file = File.Open(path, FileMode.Open);
        var length = random.NextInt64(file.Length);
        if (random.Next(2) == 0)
        {
            const int LengthAt = 8, HeaderBytes = 12;
            var (start, header) = (0L, new byte[HeaderBytes]);
            while (true)
            {
                file.Position = start;
                if (file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes) break;
                var next = start + HeaderBytes + System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(LengthAt));
                // Zeros written ahead are no batch.
                if (next <= start + HeaderBytes || next > length) break;
                start = next;
            }

            length = start;
        }

        file.SetLength(length);
    }

    public static void Delete(string path, Random random) => File.Delete(path);

    /// <summary>The bytes of all segments, whatever they are.</summary>
    public static byte[] Read(string dataDirectory, TopicPartition partition) =>
        [.. Directory.GetFiles(Path.Combine(dataDirectory, partition.ToString()), "*.log").Order(StringComparer.Ordinal).SelectMany(File.ReadAllBytes)];

    /// <summary>Whether the log begins with what it had before.</summary>
    public static bool IsRepaired(string dataDirectory, TopicPartition partition, byte[] before)
    {
        try
        {
            return Read(dataDirectory, partition).AsSpan().StartsWith(before);
        }
        catch (IOException)
        {
            return false; // a file went while it was being read
        }
    }
}
