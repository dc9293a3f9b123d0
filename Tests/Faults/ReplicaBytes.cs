using System.Globalization;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Faults;

/// <summary>
/// Compares what the replicas of a partition have on disk, byte by byte, base offsets and leader epochs included. Where segments
/// begin is each node's own affair; what batches they hold is not.
/// </summary>
internal static class ReplicaBytes
{
    /// <summary>Compares the replicas of a partition in the data directories of silos that do not run.</summary>
    /// <returns>How many bytes are the same in all.</returns>
    public static long Compare(TopicPartition partition, IReadOnlyList<string> dataDirectories)
    {
        var replicas = dataDirectories.Select(directory => (Directory: directory, Bytes: Read(directory, partition))).ToArray();
        var first = replicas[0];
        foreach (var other in replicas.Skip(1))
        {
            var same = first.Bytes.AsSpan().CommonPrefixLength(other.Bytes);
            if (same == first.Bytes.Length && same == other.Bytes.Length) continue;
            Assert.Fail(
                $"{partition} differs between {first.Directory} ({first.Bytes.Length} bytes, {EndOf(first.Bytes)}) and {other.Directory} "
                + $"({other.Bytes.Length} bytes, {EndOf(other.Bytes)}) at byte {same}: {BatchAt(first.Bytes, same)} against {BatchAt(other.Bytes, same)}.");
        }

        return first.Bytes.Length;
    }

    private static byte[] Read(string dataDirectory, TopicPartition partition)
    {
        var directory = Path.Combine(dataDirectory, partition.ToString());
        Assert.True(Directory.Exists(directory), $"{directory} is missing.");
        using var all = new MemoryStream();
        foreach (var file in Directory.GetFiles(directory, "*.log").Order(StringComparer.Ordinal))
        {
            ReadOnlyMemory<byte> rest = File.ReadAllBytes(file);
            while (RecordBatch.TryReadNext(ref rest, out var batch, out _)) all.Write(batch.Span);
        }

        return all.ToArray();
    }

    private static string EndOf(byte[] bytes)
    {
        ReadOnlyMemory<byte> rest = bytes;
        var end = 0L;
        while (RecordBatch.TryReadNext(ref rest, out _, out var header)) end = header.NextOffset;
        return string.Create(CultureInfo.InvariantCulture, $"end offset {end}");
    }

    private static string BatchAt(byte[] bytes, int position)
    {
        ReadOnlyMemory<byte> rest = bytes;
        while (RecordBatch.TryReadNext(ref rest, out _, out var header))
        {
            if (bytes.Length - rest.Length > position)
                return string.Create(CultureInfo.InvariantCulture, $"offsets {header.BaseOffset} to {header.NextOffset - 1} of epoch {header.PartitionLeaderEpoch}");
        }

        return "nothing";
    }
}
